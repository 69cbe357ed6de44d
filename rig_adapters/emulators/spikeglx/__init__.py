"""A SpikeGLX without probes: its remote command server, and runs that others start or it has."""

from rig_adapters.emulators.spikeglx.emulator import emulate

__all__ = ["emulate"]
