"""Simulated neurons and the simulated rig: a rig adapter like any other, on the same wire."""

from rig_adapters.sim.settings import SimRigSettings, UnitSettings

__all__ = ["SimRigSettings", "UnitSettings"]
