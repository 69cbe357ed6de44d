"""The relay protocol, version 1: one JSON object in each message, in UTF-8. No I/O.

    relay → neuroloop   hello, recorded
    neuroloop → relay   welcome, who, refused

`docs/reference/relay.md` specifies it, with examples byte by byte. A field that is not known is
left alone, so that a newer relay can talk to an older neuroloop; everything that is known is
checked.
"""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rig_adapters.errors import Reason, RemoteProtocolError
from rig_adapters.units import MOST_CHANNELS, UNITS_PER_CHANNEL

VERSION = 1
MOST_BYTES = 16 * 2**20
MOST_SAMPLE = 2**62
MOST_OFFSET = 2**40
MOST_SPIKES = 1_000_000
"""Of one unit in one window."""

Sample = Annotated[int, Field(ge=0, le=MOST_SAMPLE, strict=True)]
Offset = Annotated[int, Field(ge=-MOST_OFFSET, le=MOST_OFFSET, strict=True)]
Number = Annotated[int, Field(ge=0, le=MOST_SPIKES, strict=True)]
Channel = Annotated[int, Field(ge=0, le=MOST_CHANNELS, strict=True)]
Unit = Annotated[int, Field(ge=0, lt=UNITS_PER_CHANNEL, strict=True)]


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class Hello(_Said):
    """The relay says what it relays; the first thing that it says, and again when asked."""

    say: Literal["hello"]
    relay: int
    system: str = Field(min_length=1, max_length=200)
    sample_rate_hz: float = Field(ge=100, le=1e6)
    units: tuple[tuple[Channel, Unit], ...] = Field(min_length=1, max_length=100_000)
    sees_onsets: bool
    counts_window: tuple[Offset, Offset] | None = None
    """In samples from each onset, where the relay counts and tells of no single spikes."""


class Told(_Said):
    """Everything that was recorded in `[from, through)`: spikes and image onsets, by sample.

    `counts`: onset, channel, unit and number, of each unit for each onset whose window is over.
    """

    say: Literal["recorded"]
    from_sample: Sample = Field(alias="from")
    through: Sample
    spikes: tuple[tuple[Sample, Channel, Unit], ...]
    onsets: tuple[Sample, ...] = ()
    counts: tuple[tuple[Sample, Channel, Unit, Number], ...] = ()


_Heard = Annotated[Hello | Told, Field(discriminator="say")]


class _Envelope(BaseModel):
    message: _Heard


def read(data: bytes) -> Hello | Told:
    """Return what a relay says. Raises RemoteProtocolError where it is nothing."""
    try:
        table: Any = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise RemoteProtocolError(f"it is no JSON: {error}"[:300], Reason.HEADER) from error
    try:
        message = _Envelope.model_validate({"message": table}).message
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"][2:]) or "say"
        raise RemoteProtocolError(f"{where}: {first['msg']}"[:300], Reason.BODY) from error
    if isinstance(message, Hello):
        _check_hello(message)
    else:
        _check_told(message)
    return message


def write(say: str, **fields: Any) -> bytes:
    """Return what is said to a relay."""
    return json.dumps({"say": say, **fields}).encode()


def _check_hello(hello: Hello) -> None:
    if hello.relay != VERSION:
        raise RemoteProtocolError(
            f"it speaks version {hello.relay} of the relay protocol, but this is {VERSION}",
            Reason.FOREIGN,
        )
    if len(set(hello.units)) < len(hello.units):
        raise RemoteProtocolError("units: one is named twice", Reason.BODY)
    window = hello.counts_window
    if window is not None and not (window[0] < window[1] and hello.sees_onsets):
        raise RemoteProtocolError(
            "counts_window: it must be [start, end] with start before end, of a relay that sees "
            "onsets",
            Reason.BODY,
        )


def _check_told(told: Told) -> None:
    if told.through < told.from_sample:
        raise RemoteProtocolError("through is before from", Reason.BODY)
    samples = [spike[0] for spike in told.spikes] + list(told.onsets)
    if samples and not (told.from_sample <= min(samples) and max(samples) < told.through):
        raise RemoteProtocolError("a spike or an onset lies outside of [from, through)")
