"""Makes stretches of messages in order: what is complete, and what a loss has made unknown. Pure.

Before the continuous channels of a block come its events and spikes, and with them spikes of the
block before. So a block is complete when the first continuous message of the next one has come; and
a lost message may have told of everything from the beginning of the block of the last continuous
message before it to the end of the block of the first one after it. That is the gap.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rig_adapters.acquisition.source import RecorderError, RecorderRestarted, Samples, Stretch
from rig_adapters.acquisition.sync import TtlSync, is_onset
from rig_adapters.open_ephys.order import Lost
from rig_adapters.open_ephys.wire import Continuous, Message, Spike, Ttl

LATEST_S = 0.005
"""Spikes that come with a block may be of the one before, or be older by this than the block: a
detector waits for the rest of the waveform."""

Feed = Callable[[int, npt.NDArray[np.float32]], Samples]
"""Finds samples in a chunk that begins at a sample."""


@dataclass(frozen=True)
class Wanted:
    """What the stretches are to contain.

    unit_ids: by electrode and sorted id. detectors: what finds spikes, and of which unit, by
    channel (from 0); edges: what finds onsets, by channel. names: of all these channels. settling:
    for so many samples after a gap a detector may find what it would not have found without one.
    """

    unit_ids: Mapping[tuple[str, int], int]
    ttl: TtlSync | None
    detectors: Mapping[int, tuple[Feed, int]]
    edges: Mapping[int, Feed]
    names: Mapping[int, str]
    settling: int = 0


class Assembly:
    """The stretches of one recording."""

    def __init__(self, wanted: Wanted, sample_rate_hz: float) -> None:
        self._wanted = wanted
        self._rate_hz = sample_rate_hz
        self._late = round(LATEST_S * sample_rate_hz)
        self._block: tuple[int, int] | None = None
        """Where the block of the last continuous message begins and ends."""
        self._came: set[int] = set()
        """Which of the wanted channels have come of it."""
        self._unknown = True
        """Something was lost since the last continuous message."""
        self._known_from = 0
        """From here on everything has come so far."""
        self._told_through = -1
        self._too_late: Spike | Ttl | None = None
        self._spikes: list[tuple[int, int]] = []
        self._edges: list[int] = []
        self._newest = (0, 0.0)

    def put(self, item: Message | Lost, heard_host_s: float) -> Stretch | None:
        """Take in the next message; return the stretch that it completes, if there is one.

        Raises RecorderRestarted where samples are counted from elsewhere, and RecorderError where
        what comes is not what was promised.
        """
        if isinstance(item, Lost):
            self._unknown = True
        elif isinstance(item, Spike):
            unit_id = self._wanted.unit_ids.get((item.electrode, item.sorted_id))
            if unit_id is not None:
                self._spikes.append((item.sample, unit_id))
                self._check_age(item)
        elif isinstance(item, Ttl):
            if self._wanted.ttl is not None and is_onset(self._wanted.ttl, item.line, item.state):
                self._edges.append(item.sample)
                self._check_age(item)
        elif isinstance(item, Continuous) and item.n_samples:
            return self._continue(item, heard_host_s)
        return None

    def _continue(self, item: Continuous, heard_host_s: float) -> Stretch | None:
        self._check_rate(item)
        start, through = item.first_sample, item.first_sample + item.n_samples
        self._newest = (through, heard_host_s)
        stretch = None
        if self._block is None or start != self._block[0]:
            stretch = self._next_block(start, through)
        if self._unknown:
            self._known_from, self._unknown = through + self._wanted.settling, False
        self._find(item)
        return stretch

    def _next_block(self, start: int, through: int) -> Stretch | None:
        block, self._block = self._block, (start, through)
        came, self._came = self._came, set()
        if block is not None and start < block[1]:
            raise RecorderRestarted(
                f"Open Ephys counts samples anew (sample {start} came after {block[1]}): "
                "acquisition was started anew"
            )
        if block is None or self._unknown:
            # Nobody will be told of what is before the end of this block.
            self._spikes = [each for each in self._spikes if each[0] >= through]
            self._edges = [sample for sample in self._edges if sample >= through]
            return None
        if self._too_late is not None:
            raise RecorderError(
                f"Open Ephys told of sample {self._too_late.sample} more than a block late, when "
                f"{self._told_through} was complete: put the ZMQ Interface right behind the "
                "plugins that detect and sort spikes"
            )
        # Of the first one, and of one with a loss, a part may be all that came.
        is_whole = self._known_from <= block[0]
        for channel, name in self._wanted.names.items():
            if is_whole and channel not in came:
                raise RecorderError(
                    f"the ZMQ Interface no longer sends the channel {name}: select it there"
                )
        safe = min(block[1], through - self._late)
        stretch = self._tell(safe) if safe > self._known_from else None
        if start > block[1]:
            # The samples between were never sent, by nobody's loss of a message.
            self._known_from = start
        return stretch

    def _tell(self, through: int) -> Stretch:
        start, self._known_from, self._told_through = self._known_from, through, through
        spikes = np.array(self._spikes, np.int64).reshape(-1, 2)
        edges = np.array(self._edges, np.int64)
        self._spikes = list(map(tuple, spikes[spikes[:, 0] >= through].tolist()))
        self._edges = edges[edges >= through].tolist()
        spikes = spikes[(spikes[:, 0] >= start) & (spikes[:, 0] < through)]
        newest_sample, heard_host_s = self._newest
        return Stretch(
            from_sample=start,
            through_sample=through,
            spike_samples=spikes[:, 0],
            spike_unit_ids=spikes[:, 1].astype(np.int32),
            sync_samples=edges[(edges >= start) & (edges < through)],
            newest_sample=newest_sample,
            heard_host_s=heard_host_s,
        )

    def _find(self, item: Continuous) -> None:
        channel = item.channel
        if channel not in self._wanted.names:
            return
        self._came.add(channel)
        values = item.values()
        if channel in self._wanted.detectors:
            feed, unit_id = self._wanted.detectors[channel]
            self._spikes += ((sample, unit_id) for sample in _all(feed, item, values))
        if channel in self._wanted.edges:
            self._edges += _all(self._wanted.edges[channel], item, values)

    def _check_age(self, item: Spike | Ttl) -> None:
        if item.sample < self._told_through:
            self._too_late = item

    def _check_rate(self, item: Continuous) -> None:
        if item.sample_rate_hz != self._rate_hz:
            raise RecorderRestarted(
                f"Open Ephys samples at {item.sample_rate_hz:g} Hz, and no longer at "
                f"{self._rate_hz:g} Hz: acquisition was started anew"
            )


def _all(feed: Feed, item: Continuous, values: npt.NDArray[np.float32]) -> Iterable[int]:
    found: list[int] = feed(item.first_sample, values).tolist()
    return found
