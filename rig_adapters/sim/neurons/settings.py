"""What a config says of a simulated unit: where it is, where it looks, how it fires.

Which pictures it fires to is its family's: a subclass in the folder of the family, and an entry in
`rig_adapters.sim.neurons.registry`. Nothing here, and no settings file, imports torch.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from rig_adapters.errors import RigError
from rig_adapters.sim.neurons.base import Neurons
from rig_adapters.sim.retina import ReceptiveField
from rig_adapters.units import MOST_CHANNELS, UNITS_PER_CHANNEL, unit_id_of


class SimSettingsError(RigError):
    """The simulated rig cannot be what its settings ask for."""


class UnitSettings(BaseModel, ABC):
    """One simulated neuron, of any family.

    `rf_center_deg` is right and up of fixation; `rf_size_deg` is the side of the receptive field.
    `max_rate_hz` caps its rate; a picture of what it prefers comes close to it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: Any
    channel: int = Field(ge=0, le=MOST_CHANNELS, description="number of the electrode")
    unit: int = Field(
        default=1, ge=0, lt=UNITS_PER_CHANNEL, description="number of the unit on its channel"
    )
    rf_center_deg: tuple[float, float] = Field(
        default=(0.0, 0.0), description="centre of the receptive field: right, up"
    )
    rf_size_deg: float = Field(default=3.0, gt=0, le=90, description="side of the receptive field")
    max_rate_hz: float = Field(default=200.0, gt=0, le=1000, description="ceiling of its rate")
    spontaneous_hz: float = Field(default=5.0, ge=0, le=1000, description="rate without stimulus")
    latency_s: float = Field(
        default=0.05, ge=0, le=1, description="from image onset to the first response"
    )

    @classmethod
    @abstractmethod
    def build(cls, units: Sequence[Self]) -> Neurons:
        """Return all units of this family that a rig has, in the order given.

        Raises:
            SimSettingsError: they cannot be what their settings ask for.

        """

    @property
    def unit_id(self) -> int:
        """Identity on the wire: `channel * 100 + unit`, so 1302 is unit 2 of channel 13."""
        return unit_id_of(self.channel, self.unit)

    @property
    def field(self) -> ReceptiveField:
        """Where it looks."""
        return ReceptiveField(self.rf_center_deg, self.rf_size_deg)

    @property
    def room_hz(self) -> float:
        """The highest rate that an image can evoke above the spontaneous one."""
        return self.max_rate_hz - self.spontaneous_hz

    @model_validator(mode="after")
    def _room_above_spontaneous(self) -> Self:
        if self.spontaneous_hz >= self.max_rate_hz:
            raise ValueError("spontaneous_hz must be below max_rate_hz")
        return self
