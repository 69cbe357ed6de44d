"""Settings of a linear-nonlinear unit."""

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field

from rig_adapters.sim.neurons.base import Neurons
from rig_adapters.sim.neurons.settings import UnitSettings


class LinearNonlinearSettings(UnitSettings):
    """A unit with one linear filter, a threshold, and a power law that saturates."""

    kind: Literal["linear_nonlinear"] = Field(description="which family")
    seed: int = Field(ge=0, description="from which the filter follows")
    filter: Literal["gabor", "smooth"] = Field(
        default="gabor", description="bars of light and dark, or soft patches of colour"
    )
    threshold: float = Field(
        default=0.0, ge=0, lt=1, description="drive below which it is silent; 1: the highest drive"
    )
    exponent: float = Field(default=2.0, gt=0, le=10, description="of the power law")
    half_drive: float = Field(
        default=0.1,
        gt=0,
        le=1000,
        description="drive above threshold at which the power law has half saturated; large: never",
    )

    @classmethod
    def build(cls, units: Sequence[Self]) -> Neurons:
        """Return the units; see `UnitSettings.build`."""
        from rig_adapters.sim.neurons.linear_nonlinear.neuron import LinearNonlinearNeurons

        return LinearNonlinearNeurons(units)
