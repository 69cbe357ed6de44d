"""Settings of a complex cell."""

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field

from rig_adapters.sim.neurons.base import Neurons
from rig_adapters.sim.neurons.settings import UnitSettings


class ComplexCellSettings(UnitSettings):
    """A complex cell of primary visual cortex: bars of one orientation, wherever their edges."""

    kind: Literal["v1_complex"] = Field(description="which family")
    seed: int = Field(
        ge=0, description="from which follow its orientation, its spatial frequency and its place"
    )
    semi_saturation: float = Field(
        default=0.05,
        ge=0.001,
        le=1,
        description="contrast at which normalisation sets in, as a share of the highest drive",
    )

    @classmethod
    def build(cls, units: Sequence[Self]) -> Neurons:
        """Return the units; see `UnitSettings.build`."""
        from rig_adapters.sim.neurons.v1_complex.neuron import ComplexCells

        return ComplexCells(units)
