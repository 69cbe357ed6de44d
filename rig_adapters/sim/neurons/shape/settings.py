"""Settings of a shape-selective unit."""

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field

from rig_adapters.sim.neurons.base import Neurons
from rig_adapters.sim.neurons.settings import UnitSettings


class ShapeSettings(UnitSettings):
    """A unit that prefers a figure painted from its seed: a curve, a corner, a ring or blobs."""

    kind: Literal["shape"] = Field(default="shape", description="which family")
    seed: int = Field(ge=0, description="from which follows what the neuron prefers")

    @classmethod
    def build(cls, units: Sequence[Self]) -> Neurons:
        """Return the units; see `UnitSettings.build`."""
        from rig_adapters.sim.neurons.shape.neuron import ShapeNeurons

        return ShapeNeurons(units)
