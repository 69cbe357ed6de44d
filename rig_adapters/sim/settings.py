"""Settings of the simulated rig: which neurons there are, and how the recording misbehaves."""

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from rig_adapters.sim.day_settings import (
    Adaptation,
    Background,
    Losses,
    TimeCourse,
    Variability,
)
from rig_adapters.sim.eye.settings import EyeSettings
from rig_adapters.sim.neurons.registry import AnyUnit
from rig_adapters.sim.neurons.settings import SimSettingsError
from rig_adapters.sim.neurons.shape.settings import ShapeSettings
from rig_adapters.validation import first_problem


def _default_units() -> tuple[AnyUnit, ...]:
    return tuple(ShapeSettings(channel=channel, seed=channel) for channel in range(1, 5))


class SimRigSettings(BaseModel):
    """The whole simulated rig. What is set to 0, and a table that is left out, does not happen.

    `gain_cv`, `gain_trend_per_min`: the response gain wanders with this coefficient of variation
    and falls or rises by this share per minute (reference images in public evolution data: 11 %
    from block to block, -5 % over a run of 20 min). Whether the animal looks is the behaviour's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    units: tuple[AnyUnit, ...] = Field(
        default_factory=_default_units,
        min_length=1,
        description="the neurons; default: four",
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

    gain_trend_sd_per_min: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="standard deviation of gain_trend_per_min, from session to session",
    )
    day_seed: int = Field(
        default=0,
        ge=0,
        lt=2**63,
        description="from which follows what is drawn once for a session, and when something is "
        "lost; with a profile, session.seed where it is left out",
    )
    profile: str = Field(
        default="",
        description="a profile of conditions: the name of one that comes with neuroloop, or the "
        "path of a file",
    )
    profile_sha256: str = Field(
        default="",
        pattern=r"^([0-9a-f]{64})?$",
        description="of the profile's file, entered when it is read: its keys are in the config",
    )
    variability: Variability = Field(
        default_factory=Variability, description="from presentation to presentation"
    )
    time_course: TimeCourse = Field(
        default_factory=TimeCourse, description="latency and shape of responses"
    )
    adaptation: Adaptation = Field(default_factory=Adaptation, description="what a response leaves")
    background: Background = Field(
        default_factory=Background, description="other neurons at the same electrode"
    )
    eye: EyeSettings = Field(
        default_factory=EyeSettings, description="what is coarse beside fixation, and gaze"
    )
    losses: Losses = Field(default_factory=Losses, description="what is not recorded")

    @model_validator(mode="after")
    def _profile_was_read(self) -> "SimRigSettings":
        if self.profile and not self.profile_sha256:
            raise ValueError(
                "profile is for the config of a session: copy its keys to where you need them"
            )
        return self

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
