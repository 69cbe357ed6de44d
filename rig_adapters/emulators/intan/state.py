"""What an emulated RHX has been told, and what its emulator's user said that it is."""

from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

CHANNELS_PER_PORT = 128
BANDS = ("", "low", "high", "spike")
"""Of an amplifier channel, as its parameters end: tcpdataoutputenabled…; the first is wideband."""
Mode = Literal["Stop", "Run", "Record", "Trigger"]


class IntanTable(BaseModel):
    """The table `[vendor]` of this emulator."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    host: str = Field(default="127.0.0.1", description="where it listens")
    command_port: int = Field(default=0, ge=0, le=65535, description="0: one that is free")
    waveform_port: int = Field(default=0, ge=0, le=65535)
    spike_port: int = Field(default=0, ge=0, le=65535)
    version: str = Field(default="3.4.0", description="of RHX; since 3.5 data ports have new names")
    controller: Literal["ControllerRecordUSB2", "ControllerRecordUSB3", "ControllerStimRecord"] = (
        "ControllerRecordUSB3"
    )
    running: bool = Field(default=False, description="somebody has pressed Run already")
    first_timestamp: int = Field(default=0, ge=0, lt=1 << 32, description="as if it ran for long")
    upload_s: float = Field(default=0.0, ge=0, description="how long it refuses to run, silently")
    pulse_s: float = Field(default=0.005, gt=0, le=1, description="of a digital line at an onset")
    dark_v: float = Field(default=0.2, description="the photodiode's level without light")
    lit_v: float = Field(default=1.8, description="and with light")
    noise_v: float = Field(default=0.02, ge=0, description="its noise, standard deviation")
    artifact_hz: float = Field(
        default=2.0, ge=0, le=1000, description="of each channel, spikes that are likely none"
    )
    connect_again_s: float = Field(
        default=0.1,
        ge=0,
        description="when somebody presses Connect after a client has gone; 0: never",
    )
    drop_commands_after_s: float = Field(
        default=0.0, ge=0, description="it closes the command connection after so long; 0: never"
    )
    drop_data_after_s: float = Field(
        default=0.0, ge=0, description="it closes the waveform connection after so long; 0: never"
    )


@dataclass
class State:
    """What can be asked and set."""

    table: IntanTable
    sample_rate_hz: float
    amplifiers: frozenset[str]
    """Native names of all amplifier channels, in capitals."""
    mode: Mode = "Stop"
    blocks_per_write: int = 10
    enabled: set[tuple[str, str]] = field(default_factory=set)
    """Native name and band of what is sent."""
    thresholds: dict[str, int] = field(default_factory=dict)
    filename: dict[str, str] = field(default_factory=lambda: {"path": "", "basefilename": ""})
    notes: list[str] = field(default_factory=list)
    timestamp: int = 0
    """The newest."""
    uploading: bool = False
    analog_inputs: tuple[str, ...] = field(init=False)
    """Native names, in their order."""
    digital_inputs: tuple[str, ...] = field(init=False)
    """Native names, in the order of their bits."""

    def __post_init__(self) -> None:
        # The oldest controller counts from 0.
        is_old = self.table.controller == "ControllerRecordUSB2"
        width, first = (2, 0) if is_old else (1, 1)
        self.analog_inputs = tuple(f"ANALOG-IN-{n:0{width}d}" for n in range(first, first + 8))
        self.digital_inputs = tuple(f"DIGITAL-IN-{n:02d}" for n in range(first, first + 16))

    def bands_of(self, channel: str) -> tuple[str, ...]:
        """Return what can be sent of a channel; nothing where there is none of that name."""
        if channel in self.amplifiers:
            return BANDS
        return ("",) if channel in (*self.analog_inputs, *self.digital_inputs) else ()


def native_name(channel: int) -> str:
    """Return how RHX calls the amplifier channel of this number: 128 to a port, from A-000 on."""
    port, number = divmod(channel, CHANNELS_PER_PORT)
    return f"{'ABCDEFGH'[port]}-{number:03d}"
