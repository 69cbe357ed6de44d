"""Settings of the simulated rig: which neurons there are, and how the recording misbehaves."""

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from rig_adapters.errors import RigError
from rig_adapters.units import MOST_CHANNELS, UNITS_PER_CHANNEL, unit_id_of
from rig_adapters.validation import first_problem


class SimSettingsError(RigError):
    """The simulated rig cannot be what its settings ask for."""


class UnitSettings(BaseModel):
    """One simulated neuron. What it prefers follows from its own `seed` alone.

    `rf_center_deg` is right and up of fixation; `rf_size_deg` is the side of the receptive field.
    `max_rate_hz` caps its rate; a picture of its preferred pattern comes close to it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    channel: int = Field(ge=0, le=MOST_CHANNELS, description="number of the electrode")
    unit: int = Field(
        default=1, ge=0, lt=UNITS_PER_CHANNEL, description="number of the unit on its channel"
    )
    seed: int = Field(ge=0, description="from which follows what the neuron prefers")
    rf_center_deg: tuple[float, float] = Field(
        default=(0.0, 0.0), description="centre of the receptive field: right, up"
    )
    rf_size_deg: float = Field(default=3.0, gt=0, le=90, description="side of the receptive field")
    max_rate_hz: float = Field(default=200.0, gt=0, le=1000, description="ceiling of its rate")
    spontaneous_hz: float = Field(default=5.0, ge=0, le=1000, description="rate without stimulus")
    latency_s: float = Field(
        default=0.05, ge=0, le=1, description="from image onset to the first response"
    )

    @property
    def unit_id(self) -> int:
        """Identity on the wire: `channel * 100 + unit`, so 1302 is unit 2 of channel 13."""
        return unit_id_of(self.channel, self.unit)

    @model_validator(mode="after")
    def _room_above_spontaneous(self) -> "UnitSettings":
        if self.spontaneous_hz >= self.max_rate_hz:
            raise ValueError("spontaneous_hz must be below max_rate_hz")
        return self


def _default_units() -> tuple[UnitSettings, ...]:
    return tuple(UnitSettings(channel=channel, seed=channel) for channel in range(1, 5))


class SimRigSettings(BaseModel):
    """The whole simulated rig. What is set to 0 does not happen.

    `gain_cv`, `gain_trend_per_min`: the response gain wanders with this coefficient of variation
    and falls or rises by this share per minute (reference images in public evolution data: 11 %
    from block to block, -5 % over a run of 20 min). Whether the animal looks is the behaviour's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    units: tuple[UnitSettings, ...] = Field(
        default_factory=_default_units, min_length=1, description="the neurons; default: four"
    )
    clock_offset_s: float = Field(
        default=1000.0, ge=-1e9, le=1e9, description="what the rig's clock says at host time 0"
    )
    clock_drift_ppm: float = Field(
        default=20.0, ge=-1000, le=1000, description="by how much the rig's clock runs fast"
    )
    sample_rate_hz: float = Field(
        default=30_000.0, ge=1000, le=1e6, description="spike times are whole samples of this"
    )
    gain_cv: float = Field(
        default=0.11, ge=0, le=1, description="coefficient of variation of the response gain"
    )
    gain_trend_per_min: float = Field(
        default=-0.0025, ge=-1, le=1, description="share by which the gain changes per minute"
    )

    @model_validator(mode="after")
    def _distinct_units(self) -> "SimRigSettings":
        ids = [unit.unit_id for unit in self.units]
        if len(set(ids)) < len(ids):
            raise ValueError("two units have the same channel and unit number")
        return self


def read_settings(table: dict[str, object]) -> SimRigSettings:
    """Validate the adapter's table of the config; SimSettingsError says what is wrong with it."""
    try:
        return SimRigSettings.model_validate(table)
    except ValidationError as error:
        raise SimSettingsError(
            f"the simulated rig cannot use its settings: {first_problem(error)}; "
            "correct the rig's table of the config"
        ) from error
