"""What of an instrument's packets is certain by now, as stretches of recording. Pure.

Heartbeats say how far time has come, and `balance` up to where all packets have come. Packets are
sent nearly in the order of time: a spike is sent when its waveform is over, and waits in queues.
`margin` is by how much that order may be wrong. So where all has come up to a monitor packet, all
is known up to the last heartbeat before it, less the margin; and after a loss all is known again
from the first heartbeat behind it on, and the margin.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rig_adapters.acquisition.source import (
    RecorderError,
    RecorderRestarted,
    Samples,
    Stretch,
    UnitIds,
)
from rig_adapters.acquisition.sync import TtlSync
from rig_adapters.blackrock.balance import Balance, Believed, Monitor
from rig_adapters.blackrock.clock import DeviceClock
from rig_adapters.blackrock.wire import CONFIGURATION, HEARTBEAT, MONITOR, Packets

SHORTEST_STEP, LONGEST_STEP = 0.5, 2.0
"""When all heartbeats have come and two are farther apart than so many usual steps, the clock has
jumped: nobody recorded what is between. When two are closer than that, it went back."""
_BACKWARDS = 3
"""So many heartbeats in a row that do not go on were not overtaken: the clock went back."""
_PATIENCE = 5
"""Heartbeats after which a spike that came too late is no sign of a restart."""
_NOBODY = -1


@dataclass(frozen=True)
class Terms:
    """What is listened to.

    unit_of: by channel and number of the unit. digital_channel: of the digital input, which tells
    onsets by `sync`.
    """

    unit_of: dict[tuple[int, int], int]
    digital_channel: int | None
    sync: TtlSync | None
    margin: int


@dataclass
class _Beat:
    """A heartbeat: after how many packets it came, and its time in samples."""

    received: int
    sample: int


class Telling:
    """Follows one instrument from one moment on."""

    def __init__(self, terms: Terms, clock: DeviceClock) -> None:
        self._terms, self._clock = terms, clock
        self._units = _UnitTable(terms.unit_of)
        self._balance = Balance()
        self._received = 0
        self._beats: list[_Beat] = []
        """From the last one before the last believed monitor packet on."""
        self._newest, self._heard_s = -1, 0.0
        self._not_advancing = self._n_beats = 0
        self._late_since: int | None = None
        self._resume_behind: int | None = None
        """After so many packets the first heartbeat says from where on all is known."""
        self._known_from: int | None = None
        self._told = -1
        self._gap = (0, 0)
        """The last one; nothing in it is ever told."""
        self._spikes: list[Samples] = [np.zeros(0, np.int64)]
        self._spike_units: list[UnitIds] = [np.zeros(0, np.int32)]
        self._onsets: list[Samples] = [np.zeros(0, np.int64)]

    def hear(self, packets: Packets, heard_s: float) -> list[Stretch]:
        """Take in what came at `heard_s`; return what is certain since.

        Raises RecorderRestarted where time or numbers begin anew, RecorderError where something
        came after its time was told.
        """
        system = np.flatnonzero(packets.channels == CONFIGURATION)
        self._keep(packets)
        found: list[Stretch] = []
        beats = system[packets.types[system] == HEARTBEAT]
        samples = dict(
            zip(beats.tolist(), self._clock.samples(packets.times[beats]).tolist(), strict=True)
        )
        monitors = system[packets.types[system] == MONITOR]
        numbers = dict(zip(monitors.tolist(), packets.payload(monitors, 2).tolist(), strict=True))
        overtaken = self._overtaken(packets, beats)
        for row in sorted({*samples, *numbers, *overtaken}):
            received = self._received + row + 1
            if row in overtaken:
                self._balance.disturb()
            if row in samples:
                self._beat(_Beat(received, samples[row]), heard_s)
            elif row in numbers:
                sent, number = numbers[row]
                for believed in self._balance.put(Monitor(number, sent, received)):
                    found += self._tell(believed)
        self._received += packets.times.size
        return found

    def _overtaken(self, packets: Packets, beats: Samples) -> set[int]:
        """Return the rows of data that is older than order and margin allow."""
        samples = self._clock.samples(packets.times)
        newest = np.full(samples.size, self._newest)
        newest[beats] = samples[beats]
        newest = np.maximum.accumulate(newest)
        is_data = packets.channels < CONFIGURATION
        return set(np.flatnonzero(is_data & (samples < newest - self._terms.margin)).tolist())

    def _beat(self, beat: _Beat, heard_s: float) -> None:
        self._n_beats += 1
        if beat.sample <= self._newest:
            self._balance.disturb()
            self._not_advancing += 1
            if self._not_advancing >= _BACKWARDS:
                raise _went_back()
        else:
            self._not_advancing = 0
            self._newest, self._heard_s = beat.sample, heard_s
        self._beats.append(beat)
        self._resume()
        if self._late_since is not None and self._n_beats > self._late_since + _PATIENCE:
            raise RecorderError(
                "the instrument sent a spike or an edge after its time was told: raise margin_s in "
                "[rig.settings]"
            )

    def _resume(self) -> None:
        if self._resume_behind is None:
            return
        behind = [each for each in self._beats if each.received > self._resume_behind]
        if behind:
            self._resume_behind = None
            self._known_from = behind[0].sample + self._terms.margin
            self._gap = (self._gap[0], self._known_from)

    def _tell(self, believed: Believed) -> Iterator[Stretch]:
        """Yield what is known since, now that a monitor packet is believed."""
        if not believed.whole:
            self._known_from, self._resume_behind = None, believed.received
            self._gap = (self._told, self._gap[1])
            self._forget_beats(believed.received)
            self._resume()
            return
        step = self._clock.heartbeat_samples
        passed = sorted(e.sample for e in self._beats if e.received <= believed.received)
        self._forget_beats(believed.received)
        for before, after in itertools.pairwise(passed):
            if after - before <= SHORTEST_STEP * step:
                raise _went_back()
            if after - before > LONGEST_STEP * step:
                yield from self._known_through(before - self._terms.margin)
                self._known_from = after + self._terms.margin
                self._gap = (self._told, self._known_from)
        if passed:
            yield from self._known_through(passed[-1] - self._terms.margin)

    def _forget_beats(self, received: int) -> None:
        """Keep the latest of those that came before so many packets, and all since."""
        passed = [each for each in self._beats if each.received <= received]
        latest = max(passed, key=lambda each: each.sample, default=None)
        self._beats = [e for e in self._beats if e.received > received or e is latest]

    def _known_through(self, through: int) -> Iterator[Stretch]:
        start = self._known_from
        if start is None or through <= start:
            return
        spikes, units = np.concatenate(self._spikes), np.concatenate(self._spike_units)
        onsets = np.concatenate(self._onsets)
        later = spikes >= through
        self._spikes, self._spike_units = [spikes[later]], [units[later]]
        self._onsets = [onsets[onsets >= through]]
        inside = ~later & (spikes >= start)
        self._known_from = self._told = through
        yield Stretch(
            from_sample=start,
            through_sample=through,
            spike_samples=spikes[inside],
            spike_unit_ids=units[inside],
            sync_samples=onsets[(onsets >= start) & (onsets < through)],
            newest_sample=self._newest,
            heard_host_s=self._heard_s,
        )

    def _keep(self, packets: Packets) -> None:
        """Keep the spikes and onsets that are wanted."""
        units = self._units.of(packets)
        rows = np.flatnonzero(units != _NOBODY)
        samples = self._clock.samples(packets.times[rows])
        self._spikes.append(samples)
        self._spike_units.append(units[rows])
        onsets = self._onsets_in(packets)
        self._onsets.append(onsets)
        late = np.concatenate([samples, onsets])
        late = late[late < self._told]
        was_told = (late < self._gap[0]) | (late >= self._gap[1])
        if self._late_since is None and was_told.any():
            # Unless heartbeats tell presently that the clock has gone back.
            self._late_since = self._n_beats

    def _onsets_in(self, packets: Packets) -> Samples:
        sync, terms = self._terms.sync, self._terms
        if sync is None or terms.digital_channel is None:
            return np.zeros(0, np.int64)
        rows = np.flatnonzero(packets.channels == terms.digital_channel)
        values, changed, _ = packets.payload(rows, 3).T
        has_changed = (changed >> sync.line - 1) & 1 == 1
        is_up = (values >> sync.line - 1) & 1 == 1
        if sync.edges != "both":
            has_changed &= is_up == (sync.edges == "rising")
        return self._clock.samples(packets.times[rows[has_changed]])


def _went_back() -> RecorderRestarted:
    return RecorderRestarted(
        "the clock of the instrument has gone back: it was started anew, or its time was set; "
        "leave it running, and do not set its time during a session"
    )


class _UnitTable:
    """Looks up which unit a packet is of."""

    def __init__(self, unit_of: dict[tuple[int, int], int]) -> None:
        n_channels = max(channel for channel, _ in unit_of) + 1
        self._table = np.full((n_channels + 1, 256), _NOBODY, np.int32)
        for (channel, unit), unit_id in unit_of.items():
            self._table[channel, unit] = unit_id

    def of(self, packets: Packets) -> npt.NDArray[np.int32]:
        """Return the unit (n,) of each packet; -1 where it is no spike of one that is wanted."""
        channels = np.minimum(packets.channels, len(self._table) - 1)
        # Spikes of no unit have types above 254.
        found = self._table[channels, np.minimum(packets.types, 255)]
        return found.astype(np.int32)
