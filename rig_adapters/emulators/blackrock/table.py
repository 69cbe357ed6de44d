"""What the emulated instrument can be told: the table `[vendor]` of its file."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class BlackrockTable(BaseModel):
    """Which instrument it is, and how it is set up."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    port: int = Field(
        default=0, ge=0, le=65535, description="on 127.0.0.1, to which it sends; 0: a free one"
    )
    protocol: Literal["4.2", "4.0", "3.11"] = Field(
        default="4.2", description="layout of its packets; the older ones are refused by neuroloop"
    )
    clock: Literal["samples", "ns"] = Field(
        default="samples", description="samples: as nPlay; ns: as Gemini"
    )
    epoch_s: float = Field(
        default=0.0, ge=0, le=2e9, description="what the clock reads at its start; Gemini has PTP"
    )
    front_end: int = Field(
        default=256, ge=1, le=4096, description="electrodes; the digital input comes 23 after"
    )
    instrument: int = Field(default=0, ge=0, le=3, description="its number in every header")
    ttl_line: int | None = Field(
        default=1, ge=1, le=16, description="line that rises at each onset; none: no line"
    )
    continuous: int = Field(
        default=0, ge=0, le=256, description="channels in the group of 30 kHz; 0: no group"
    )
    waveform_samples: int = Field(
        default=48, ge=30, le=128, description="of a spike, which is sent when they are over"
    )
    noise: float = Field(
        default=0.1, ge=0, le=1, description="share of the blocks with a spike of noise (unit 255)"
    )
    datagram_bytes: int = Field(
        default=1400, ge=300, le=58_080, description="longest datagram; it is filled with packets"
    )
    monitors: bool = Field(default=True, description="whether it sends monitor packets")
    disorder_s: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="margin_s of the adapter, by which the truth says what a loss makes unknown",
    )
    waits: bool = Field(
        default=True,
        description="whether it waits while a listener is slow, so that nothing is lost unseen and "
        "the truth stays true; an instrument does not",
    )
