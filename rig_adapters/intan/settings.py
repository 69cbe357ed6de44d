"""Settings of the adapter of Intan RHX: where RHX listens, which channels, and who presses Run."""

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from rig_adapters.acquisition.sync import SyncSettings
from rig_adapters.units import MOST_CHANNELS, unit_id_of

MARGIN_HERE_S = 0.005
"""On one machine what was written first has come first; this covers an RHX that is held up in the
middle of a write."""
MARGIN_ELSEWHERE_S = 0.25
"""A packet that was lost on a network is sent again after 0.2 s at the least."""
DIGITAL_LINES = 16
_ANALOG = re.compile(r"ANALOG-IN-\d{1,2}")
SORTED_UNITS = 4
"""RHX tells four sorted types apart."""


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class IntanChannel(_Settings):
    """One amplifier channel, and which units of it are wanted."""

    name: str = Field(
        pattern=r"^[A-H]-\d{3}$", description='its native name in RHX, for example "A-010"'
    )
    channel: int = Field(
        ge=0, le=MOST_CHANNELS, description="the number that it has in neuroloop: 13 makes 1301"
    )
    units: tuple[int, ...] = Field(
        min_length=1, description="0: spikes that RHX has not sorted; 1 to 4: its sorted types"
    )
    threshold_uv: int | None = Field(
        default=None,
        ge=-5000,
        le=5000,
        description="spike threshold in µV that RHX is told; left out: the one that it has",
    )

    @model_validator(mode="after")
    def _units_exist(self) -> "IntanChannel":
        if len(set(self.units)) < len(self.units):
            raise ValueError(f"a unit of channel {self.name} is named twice")
        if not set(self.units) <= set(range(SORTED_UNITS + 1)):
            raise ValueError(f"RHX knows units 0 to {SORTED_UNITS} of channel {self.name} only")
        return self

    @property
    def unit_ids(self) -> tuple[int, ...]:
        """Identities on the wire, in the order of `units`."""
        return tuple(unit_id_of(self.channel, unit) for unit in self.units)


class IntanFile(_Settings):
    """Where RHX writes its own file."""

    folder: str = Field(pattern=r"^[^;]+$", description="folder on the machine where RHX runs")
    name: str = Field(
        pattern=r"^[^;]+$", description="beginning of the file's name; RHX adds the time"
    )


class IntanSettings(_Settings):
    """The table `[rig.settings]` of the adapter of Intan RHX."""

    host: str = Field(default="127.0.0.1", description="machine on which RHX runs")
    command_port: int = Field(default=5000, ge=1, le=65535, description="port of its commands")
    waveform_port: int = Field(default=5001, ge=1, le=65535, description="port of its waveforms")
    spike_port: int = Field(default=5002, ge=1, le=65535, description="port of its spikes")
    channels: tuple[IntanChannel, ...] = Field(min_length=1, description="what to listen to")
    run: Literal["operator", "run", "record"] = Field(
        description="who presses Run in RHX: operator: you do, before the session; run: neuroloop "
        "does; record: neuroloop does, and RHX writes a file"
    )
    file: IntanFile | None = Field(
        default=None, description="where to, with run = record; left out: where RHX wrote last"
    )
    sync: SyncSettings = Field(description="what marks image onsets; digital lines are 1 to 16")
    blocks_per_write: int = Field(
        default=1,
        ge=1,
        le=100,
        description="blocks of 128 samples that RHX sends at once; it can be set while RHX is "
        "stopped, so with run = operator RHX's own stays (10, unless changed there)",
    )
    spike_margin_s: float | None = Field(
        default=None,
        ge=0,
        le=2,
        description="how long spikes are waited for after the waveforms that follow them have "
        "come, since the two come on connections of their own; left out: 0.005 where RHX runs on "
        "this machine, else 0.25, since a lost packet is sent again after 0.2 s",
    )
    patience_s: float = Field(
        default=10.0, ge=0, le=45, description="how long to wait until Connect is pressed in RHX"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> "IntanSettings":
        for what in ("name", "channel"):
            all_of = [getattr(each, what) for each in self.channels]
            if len(set(all_of)) < len(all_of):
                raise ValueError(f"two channels have the same {what}")
        if self.file is not None and self.run != "record":
            raise ValueError('a file is written with run = "record" only')
        if self.sync.kind == "ttl" and self.sync.line > DIGITAL_LINES:
            raise ValueError(f"RHX has digital lines 1 to {DIGITAL_LINES}")
        if self.sync.kind == "photodiode" and not _ANALOG.fullmatch(self.sync.channel):
            raise ValueError('a photodiode is on an analog input of RHX, for example "ANALOG-IN-1"')
        return self

    @property
    def margin_s(self) -> float:
        """How long late spikes are waited for."""
        if self.spike_margin_s is not None:
            return self.spike_margin_s
        here = self.host in ("localhost", "::1") or self.host.startswith("127.")
        return MARGIN_HERE_S if here else MARGIN_ELSEWHERE_S
