"""How a session watches its animal and rewards it: the settings, for the config and the wire.

One model serves both, so a table of the config goes to the stimulus process as it is. What the
settings do is in `rig_adapters.stimulus.behaviour` and `rig_adapters.stimulus.reward`.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class AlwaysSettings(_Settings):
    """Nobody watches the eyes here: every trial begins at once and none is broken.

    For tests without an animal, and for rigs whose own system runs the trials; a rig adapter can
    still report broken fixations.
    """

    kind: Literal["always"] = Field(description="always: counts as fixating all the time")

    @property
    def waits_s(self) -> float:
        """How long a spot may be on before somebody looks."""
        return 0.0


class SimulatedAnimalSettings(_Settings):
    """An animal that looks at the spot after a while and looks away in some of its trials.

    It tires by the trials that it was given: with `slowing_per_100_trials` = 0.02 it takes 2 %
    longer to begin, and completes 1/1.02 times as many, for each hundred trials of the session.
    """

    kind: Literal["simulated"] = Field(description="simulated: an animal that looks away at times")
    correct_probability: float = Field(
        default=0.67,
        ge=0,
        le=1,
        description="share of the begun trials that a fresh animal completes",
    )
    correct_log_odds_sd: float = Field(
        default=0.0,
        ge=0,
        le=5,
        description="standard deviation of the log odds of that, from session to session",
    )
    inattentive_probability: float = Field(
        default=0.02, ge=0, lt=1, description="share of fixation spots that it does not look at"
    )
    acquisition_s: float = Field(
        default=0.2, gt=0, description="median time until it looks at the spot, when fresh"
    )
    slowing_per_100_trials: float = Field(
        default=0.02, ge=0, le=10, description="by which share it slows down per 100 trials"
    )
    acquisition_timeout_s: float = Field(
        default=4.0, gt=0, description="after this, the spot goes off and comes again later"
    )

    @property
    def waits_s(self) -> float:
        """How long a spot may be on before somebody looks."""
        return self.acquisition_timeout_s


class EyeTrackerSettings(_Settings):
    """The gaze of a real eye, by an eye tracker that PsychoPy's ioHub knows.

    Fixation is acquired while the gaze is within `window_radius_deg` of the spot and broken when it
    is outside, or when the tracker loses the eye for longer than `longest_blink_s`.
    """

    kind: Literal["eye_tracker"] = Field(description="eye_tracker: gaze from PsychoPy's ioHub")
    iohub_config: str = Field(
        description="YAML file with the tracker's own ioHub settings, under monitor_devices"
    )
    window_radius_deg: float = Field(
        gt=0, le=45, description="how far from the spot the gaze may be; 1 to 1.35 is usual"
    )
    acquisition_timeout_s: float = Field(
        gt=0, description="after this, the spot goes off and comes again later"
    )
    longest_blink_s: float = Field(
        ge=0, le=1, description="how long the tracker may lose the eye within a fixation"
    )

    @property
    def waits_s(self) -> float:
        """How long a spot may be on before somebody looks."""
        return self.acquisition_timeout_s


BehaviourSettings = Annotated[
    AlwaysSettings | SimulatedAnimalSettings | EyeTrackerSettings, Field(discriminator="kind")
]


class NoRewardSettings(_Settings):
    """neuroloop pays no reward: the rig's own system does, or there is no animal."""

    kind: Literal["none"] = Field(description="none: no reward from here")


class _PulseSettings(_Settings):
    completed_pulse_s: float = Field(
        gt=0, le=5, description="how long the valve is open for a completed trial"
    )
    acquired_pulse_s: float = Field(
        default=0.0, ge=0, le=5, description="how long it is open when fixation is acquired"
    )
    ml_per_s: float = Field(gt=0, description="what flows while it is open: measure it")


class SimulatedRewardSettings(_PulseSettings):
    """Pulses that are logged like real ones and go nowhere."""

    kind: Literal["simulated"] = Field(description="simulated: logged, and nothing opens")


class SerialRewardSettings(_PulseSettings):
    """A valve behind the RTS or DTR line of a serial port."""

    kind: Literal["serial"] = Field(description="serial: a control line of a serial port")
    device: str = Field(min_length=1, description='e.g. "/dev/ttyUSB0" or "COM3"')
    line: Literal["rts", "dtr"] = Field(default="rts", description="which line opens the valve")


class ParallelRewardSettings(_PulseSettings):
    """A valve behind a data pin of a Linux parallel port."""

    kind: Literal["parallel"] = Field(description="parallel: a data pin of a parallel port")
    device: str = Field(min_length=1, description='e.g. "/dev/parport0"')
    pin: int = Field(default=2, ge=2, le=9, description="which data pin opens the valve")


RewardSettings = Annotated[
    NoRewardSettings | SimulatedRewardSettings | SerialRewardSettings | ParallelRewardSettings,
    Field(discriminator="kind"),
]
