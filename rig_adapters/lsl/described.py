"""What a stream must say of itself: the published format. Pure; knows no pylsl.

docs/how-to/recorders/lsl.md is the format's page. What samples mean is in `readers`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rig_adapters.acquisition.source import RecorderError
from rig_adapters.units import unit_id_of
from rig_adapters.wire.messages import UnitDescription

FORMAT = "1"
LONGEST_HEARTBEAT_S = 0.1
"""With a slower one a block would wait too long for its last response."""
COUNTER = "counter"
EVENT_COLUMNS = ("channel", "unit")
EXACT = ("int32", "int64", "double64")
"""Types of number that a counter does not outgrow; a float32 has 16.8 million."""


@dataclass(frozen=True)
class Described:
    """A stream as its outlet describes it.

    rate_hz: 0 where samples come at no fixed rate. labels: of its columns. said: the texts of its
    description under the names of the published format, "" where there is none. units: channel,
    unit and label, as texts.
    """

    name: str
    host: str
    rate_hz: float
    number: str
    n_columns: int
    labels: tuple[str, ...]
    format: str
    sample_rate_hz: str
    heartbeat_s: str
    units: tuple[tuple[str, str, str], ...]

    def __str__(self) -> str:
        return f"the LSL stream {self.name!r} on {self.host}"


def rate_of(stream: Described) -> float:
    """Return the rate in which time is counted: of the acquisition clock."""
    _has_format(stream)
    return _positive(stream, "acquisition/sample_rate_hz", stream.sample_rate_hz)


def heartbeat_of(stream: Described) -> float:
    """Return the longest time for which a stream of events sends nothing."""
    heartbeat_s = _positive(stream, "acquisition/heartbeat_s", stream.heartbeat_s)
    if heartbeat_s > LONGEST_HEARTBEAT_S:
        raise RecorderError(
            f"{stream} says that it may be silent for {heartbeat_s:g} s, but without a heartbeat "
            f"every {LONGEST_HEARTBEAT_S:g} s nobody knows in time that there were no spikes: let "
            "its program send them more often"
        )
    return heartbeat_s


def units_of(stream: Described) -> tuple[UnitDescription, ...]:
    """Return the units that a stream says it has, in its order."""
    units = []
    for channel, unit, label in stream.units:
        try:
            unit_id = unit_id_of(int(channel), int(unit))
        except ValueError as error:
            raise RecorderError(
                f"{stream} describes a unit {unit!r} of channel {channel!r}, which is none "
                f"({error}): correct its description"
            ) from error
        units.append(UnitDescription(unit_id=unit_id, channel_id=int(channel), label=label[:100]))
    if not units or len({unit.unit_id for unit in units}) != len(units):
        raise RecorderError(
            f"{stream} must describe each of its units once, but describes {len(units)}: correct "
            "its description"
        )
    return tuple(units)


def event_columns(stream: Described) -> tuple[int, int, int | None]:
    """Return the columns of channel, unit and counter (None: there is none) of events."""
    if stream.rate_hz:
        raise RecorderError(
            f"{stream} has a fixed rate of {stream.rate_hz:g} Hz, so it has no events: set "
            'kind = "counts", or name another stream'
        )
    missing = [label for label in EVENT_COLUMNS if stream.labels.count(label) != 1]
    if missing:
        raise RecorderError(
            f"{stream} has no column labelled {missing[0]!r} among {_list(stream.labels)}: label "
            "its channels as the page on LSL says"
        )
    channel, unit = (stream.labels.index(label) for label in EVENT_COLUMNS)
    return channel, unit, counter_column(stream)


def count_columns(stream: Described, n_units: int, widest_bin_s: float) -> int | None:
    """Check a stream of counts; return the column of its counter (None: there is none)."""
    counter = counter_column(stream)
    expected = n_units + (counter is not None)
    if stream.n_columns != expected or counter not in (None, n_units):
        raise RecorderError(
            f"{stream} describes {n_units} units, so it must have {n_units} columns of counts and "
            f"perhaps a counter after them, but has {stream.n_columns}: correct its description"
        )
    if not stream.rate_hz:
        raise RecorderError(f'{stream} has no fixed rate, so it has no bins: set kind = "events"')
    if 1 / stream.rate_hz > widest_bin_s * (1 + 1e-9):
        raise RecorderError(
            f"{stream} has bins of {1 / stream.rate_hz:g} s, wider than widest_bin_s = "
            f"{widest_bin_s:g}: send narrower ones, or allow wider ones if windows may be wrong by "
            "half a bin at each end"
        )
    return counter


def counter_column(stream: Described) -> int | None:
    """Return the column of the counter; None where there is none."""
    if COUNTER not in stream.labels:
        return None
    if stream.number not in EXACT:
        raise RecorderError(
            f"{stream} sends its counter as {stream.number}, which counts to 16.8 million at most: "
            "send int32, int64 or double64"
        )
    return stream.labels.index(COUNTER)


def diode_column(stream: Described, label: str) -> int:
    """Return the column of a photodiode."""
    if not stream.rate_hz:
        raise RecorderError(f"{stream} has no fixed rate, so no photodiode: name another stream")
    if stream.labels.count(label) != 1:
        raise RecorderError(
            f"{stream} has no channel {label!r} among {_list(stream.labels)}: correct "
            "sync.channel in [rig.settings]"
        )
    return stream.labels.index(label)


def _has_format(stream: Described) -> None:
    if stream.format != FORMAT:
        raise RecorderError(
            f"{stream} does not say that it has the format that neuroloop reads (its description "
            f"has neuroloop = {stream.format!r}, not {FORMAT!r}): send it as the page on LSL says"
        )


def _positive(stream: Described, what: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise RecorderError(
            f"{stream} does not say {what} in its description ({text!r}): add it, as the page on "
            "LSL says"
        )
    return value


def _list(labels: Sequence[str]) -> str:
    return ", ".join(labels[:20]) or "none"
