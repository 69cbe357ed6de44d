"""What a config says of a recording's statistics and losses. Left out, none of it happens.

Numbers that are drawn once for a session, and moments at which something happens, follow from
`SimRigSettings.day_seed`. Where published numbers are known, a profile has them.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Variability(_Table):
    """How responses to one image differ from presentation to presentation."""

    counts: Literal["poisson", "even"] = Field(
        default="poisson",
        description="spikes about a rate: poisson, or even, without any noise but rounding",
    )
    multiplicative_noise: float = Field(
        default=0.0, ge=0, le=5, description="s of rate * max(0, 1 + s e), e normal, for each unit"
    )
    presentation_gain_cv: float = Field(
        default=0.0,
        ge=0,
        le=2,
        description="coefficient of variation of a gain drawn for each presentation",
    )
    presentation_gain_correlation: float = Field(
        default=0.0, ge=0, le=1, description="of the logarithms of that gain, between any two units"
    )


class TimeCourse(_Table):
    """When within a presentation the spikes come."""

    latency_jitter_s: float = Field(
        default=0.0, ge=0, le=0.1, description="standard deviation of the latency"
    )
    latency_of_weakest_s: float = Field(
        default=0.0,
        ge=0,
        le=0.5,
        description="by how much the weakest responses come later than the strongest",
    )
    transient_range: tuple[float, float] = Field(
        default=(1.5, 1.5),
        description="first peak of a response over its sustained part, less 1: between these for "
        "each unit",
    )

    @model_validator(mode="after")
    def _range_is_one(self) -> "TimeCourse":
        low, high = self.transient_range
        if not 0 <= low <= high <= 20:
            raise ValueError("transient_range must be [low, high], from 0 to 20")
        return self


class Adaptation(_Table):
    """What a response leaves behind."""

    fatigue: float = Field(
        default=0.0,
        ge=0,
        le=10,
        description="a response at the ceiling divides the next one by 1 + this",
    )
    recovery_s: float = Field(default=0.5, gt=0, description="time constant of that")
    repetition_suppression: float = Field(
        default=0.0, ge=0, le=1, description="share that an image loses that was just shown"
    )
    repetition_memory_s: float = Field(default=10.0, gt=0, description="time constant of that")


class Background(_Table):
    """Spikes of other neurons at the electrode, which answer to any image and are not told apart.

    They share the gains of their unit, not its ceiling.
    """

    rate_hz: float = Field(
        default=0.0, ge=0, le=1000, description="median over units, while an image is answered"
    )
    spread: float = Field(
        default=0.0,
        ge=0,
        le=3,
        description="standard deviation of its logarithm, from unit to unit and session to session",
    )


class Losses(_Table):
    """What is not recorded, and whether the rig says so."""

    units_lost_per_hour: float = Field(
        default=0.0, ge=0, le=60, description="rate at which a unit falls silent for good"
    )
    dropouts_per_hour: float = Field(
        default=0.0, ge=0, le=600, description="of each unit: it is silent for a while"
    )
    dropout_s: float = Field(default=20.0, gt=0, le=3600, description="mean length of a dropout")
    missed_spikes: float = Field(
        default=0.0, ge=0, lt=1, description="share of all spikes that are never reported"
    )
    gaps_per_hour: float = Field(
        default=0.0, ge=0, le=600, description="stretches that the rig says it lost"
    )
    gap_s: float = Field(default=0.5, gt=0, le=600, description="mean length of such a stretch")
    missing_replies_per_hour: float = Field(
        default=0.0, ge=0, le=600, description="messages that never come; what they held is lost"
    )
    late_replies_per_hour: float = Field(
        default=0.0, ge=0, le=600, description="messages that come late, with those behind them"
    )
    late_reply_s: float = Field(
        default=1.0, gt=0, le=60, description="how late, by the clock on the wall"
    )
    disconnects_per_hour: float = Field(
        default=0.0, ge=0, le=60, description="the recording system is lost and has to come back"
    )
