"""Settings of a unit that is tuned on a subspace."""

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field

from rig_adapters.sim.neurons.base import Neurons
from rig_adapters.sim.neurons.settings import UnitSettings


class SubspaceSettings(UnitSettings):
    """A unit with a Gaussian peak on some axes of image space, and blind to all others."""

    kind: Literal["subspace"] = Field(description="which family")
    seed: int = Field(ge=0, description="from which follow the axes and where on them the peak is")
    tuned_dims: int = Field(default=20, ge=1, le=1000, description="number of axes it is tuned on")
    bandwidth: float = Field(
        default=0.8,
        gt=0,
        le=100,
        description="of the peak, in units of the distance from grey to the peak",
    )
    peak_contrast: float = Field(
        default=0.8,
        gt=0,
        le=1,
        description="contrast of the picture at the peak, as a share of the highest possible",
    )

    @classmethod
    def build(cls, units: Sequence[Self]) -> Neurons:
        """Return the units; see `UnitSettings.build`."""
        from rig_adapters.sim.neurons.subspace.neuron import SubspaceNeurons

        return SubspaceNeurons(units)
