"""An instrument of Blackrock's that is not there: it broadcasts, and listens to nobody."""

from rig_adapters.emulators.blackrock.instrument import emulate

__all__ = ["emulate"]
