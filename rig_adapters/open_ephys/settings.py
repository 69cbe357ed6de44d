"""Settings of the Open Ephys adapter: where it is, which stream, which units, what marks onsets."""

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from rig_adapters.acquisition.detection import DetectionSettings
from rig_adapters.acquisition.sync import SyncSettings
from rig_adapters.units import MOST_CHANNELS, unit_id_of

_CONFIG = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
_PLACE = "{channel}"
MOST_UNITS = 100_000


def _expanded(channels: object) -> object:
    """Return the channels of a text such as "1-64"; what is no text is returned as it is."""
    if not isinstance(channels, str):
        return channels
    found = re.fullmatch(r"(\d{1,7})-(\d{1,7})", channels)
    if found is None or not int(found[1]) <= int(found[2]) <= MOST_CHANNELS:
        raise ValueError('channels must be a list of numbers, or a text such as "1-64"')
    return tuple(range(int(found[1]), int(found[2]) + 1))


class _Channels(BaseModel):
    """Channels that are called alike, but for a number."""

    model_config = _CONFIG

    channels: tuple[int, ...] = Field(
        min_length=1,
        description='numbers of the channels, by which the units are numbered: a list, or "1-64"',
    )

    @field_validator("channels", mode="before")
    @classmethod
    def _from_text(cls, channels: object) -> object:
        return _expanded(channels)

    def named(self, pattern: str) -> tuple[tuple[str, int], ...]:
        """Return the name of each channel, and its number."""
        if len(self.channels) > 1 and _PLACE not in pattern:
            raise ValueError(f"{pattern!r} must contain {_PLACE} where there are several channels")
        return tuple((pattern.replace(_PLACE, str(n)), n) for n in self.channels)


class SpikesOf(_Channels):
    """Spikes that Open Ephys detects, by its Spike Detector, and perhaps sorts."""

    electrode: str = Field(
        min_length=1,
        description='name of the electrode in the Spike Detector: "Electrode {channel}"',
    )
    sorted_ids: tuple[int, ...] = Field(
        min_length=1, description="which of its units; 0: what no sorter has claimed"
    )

    @model_validator(mode="after")
    def _units_can_be_numbered(self) -> "SpikesOf":
        for _, channel in self.named(self.electrode):
            for unit in self.sorted_ids:
                unit_id_of(channel, unit)
        return self


class SpikesIn(_Channels, DetectionSettings):
    """Spikes that the adapter detects itself, on continuous channels; its units have number 0."""

    continuous: str = Field(
        min_length=1, description='name of the continuous channel: "CH{channel}"'
    )

    @model_validator(mode="after")
    def _units_can_be_numbered(self) -> "SpikesIn":
        for _, channel in self.named(self.continuous):
            unit_id_of(channel, 0)
        return self


class ControlSettings(BaseModel):
    """What Open Ephys is told through its HTTP server."""

    model_config = _CONFIG

    start: Literal["nothing", "acquisition", "recording"] = Field(
        description="what the adapter starts: nothing, acquisition where it is not running, or a "
        "recording with each session"
    )
    markers: bool = Field(
        description="whether beginning and end of the session's recording are written into that of "
        "Open Ephys, as messages"
    )
    port: int = Field(default=37497, ge=1, le=65535, description="port of the HTTP server")


class OpenEphysSettings(BaseModel):
    """The table `[rig.settings]` of the Open Ephys adapter."""

    model_config = _CONFIG

    host: str = Field(min_length=1, description='machine of Open Ephys; "127.0.0.1" for this one')
    stream: str = Field(min_length=1, description="name of the stream in the ZMQ Interface")
    data_port: int = Field(
        default=5556,
        ge=1,
        le=65535,
        description="port of the ZMQ Interface; the next ones are tried too, in steps of 2",
    )
    spikes: tuple[SpikesOf, ...] = Field(
        default=(), description="units of which Open Ephys tells the spikes"
    )
    detect: tuple[SpikesIn, ...] = Field(
        default=(), description="channels on which the adapter detects spikes"
    )
    sync: SyncSettings = Field(description="what marks image onsets for the recorder")
    control: ControlSettings | None = Field(
        default=None, description="what Open Ephys is told through HTTP; left out: nothing"
    )

    def units(self) -> dict[int, int]:
        """Return the channel of each unit by its id, those of Open Ephys first."""
        told = [
            (unit_id_of(channel, unit), channel)
            for each in self.spikes
            for _, channel in each.named(each.electrode)
            for unit in each.sorted_ids
        ]
        detected = [
            (unit_id_of(channel, 0), channel)
            for each in self.detect
            for _, channel in each.named(each.continuous)
        ]
        if len(told) + len(detected) > MOST_UNITS:
            raise ValueError(f"these are more than {MOST_UNITS} units")
        if len(dict(told + detected)) < len(told) + len(detected):
            raise ValueError("two units have the same channel and number")
        return dict(told + detected)

    @model_validator(mode="after")
    def _has_units(self) -> "OpenEphysSettings":
        if not self.units():
            raise ValueError("name at least one unit: in [[spikes]], or in [[detect]]")
        names = [name for each in self.spikes for name, _ in each.named(each.electrode)]
        names += [f"\0{name}" for each in self.detect for name, _ in each.named(each.continuous)]
        if len(set(names)) < len(names):
            raise ValueError("an electrode or a continuous channel is named twice")
        return self
