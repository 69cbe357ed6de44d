"""What the emulated Open Ephys can be told: the table `[vendor]` of its file."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class OpenEphysTable(BaseModel):
    """Which Open Ephys it is, how it is set up, and of which age."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    stream: str = Field(default="acquisition_board", description="name of the stream")
    other_streams: tuple[str, ...] = Field(
        default=(), description="of further ZMQ Interfaces, before the one that matters"
    )
    data_port: int = Field(
        default=0, ge=0, le=65000, description="of the first plugin; 0: one that is free"
    )
    http_port: int = Field(default=0, ge=0, le=65535, description="0: one that is free")
    mode: Literal["IDLE", "ACQUIRE"] = Field(
        default="ACQUIRE", description="whether it acquires as soon as it is there"
    )
    record_node: bool = Field(default=True, description="whether it can record")
    block_samples: int = Field(default=1024, ge=1, le=100_000, description="samples of a block")
    continuous: int = Field(
        default=1, ge=0, le=1024, description="continuous channels with units, CH1, CH2 …"
    )
    noise_uv: float = Field(default=8.0, ge=0, description="noise of a continuous channel")
    photodiode: bool = Field(default=False, description="ADC1 sees the patch: 0.2 V, 3.0 V")
    ttl_line: int | None = Field(
        default=1, ge=1, le=64, description="line that rises at each onset; none: no line"
    )
    spikes: bool = Field(default=True, description="whether there is a Spike Detector")
    waveform_samples: int = Field(default=40, ge=1, le=1000, description="samples of a spike")
    late: float = Field(
        default=0.0, ge=0, le=1, description="share of the spikes that come with the next block"
    )
    number_key: Literal["message_num", "message_no"] = Field(
        default="message_num", description="message_no: a build of before 2022"
    )
    tells_names: bool = Field(default=True, description="no: a build of before July 2025")
    tells_time: bool = Field(default=True, description="no: a build of before May 2023")
    send_queue: int = Field(
        default=0,
        ge=0,
        description="messages for a slow client after which more are dropped unseen; 0: none are, "
        "and the truth stays true; Open Ephys has 1000",
    )
