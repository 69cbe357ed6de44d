"""Everything on the far side of a socket: the wire, the stimulus process, rig adapters, simulated rigs."""
