"""What a rig has sent so far, in order, and where something is missing. Pure; no I/O.

Takes batches of `SpikesRecorded` and answers which spikes, sync edges and broken fixations there
were and which stretches of time are known completely. Counting spikes per presentation is left to
the callers.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rig_adapters.errors import RemoteProtocolError
from rig_adapters.wire.messages import SpikesRecorded

Seconds = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Gap:
    """Nothing is known about `[from_rig_s, to_rig_s)`; of length 0 when only a batch is lost."""

    from_rig_s: float
    to_rig_s: float


@dataclass(frozen=True)
class Spikes:
    """Spikes sorted by time: `times_rig_s` (k,), `unit_ids` (k,) int32."""

    times_rig_s: Seconds
    unit_ids: npt.NDArray[np.int32]


STEP_S = 0.02
"""Two readings of both clocks that differ by more than this, beyond their own uncertainty and any
drift of a crystal, are of a clock that has stepped."""
_MOST_DRIFT = 2e-3


class Recording:
    """Accumulates the batches of one recording, from `StartRecording` to `StopRecording`."""

    def __init__(self) -> None:
        self.gaps: list[Gap] = []
        self._batches: list[SpikesRecorded] = []
        self._from_rig_s: float | None = None
        self._last: SpikesRecorded | None = None

    @property
    def from_rig_s(self) -> float | None:
        """Start of what is known (and was not dropped); None before the first batch."""
        return self._from_rig_s

    @property
    def through_rig_s(self) -> float | None:
        """End of the last batch; None before the first one."""
        return None if self._last is None else self._last.through_rig_s

    @property
    def last_sequence(self) -> int | None:
        """Sequence number of the last batch; None before the first one."""
        return None if self._last is None else self._last.sequence

    def add(self, batch: SpikesRecorded) -> Gap | None:
        """Take in a batch; return the gap before it, if there is one.

        Raises RemoteProtocolError, and takes nothing in, when the batch contradicts itself.
        """
        _check(batch)
        gap = None
        if self._last is None:
            self._from_rig_s = batch.from_rig_s
        elif (batch.sequence, batch.from_rig_s) != (
            self._last.sequence + 1,
            self._last.through_rig_s,
        ):
            # A clock that stepped back makes all that it passes a second time unknown.
            ends = sorted((self._last.through_rig_s, batch.from_rig_s))
            gap = Gap(ends[0], ends[1])
            self.gaps.append(gap)
        self._batches.append(batch)
        self._last = batch
        return gap

    def is_stale(self, batch: SpikesRecorded) -> bool:
        """Whether a batch comes twice, or after one that was recorded later: it tells nothing new.

        What it holds is known already, or was counted as lost when it did not come in its turn.
        """
        last = self._last
        return (
            last is not None
            and batch.sequence <= last.sequence
            and batch.clock_host_s <= last.clock_host_s
        )

    def step_s(self, batch: SpikesRecorded) -> float:
        """By how much the rig's clock has stepped against the host's since the last batch, or 0."""
        last = self._last
        if last is None:
            return 0.0
        passed_s = batch.clock_host_s - last.clock_host_s
        step_s = batch.clock_rig_s - last.clock_rig_s - passed_s
        doubt_s = 3.0 * (batch.clock_uncertainty_s + last.clock_uncertainty_s)
        return step_s if abs(step_s) > STEP_S + doubt_s + _MOST_DRIFT * abs(passed_s) else 0.0

    def covers(self, from_rig_s: npt.ArrayLike, to_rig_s: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Whether each `[from, to)` of (p,), (p,) was recorded to its end without a gap: (p,)."""
        starts, ends = np.asarray(from_rig_s, np.float64), np.asarray(to_rig_s, np.float64)
        if self._last is None or self._from_rig_s is None:
            return np.zeros(starts.shape, np.bool_)
        known = (starts >= self._from_rig_s) & (ends <= self._last.through_rig_s)
        for gap in self.gaps:
            known &= ~((gap.from_rig_s < ends) & (gap.to_rig_s > starts))
        return known

    def spikes(self) -> Spikes:
        """All spikes that are kept, sorted by time."""
        times = _joined([batch.spike_rig_s for batch in self._batches])
        units = np.concatenate(
            [np.zeros(0, np.int32), *(batch.spike_unit_ids for batch in self._batches)]
        )
        order = np.argsort(times, kind="stable")
        return Spikes(times[order], units[order])

    def sync_rig_s(self) -> Seconds:
        """Image onsets (m,) as the rig saw them, sorted."""
        return np.sort(_joined([batch.sync_rig_s for batch in self._batches]))

    def breaks_rig_s(self) -> Seconds:
        """Moments (b,) at which a fixation was broken, sorted."""
        return np.sort(_joined([batch.fixation_broken_rig_s for batch in self._batches]))

    def drop_before(self, rig_s: float) -> None:
        """Forget whole batches that ended before `rig_s`; windows into them are not known then."""
        kept = [batch for batch in self._batches if batch.through_rig_s > rig_s]
        if self._last is not None and len(kept) < len(self._batches):
            self._from_rig_s = kept[0].from_rig_s if kept else self._last.through_rig_s
            self._batches = kept
            self.gaps = [gap for gap in self.gaps if gap.to_rig_s > self._from_rig_s]


def _joined(parts: list[Seconds]) -> Seconds:
    return np.concatenate([np.zeros(0), *parts])


def _check(batch: SpikesRecorded) -> None:
    what = f"batch {batch.sequence} of the rig adapter"
    if batch.spike_rig_s.size != batch.spike_unit_ids.size:
        raise RemoteProtocolError(
            f"{what} has {batch.spike_rig_s.size} spike times but {batch.spike_unit_ids.size} "
            "units: the adapter is at fault"
        )
    if not batch.from_rig_s <= batch.through_rig_s:
        raise RemoteProtocolError(f"{what} ends before it begins: the adapter is at fault")
    for name in ("spike_rig_s", "sync_rig_s", "fixation_broken_rig_s"):
        times: Seconds = getattr(batch, name)
        inside = (times >= batch.from_rig_s) & (times < batch.through_rig_s)
        if not inside.all() or (np.diff(times) < 0).any():
            raise RemoteProtocolError(
                f"{what} has {name} outside the time that it covers, or not sorted: "
                "the adapter is at fault"
            )
