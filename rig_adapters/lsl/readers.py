"""From the samples of a stream to what is known of which time: events, counts and photodiodes.

A reader is fed with time stamps and values as they come, and tells in portions what is complete.
It knows no pylsl; what a stream says of itself is in `described`.
"""

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from rig_adapters.acquisition.source import RecorderError
from rig_adapters.acquisition.sync import PhotodiodeEdges, PhotodiodeSync, SyncSettings, is_onset
from rig_adapters.lsl.described import (
    Described,
    count_columns,
    counter_column,
    diode_column,
    event_columns,
    heartbeat_of,
    rate_of,
    units_of,
)
from rig_adapters.lsl.order import Order, Sequence
from rig_adapters.lsl.portions import NO_TICKS, Ints, Portion
from rig_adapters.units import MOST_CHANNELS, UNITS_PER_CHANNEL

Values = npt.NDArray[Any]
Times = npt.NDArray[np.float64]

HEARTBEAT, RISES, FALLS = -1, -2, -3
"""What is no unit in the column of units: nothing happened; a line (in the column of channels)
rises; it falls."""
_ONSET = -1
SLACK = 1.5
"""A step between samples that is longer by this than it should be is a loss."""


class Reader(Protocol):
    """Makes sense of one stream."""

    def feed(self, times_s: Times, values: Values) -> list[Portion]:
        """Take in samples (n,), (n, columns); return what is complete since.

        Raises RecorderRestarted, or RecorderError where samples are not of the format.
        """


class EventReader:
    """Reads a sample for each spike, each change of a line, and each heartbeat."""

    def __init__(self, stream: Described, sync: SyncSettings, rate_hz: float) -> None:
        self._stream = stream
        self._sync = sync
        self._rate_hz = rate_hz
        self._channel, self._unit, self._counter = event_columns(stream)
        self._known = np.sort([unit.unit_id for unit in units_of(stream)] if stream.units else [])
        self._order = Order(str(stream), 0, round(SLACK * heartbeat_of(stream) * rate_hz))
        self._from = 0
        self._pending = np.zeros((0, 2), np.int64)
        """Tick and unit of what was not told yet; `_ONSET` in place of a unit is an onset."""

    def feed(self, times_s: Times, values: Values) -> list[Portion]:
        """Take in samples (n,), (n, columns); return what is complete since."""
        ticks = _ticks(self._stream, times_s, self._rate_hz)
        sequence = self._order.follow(ticks, _counters(self._stream, values, self._counter))
        events = self._events(sequence.ticks, values[sequence.rows])
        told = []
        for start, stop in _pieces(sequence):
            if sequence.broken[start]:
                # Of the first sample's own moment, others may be lost.
                self._from, self._pending = int(sequence.ticks[start]) + 1, events[:0, :2]
            through = int(sequence.ticks[stop - 1])
            rows = np.searchsorted(events[:, 2], [start, stop])
            waiting = np.concatenate([self._pending, events[slice(*rows), :2]])
            waiting = waiting[waiting[:, 0] >= self._from]
            now = waiting[:, 0] < through
            self._pending = waiting[~now]
            if through > self._from:
                told.append(_portion(self._from, through, waiting[now]))
                self._from = through
        return told

    def _events(self, ticks: Ints, values: Values) -> Ints:
        """Return tick, unit and row (k, 3) of what matters of samples in order."""
        channels = _whole(self._stream, values[:, self._channel])
        units = _whole(self._stream, values[:, self._unit])
        spikes = (units >= 0) & (units < UNITS_PER_CHANNEL) & (channels >= 0)
        spikes &= channels <= MOST_CHANNELS
        if not np.all(spikes | (units == HEARTBEAT) | (units == RISES) | (units == FALLS)):
            raise RecorderError(
                f"{self._stream} sent something that is neither a spike nor a line's change nor a "
                f"heartbeat: units go from 0 to {UNITS_PER_CHANNEL - 1}, channels from 0 to "
                f"{MOST_CHANNELS}; correct its program"
            )
        ids = np.where(spikes, channels * UNITS_PER_CHANNEL + units, _ONSET)
        wanted = np.zeros(units.shape, np.bool_)
        # Units that it did not describe are nobody's here.
        wanted[spikes] = np.isin(ids[spikes], self._known)
        if self._sync.kind == "ttl":
            for unit, state in ((RISES, True), (FALLS, False)):
                if is_onset(self._sync, self._sync.line, state):
                    wanted |= (units == unit) & (channels == self._sync.line)
        rows = np.flatnonzero(wanted)
        return np.stack([ticks[rows], ids[rows], rows], axis=1)


class CountReader:
    """Reads counts in bins; the time stamp of a sample is the end of its bin.

    Where in its bin a spike was is not known; it is told in the middle.
    """

    def __init__(self, stream: Described, widest_bin_s: float, rate_hz: float) -> None:
        self._stream = stream
        self._rate_hz = rate_hz
        self._units = np.array([unit.unit_id for unit in units_of(stream)], np.int64)
        self._counter = count_columns(stream, self._units.size, widest_bin_s)
        bin_ticks = rate_hz / stream.rate_hz
        self._order = Order(
            str(stream), max(1, round(bin_ticks / 2)), max(1, round(SLACK * bin_ticks))
        )
        self._last = 0

    def feed(self, times_s: Times, values: Values) -> list[Portion]:
        """Take in samples (n,), (n, columns); return what is complete since."""
        ticks = _ticks(self._stream, times_s, self._rate_hz)
        sequence = self._order.follow(ticks, _counters(self._stream, values, self._counter))
        counts = values[sequence.rows][:, : self._units.size]
        if not np.all((counts >= 0) & (counts == np.floor(counts)) & (counts < 1e6)):
            raise RecorderError(
                f"{self._stream} sent what is no count of spikes: send whole numbers, not rates"
            )
        told = []
        for start, stop in _pieces(sequence):
            ends = sequence.ticks[start:stop]
            begins = np.append(self._last, ends[:-1])
            self._last = int(ends[-1])
            # Where the first bin after a loss begins is not known.
            first = int(sequence.broken[start])
            begins, ends = begins[first:], ends[first:]
            if not ends.size:
                continue
            rows, columns = np.nonzero(counts[start + first : stop])
            times = counts[start + first : stop][rows, columns].astype(np.int64)
            middles = (begins + ends) // 2
            spikes = np.repeat(middles[rows], times)
            ids = np.repeat(self._units[columns], times)
            told.append(Portion(int(begins[0]), int(ends[-1]), spikes, ids, NO_TICKS))
        return told


class DiodeReader:
    """Reads a photodiode's channel."""

    def __init__(self, stream: Described, sync: PhotodiodeSync, rate_hz: float) -> None:
        self._stream = stream
        self._rate_hz = rate_hz
        self._column = diode_column(stream, sync.channel)
        self._counter = counter_column(stream)
        self._edges = PhotodiodeEdges(sync, stream.rate_hz)
        step = rate_hz / stream.rate_hz
        self._order = Order(str(stream), 0, max(1, round(SLACK * step)))
        self._sample = self._from = 0

    def feed(self, times_s: Times, values: Values) -> list[Portion]:
        """Take in samples (n,), (n, columns); return what is complete since."""
        ticks = _ticks(self._stream, times_s, self._rate_hz)
        sequence = self._order.follow(ticks, _counters(self._stream, values, self._counter))
        levels = values[sequence.rows][:, self._column].astype(np.float32)
        told = []
        for start, stop in _pieces(sequence):
            if sequence.broken[start]:
                # Another sample than the next one: the patch may have changed unseen.
                self._sample += 1
                self._from = int(sequence.ticks[start]) + 1
            found = self._edges.feed(self._sample, levels[start:stop]) - self._sample
            self._sample += stop - start
            at = np.maximum(sequence.ticks[start:stop][found], self._from)
            through = int(sequence.ticks[stop - 1]) + 1
            if through > self._from:
                told.append(Portion(self._from, through, NO_TICKS, NO_TICKS, at))
                self._from = through
        return told


def _pieces(sequence: Sequence) -> Iterator[tuple[int, int]]:
    """Yield from where to where samples follow one another without loss."""
    n = sequence.ticks.size
    if n:
        inner = [int(row) for row in np.flatnonzero(sequence.broken) if row]
        yield from zip([0, *inner], [*inner, n], strict=True)


def _ticks(stream: Described, times_s: Times, rate_hz: float) -> Ints:
    if not np.all(np.abs(times_s) < 1e10):
        raise RecorderError(f"{stream} sends time stamps that are none: correct its program")
    return np.rint(times_s * rate_hz).astype(np.int64)


def _counters(stream: Described, values: Values, column: int | None) -> Ints | None:
    return None if column is None else _whole(stream, values[:, column])


def _whole(stream: Described, values: Values) -> Ints:
    if not np.all(np.abs(values) < 2.0**53):
        raise RecorderError(f"{stream} sends numbers that are none: correct its program")
    return values.astype(np.int64)


def _portion(from_tick: int, through_tick: int, events: Ints) -> Portion:
    onsets = events[:, 1] == _ONSET
    spikes = events[~onsets]
    return Portion(from_tick, through_tick, spikes[:, 0], spikes[:, 1], events[onsets, 0])


def reader_of_onsets(stream: Described, sync: SyncSettings, rate_hz: float) -> Reader:
    """Return what reads a stream of onsets."""
    if isinstance(sync, PhotodiodeSync):
        return DiodeReader(stream, sync, rate_hz)
    if rate_of(stream) != rate_hz:
        raise RecorderError(
            f"{stream} counts time at {rate_of(stream):g} Hz, but the stream of spikes at "
            f"{rate_hz:g} Hz: both must come from one acquisition system"
        )
    return EventReader(stream, sync, rate_hz)
