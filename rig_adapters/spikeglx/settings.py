"""Settings of the SpikeGLX adapter: where it is, which channels, what marks onsets, who runs it."""

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from rig_adapters.acquisition.detection import DetectionSettings
from rig_adapters.acquisition.sync import SyncSettings
from rig_adapters.units import unit_id_of

_CONFIG = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
NI, OBX, IMEC = 0, 1, 2
"""Kinds of streams, as SpikeGLX numbers them."""
MOST_CHANNELS = 20_000
_PREFIXES = {"nidq": NI, "obx": OBX, "imec": IMEC}


class SpikesOn(DetectionSettings):
    """Channels of the stream on which the adapter detects spikes; its units have number 0."""

    channels: tuple[Annotated[int, Field(ge=0, lt=MOST_CHANNELS)], ...] | str = Field(
        min_length=1,
        description="acquired channels of the stream as SpikeGLX counts them, from 0: a list, or "
        'a text such as "0-383"',
    )

    def numbers(self) -> tuple[int, ...]:
        """Return the channels. Raises ValueError for a text that is no range of them."""
        if not isinstance(self.channels, str):
            return self.channels
        found = re.fullmatch(r"(\d{1,5})-(\d{1,5})", self.channels)
        if found is None or not int(found[1]) <= int(found[2]) < MOST_CHANNELS:
            raise ValueError('channels must be a list of numbers, or a text such as "0-383"')
        return tuple(range(int(found[1]), int(found[2]) + 1))


class SpikeGlxSettings(BaseModel):
    """The table `[rig.settings]` of the SpikeGLX adapter."""

    model_config = _CONFIG

    host: str = Field(min_length=1, description='machine of SpikeGLX; "127.0.0.1" for this one')
    port: int = Field(default=4142, ge=1, le=65535, description="port of its command server")
    stream: str = Field(
        pattern=r"^(nidq|obx\d{1,3}|imec\d{1,3})$",
        description='stream, by its name in SpikeGLX: "nidq", "imec0", "obx0"',
    )
    filtered: bool = Field(
        description="whether SpikeGLX filters what it hands over; imec streams only, and needed "
        "for probes that record all frequencies on one channel"
    )
    detect: tuple[SpikesOn, ...] = Field(
        min_length=1, description="channels on which spikes are detected, and how"
    )
    uv_per_bit: float | None = Field(
        default=None,
        gt=0,
        description="voltage of one step of the converter on these channels; left out: SpikeGLX is "
        "asked",
    )
    sync: SyncSettings = Field(description="what marks image onsets, on the same stream")
    run: Literal["operator", "run", "record"] = Field(
        description="who starts the run of SpikeGLX: operator, somebody else; run, the adapter; "
        "record, the adapter, and it has the run written to disk while a session records"
    )

    def js_ip(self) -> tuple[int, int]:
        """Return the numbers by which SpikeGLX knows the stream; a filtered one is below 0."""
        name = self.stream.rstrip("0123456789")
        kind = _PREFIXES[name]
        return -kind if self.filtered else kind, int(self.stream[len(name) :] or 0)

    def detected(self) -> dict[int, SpikesOn]:
        """Return how spikes are detected, by channel, in ascending order."""
        found = {channel: each for each in self.detect for channel in each.numbers()}
        return dict(sorted(found.items()))

    @model_validator(mode="after")
    def _can_be(self) -> "SpikeGlxSettings":
        if self.filtered and not self.stream.startswith("imec"):
            raise ValueError("only imec streams can be filtered")
        if len(self.detected()) < sum(len(each.numbers()) for each in self.detect):
            raise ValueError("a channel is named twice in detect")
        for channel in self.detected():
            unit_id_of(channel, 0)
        return self
