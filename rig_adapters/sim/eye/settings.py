"""Settings of the eye of a simulated animal."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class EyeSettings(BaseModel):
    """The eye. Without `e2_deg` and `grain_deg` it sees everywhere as well as at fixation.

    Choose both from the literature on the species: `e2_deg` is the eccentricity at which
    magnification is half of that at fixation (Horton & Hoyt 1991: 0.75 in man), `grain_deg` what
    the eye cannot resolve there. What is drawn on the screen is never changed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    e2_deg: float | None = Field(
        default=None, gt=0, le=90, description="eccentricity at which magnification has halved"
    )
    grain_deg: float | None = Field(
        default=None,
        gt=0,
        le=10,
        description="standard deviation of the blur at fixation; elsewhere by magnification",
    )
    gaze_sd_deg: float = Field(
        default=0.0,
        ge=0,
        le=10,
        description="standard deviation of gaze about fixation, each way; 0: it is still",
    )
    gaze_changes: Literal["trial", "presentation"] = Field(
        default="trial", description="when gaze is drawn anew"
    )

    @model_validator(mode="after")
    def _both_or_neither(self) -> "EyeSettings":
        if (self.e2_deg is None) != (self.grain_deg is None):
            raise ValueError("e2_deg and grain_deg are set together, or neither of them")
        return self
