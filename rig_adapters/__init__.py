"""Everything on the far side of a socket: wire, stimulus process, rig adapters, simulators."""
