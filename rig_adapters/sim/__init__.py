"""Simulated neurons and the simulated rig: a rig adapter like any other, on the same wire."""

from rig_adapters.sim.neurons.settings import UnitSettings
from rig_adapters.sim.settings import SimRigSettings

__all__ = ["SimRigSettings", "UnitSettings"]
