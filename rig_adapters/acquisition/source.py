"""What a recording system must be for the shared process: a source of stretches of recording.

A source speaks its vendor's protocol and nothing else: it neither knows the daemon nor reads
messages of the wire. Time is counted in samples of the acquisition clock, from wherever the vendor
begins to count.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import zmq

from rig_adapters.errors import RigError
from rig_adapters.wire.messages import UnitDescription

Samples = npt.NDArray[np.int64]
UnitIds = npt.NDArray[np.int32]
Readable = zmq.Socket[bytes] | int
"""Something that a `zmq.Poller` can wait for: a socket of ZeroMQ, or a file descriptor."""


class RecorderError(RigError):
    """The recording system cannot be reached, or does not do what was asked of it."""


class RecorderRestarted(RecorderError):
    """The acquisition system was started anew, so its samples are counted from elsewhere."""


@dataclass(frozen=True, eq=False)
class Stretch:
    """All that was recorded in `[from_sample, through_sample)`; nothing in it is missing.

    A stretch begins where the last one ended, or later where something in between was lost.

    spike_samples (k,) and spike_unit_ids (k,), in any order; sync_samples (m,): image onsets as the
    recorder saw them. heard_host_s: when the newest sample that is told of arrived here, on
    `time.monotonic()`, and newest_sample: which one that was (it may be later than
    `through_sample`, where spikes come late); the two make the clock's reading. A system that
    measures how the clocks stand says when that sample was taken instead, which is earlier.
    """

    from_sample: int
    through_sample: int
    spike_samples: Samples
    spike_unit_ids: UnitIds
    sync_samples: Samples
    newest_sample: int
    heard_host_s: float


@dataclass(frozen=True)
class Description:
    """What a recording system turned out to be.

    delivery_s: samples arrive in lumps of this length, so an arrival says no more about the clock.
    sees_onsets: whether it has a photodiode or a TTL line that marks them.
    """

    name: str
    sample_rate_hz: float
    units: tuple[UnitDescription, ...]
    sees_onsets: bool
    delivery_s: float
    versions: dict[str, str]


class Source(Protocol):
    """One recording system, connected.

    `describe`, `begin`, `end` and `close` may take a second or two; `take` never waits.
    """

    def describe(self) -> Description:
        """Return what it is."""

    def readable(self) -> Sequence[Readable]:
        """Return what there is to wait for; empty where it has to be asked again and again."""

    def begin(self) -> None:
        """Begin to tell what is recorded; what was recorded before is not told."""

    def take(self) -> Sequence[Stretch]:
        """Return what came since, in the order of time; between `begin` and `end` only.

        Raises RecorderRestarted where samples are counted anew, RecorderError where it is lost.
        """

    def end(self) -> None:
        """Tell no more."""

    def close(self) -> None:
        """Disconnect; never raises."""
