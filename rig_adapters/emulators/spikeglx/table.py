"""What the emulated SpikeGLX can be told: the table `[vendor]` of its file."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class SpikeGlxTable(BaseModel):
    """Which stream it has, and what befalls its clients."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    stream: Literal["nidq", "imec0", "obx0"] = Field(default="imec0", description="its only stream")
    port: int = Field(default=0, ge=0, le=65535, description="0: one that is free")
    running: bool = Field(default=True, description="whether its run goes on when it starts")
    validated: bool = Field(
        default=True, description="whether somebody has pressed Verify in its dialog"
    )
    tells_voltages: bool = Field(default=True, description="no: an older build")
    volts_per_bit: float = Field(default=2.34375e-6, gt=0, le=1, description="of all channels")
    block_samples: int = Field(
        default=150, ge=1, le=100_000, description="samples that come at once"
    )
    buffer_s: float = Field(default=4.0, gt=0, le=100, description="what it keeps for clients")
    noise_uv: float = Field(default=4.0, ge=0, description="noise of a channel with spikes")
    offset_uv: float = Field(default=20.0, description="constant voltage on channels with spikes")
    refractory_s: float = Field(
        default=0.002,
        ge=0,
        le=1,
        description="spikes of a channel are so far apart; others are not",
    )
    settling_s: float = Field(
        default=0.001,
        ge=0,
        le=1,
        description="for the truth: a detector with this dead time cannot know for so long after a "
        "loss, and a sample more, what it would have found without it",
    )
    ttl_bit: int = Field(default=6, ge=0, le=15, description="bit that is high from each onset on")
    pulse_s: float = Field(default=0.01, gt=0, le=1, description="for so long")
    idle_s: float = Field(default=10.0, gt=0, description="a silent client is disconnected after")
    too_late: float = Field(
        default=0.0, ge=0, le=1, description="share of requests that come when all kept was dropped"
    )
    closes: float = Field(
        default=0.0, ge=0, le=1, description="share of replies before which it disconnects"
    )
    slow_s: float = Field(default=0.0, ge=0, le=60, description="every reply waits for so long")
