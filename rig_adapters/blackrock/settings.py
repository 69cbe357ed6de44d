"""Settings of the adapter of Blackrock's instruments: which one, which units, what marks onsets."""

import re
from ipaddress import IPv4Address

from pydantic import BaseModel, ConfigDict, Field, model_validator

from rig_adapters.acquisition.sync import SyncSettings
from rig_adapters.units import unit_id_of

_CONFIG = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
MOST_CHANNELS = 0x7FFF
MOST_UNITS = 5
"""Central sorts into five units; 255 is noise."""
DIGITAL_LINES = 16


class UnitsOf(BaseModel):
    """Electrodes, and which of their units are wanted."""

    model_config = _CONFIG

    channels: tuple[int, ...] | str = Field(
        min_length=1,
        description='numbers of the channels in Central, from 1: a list, or a text such as "1-96"',
    )
    units: tuple[int, ...] = Field(
        min_length=1, description="0: spikes that are not sorted; 1 to 5: Central's units"
    )

    def numbers(self) -> tuple[int, ...]:
        """Return the channels. Raises ValueError for a text that is no range of them."""
        if isinstance(self.channels, str):
            found = re.fullmatch(r"(\d{1,5})-(\d{1,5})", self.channels)
            first, last = (int(found[1]), int(found[2])) if found else (0, 0)
            channels = tuple(range(first, last + 1))
        else:
            channels = self.channels
        if not channels or min(channels) < 1 or max(channels) > MOST_CHANNELS:
            raise ValueError('channels must be a list of numbers from 1, or a text such as "1-96"')
        return channels

    @model_validator(mode="after")
    def _exist(self) -> "UnitsOf":
        self.numbers()
        if not set(self.units) <= set(range(MOST_UNITS + 1)):
            raise ValueError(f"Central knows units 0 to {MOST_UNITS} of a channel only")
        return self


class BlackrockSettings(BaseModel):
    """The table `[rig.settings]` of the adapter of Blackrock's instruments."""

    model_config = _CONFIG

    host: IPv4Address = Field(
        description='address of the instrument, "192.168.137.128" of an NSP and "192.168.137.200" '
        'of the first hub; "127.0.0.1" of an emulator'
    )
    port: int = Field(
        ge=1,
        le=65535,
        description="port to which it sends: 51001 of an NSP, 51002 to 51004 of the three hubs",
    )
    listen: IPv4Address = Field(
        description="address of this machine at which its packets arrive: the broadcast address "
        '"192.168.137.255" on an instrument\'s network, "127.0.0.1" for an emulator'
    )
    electrodes: tuple[UnitsOf, ...] = Field(
        min_length=1, description="which units are recorded, in tables [[rig.settings.electrodes]]"
    )
    sync: SyncSettings = Field(
        description="what marks image onsets: a line (1 to 16) of the digital input, or nothing"
    )
    digital_channel: int | None = Field(
        default=None,
        ge=1,
        le=MOST_CHANNELS,
        description="number of the digital input in Central, needed with a line: 279 on Gemini",
    )
    margin_s: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="by how much packets may be out of the order of time: a spike is sent when its "
        "waveform is over",
    )

    def unit_of(self) -> dict[tuple[int, int], int]:
        """Return the identity of each unit by its channel and number."""
        return {
            (channel, unit): unit_id_of(channel, unit)
            for each in self.electrodes
            for channel in each.numbers()
            for unit in each.units
        }

    @model_validator(mode="after")
    def _fits_together(self) -> "BlackrockSettings":
        named = sum(len(each.numbers()) * len(each.units) for each in self.electrodes)
        if len(self.unit_of()) < named:
            raise ValueError("a unit of a channel is named twice in electrodes")
        if self.sync.kind == "photodiode":
            raise ValueError(
                "continuous channels are not read: make a digital signal of the photodiode's, or "
                "wire neuroloop's TTL to the digital input"
            )
        if self.sync.kind == "ttl":
            if self.digital_channel is None:
                raise ValueError(
                    "digital_channel is needed to see a line: see its number in Central"
                )
            if self.sync.line > DIGITAL_LINES:
                raise ValueError(f"the digital input has lines 1 to {DIGITAL_LINES}")
            if any(channel == self.digital_channel for channel, _ in self.unit_of()):
                raise ValueError("digital_channel is one of the electrodes")
        return self
