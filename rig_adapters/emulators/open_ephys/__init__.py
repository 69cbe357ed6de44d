"""An Open Ephys without animals: its ZMQ Interface plugins, and its HTTP server."""

from rig_adapters.emulators.open_ephys.emulator import emulate

__all__ = ["emulate"]
