"""What of RHX's two streams is certain by now, as stretches of recording. Pure; reads no clock.

One thread of RHX writes waveforms, then the spikes of the same samples, then the next waveforms. So
where waveforms of a later write have come, all spikes before them have been *sent*; they have
*come* only where nothing held them up, since they travel on a connection of their own. Therefore a
stretch is told a margin later, or at once when a later spike has come, which proves it. A spike
that comes even later is never swallowed: it ends the recording with a sentence.
"""

import itertools
import math
from collections import deque
from collections.abc import Mapping
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
from rig_adapters.clocks import DRIFT_PRIOR
from rig_adapters.intan.onsets import Onsets
from rig_adapters.intan.wire import FRAMES, Blocks, Chunks, unwrapped

JUMP_S = 0.1
"""A sample cannot arrive before it was taken. Where one seems to, by more than this, after a loss
that is longer than this, nothing was lost: samples are counted anew."""
_U32 = 1 << 32
_NOBODY = -1

UnitOf = Mapping[tuple[bytes, int], int]
"""Unit by native channel name and spike id, of those that are wanted."""


@dataclass(frozen=True)
class Terms:
    """What the streams are.

    margin_s: how long spikes may be under way.
    """

    sample_rate_hz: float
    unit_of: UnitOf
    blocks_per_write: int
    margin_s: float


class Telling:
    """Follows both streams from one moment on."""

    def __init__(self, terms: Terms, onsets: Onsets | None, from_sample: int) -> None:
        self.lost_doubtful = 0
        """How often something was given up since bytes of the spike stream were no spikes."""
        self._terms = terms
        self._onset_finder = onsets
        self._units = _Units(terms.unit_of)
        self._from = self._told = from_sample
        """First sample that is told; the one up to which was told."""
        self._next: int | None = None
        """What the next block has to begin with."""
        self._ends: deque[int] = deque(maxlen=terms.blocks_per_write)
        self._n_blocks = 0
        self._segments: deque[tuple[int, int]] = deque()
        """Stretches without a gap whose waveforms have come and that were not told yet."""
        self._ripening: deque[tuple[float, int]] = deque()
        """When what came up to which sample was followed by a later write."""
        self._sure = self._proved = from_sample
        self._resume_after_s = -math.inf
        self._late_since: int | None = None
        self._quickest_s, self._quickest_at_s = math.inf, 0.0
        """By how much the quickest sample came later than its time reads, as of when."""
        self._heard_s = -math.inf
        self._newest = from_sample
        self._spikes: list[Samples] = [np.zeros(0, np.int64)]
        self._spike_units: list[UnitIds] = [np.zeros(0, np.int32)]
        self._onsets: list[Samples] = []

    @property
    def expected(self) -> int:
        """The sample with which the next block has to begin."""
        return self._from if self._next is None else self._next

    @property
    def has_heard(self) -> bool:
        """Whether any block has come."""
        return self._next is not None

    def hear_blocks(self, blocks: Blocks, heard_s: float) -> None:
        """Take in blocks that came at `heard_s`.

        Raises RecorderRestarted where samples are counted from elsewhere, and RecorderError where
        spikes have come too late.
        """
        if not blocks.firsts.size:
            return
        starts, missing = self._counted(blocks.firsts, heard_s)
        self._n_blocks += starts.size
        if self._late_since is not None and self._n_blocks >= self._late_since + 2:
            raise RecorderError(
                "spikes of RHX came after their time was told: it runs on a slow network or a busy "
                f"machine; raise spike_margin_s above {self._terms.margin_s:g}"
            )
        if heard_s < self._resume_after_s:
            self._from = int(starts[-1]) + FRAMES
        elif self._resume_after_s > -math.inf:
            self._from, self._resume_after_s = max(self._from, int(starts[0])), -math.inf
        runs = [0, *np.flatnonzero(missing[1:]) + 1, starts.size]
        for first, last in itertools.pairwise(runs):
            self._take_run(int(starts[first]), blocks.words[first:last])
        self._ends.extend((starts + FRAMES).tolist())
        if len(self._ends) == self._ends.maxlen:
            # The last block is believed since the next one has begun: so many back is certainly
            # of an earlier write than that.
            self._ripening.append((heard_s, self._ends[0]))

    def newest_is(self, sample: int, heard_s: float) -> None:
        """Note which sample was the newest to have come."""
        self._newest, self._heard_s = sample, heard_s
        lag_s = heard_s - sample / self._terms.sample_rate_hz
        drifted_s = DRIFT_PRIOR * (heard_s - self._quickest_at_s)
        self._quickest_s = min(self._quickest_s + drifted_s, lag_s)
        self._quickest_at_s = heard_s

    def hear_spikes(self, chunks: Chunks) -> None:
        """Take in spikes, in the order in which they came."""
        if not chunks.timestamps.size:
            return
        samples = unwrapped(chunks.timestamps, self.expected)
        # RHX writes them in the order of time, whichever channel they are of.
        self._proved = max(self._proved, int(samples[-1]))
        units = self._units.of(chunks)
        wanted = (units != _NOBODY) & (samples >= self._from)
        if (wanted & (samples < self._told)).any() and self._late_since is None:
            # Unless blocks tell presently that samples are counted anew.
            self._late_since = self._n_blocks
        self._spikes.append(samples[wanted])
        self._spike_units.append(units[wanted])

    def doubt(self, now_s: float) -> None:
        """Give up what was not told: spikes may be missing of whatever was sent up to now."""
        self.lost_doubtful += 1
        self._resume_after_s = now_s + self._terms.margin_s
        self._segments.clear()

    def resume_at(self, timestamp: int) -> None:
        """Give up what was not told before this timestamp: a connection was lost meanwhile."""
        sample = int(unwrapped(np.array([timestamp], np.uint32), self.expected)[0])
        self._from = max(self._from, sample)
        self._segments.clear()
        self._ripening.clear()
        self._ends.clear()

    def tell(self, looked_s: float) -> list[Stretch]:
        """Return what is certain, where all spikes were taken in that had come at `looked_s`."""
        while self._ripening and self._ripening[0][0] + self._terms.margin_s <= looked_s:
            self._sure = max(self._sure, self._ripening.popleft()[1])
        self._sure = max(self._sure, min(self._proved, self.expected))
        due: list[tuple[int, int]] = []
        while self._segments and self._segments[0][0] < self._sure:
            start, end = self._segments.popleft()
            due.append((start, min(end, self._sure)))
            if end > self._sure:
                self._segments.appendleft((self._sure, end))
        if not due:
            return []
        spikes, units = np.concatenate(self._spikes), np.concatenate(self._spike_units)
        onsets = np.concatenate([np.zeros(0, np.int64), *self._onsets])
        self._told = due[-1][1]
        later = spikes >= self._told
        self._spikes, self._spike_units = [spikes[later]], [units[later]]
        self._onsets = [onsets[onsets >= self._told]]
        return [self._stretch(start, end, spikes, units, onsets) for start, end in due]

    def _stretch(
        self, start: int, end: int, spikes: Samples, units: UnitIds, onsets: Samples
    ) -> Stretch:
        inside = (spikes >= start) & (spikes < end)
        return Stretch(
            from_sample=start,
            through_sample=end,
            spike_samples=spikes[inside],
            spike_unit_ids=units[inside],
            sync_samples=onsets[(onsets >= start) & (onsets < end)],
            newest_sample=self._newest,
            heard_host_s=self._heard_s,
        )

    def _counted(
        self, firsts: npt.NDArray[np.uint32], heard_s: float
    ) -> tuple[Samples, npt.NDArray[np.int64]]:
        """Return the samples (b,) with which blocks begin, and how many are missing before each."""
        if self._next is None:
            self._next = int(unwrapped(firsts[:1], self._from)[0])
        due = np.concatenate([[self._next % _U32], (firsts[:-1].astype(np.int64) + FRAMES) % _U32])
        missing = (firsts.astype(np.int64) - due) % _U32
        starts = self._next + np.cumsum(missing) + FRAMES * np.arange(firsts.size)
        for at in np.flatnonzero(missing):
            lag_s = heard_s - starts[at] / self._terms.sample_rate_hz
            is_early = lag_s < self._quickest_s - JUMP_S < math.inf
            is_long = missing[at] > JUMP_S * self._terms.sample_rate_hz
            if missing[at] >= _U32 // 2 or (is_long and is_early):
                raise RecorderRestarted(
                    "RHX counts its samples anew: it was stopped and run again, or its clock has "
                    "jumped; leave it running, and press Connect on the Commands tab of Network → "
                    "Remote TCP Control, so that the adapter can connect again"
                )
        self._next = int(starts[-1]) + FRAMES
        return starts, missing

    def _take_run(self, start: int, words: npt.NDArray[np.uint16]) -> None:
        """Take in blocks that follow one another: words (b, 128, w)."""
        end = start + FRAMES * len(words)
        if self._onset_finder is not None:
            onsets = self._onset_finder.feed(start, words.reshape(-1, words.shape[-1])[:, 0])
            self._onsets.append(onsets)
        start = max(start, self._from)
        if start >= end:
            return
        if self._segments and self._segments[-1][1] == start:
            start = self._segments.pop()[0]
        self._segments.append((start, end))


class _Units:
    """Looks up which unit spikes are of."""

    def __init__(self, unit_of: UnitOf) -> None:
        self._names = np.array(sorted({name for name, _ in unit_of}), "S5")
        self._table = np.full((self._names.size, 256), _NOBODY, np.int32)
        for (name, spike_id), unit_id in unit_of.items():
            self._table[np.searchsorted(self._names, np.bytes_(name)), spike_id] = unit_id

    def of(self, chunks: Chunks) -> UnitIds:
        """Return the unit of each spike (k,), -1 where it is of none that is wanted."""
        rows = np.minimum(np.searchsorted(self._names, chunks.names), self._names.size - 1)
        units = self._table[rows, chunks.ids]
        return np.where(self._names[rows] == chunks.names, units, _NOBODY).astype(np.int32)
