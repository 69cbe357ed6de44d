"""Takes in what the rig sends, as it comes, and lets others wait until a moment is recorded.

One task empties the link for the whole session, so that a slow computation in the daemon never
makes the rig wait. What an adapter on another machine read on the clock there is turned into a time
of this one at once. What the spikes mean is decided in `controller.block`.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable

from rig_adapters.clocks import ClockMap
from rig_adapters.errors import PeerLost, RemoteProtocolError, RigError, RigTimeout
from rig_adapters.link import Link
from rig_adapters.recorded import Gap, Recording
from rig_adapters.stamps import Stamps
from rig_adapters.wire import messages as m

logger = logging.getLogger(__name__)

_FOREVER_S = 3600.0 * 24

CREEPING_PATIENCE = 10
"""So many times the patience for a recording that stands still, one that creeps is waited for."""


class NothingRecorded:
    """In place of a recorder, where another program shows and counts: there is no recording."""

    def __init__(self) -> None:
        self.recording = Recording()
        self.busy_s = 0.0
        self.clock: ClockMap | None = None

    async def stop(self, timeout_s: float) -> None:
        """There is nothing to stop."""


class Recorder:
    """The session's recording.

    `on_gap` is told of every stretch that the rig lost, `on_step` by how much its clock stepped,
    `on_batch` of all that it sent.
    """

    def __init__(
        self,
        link: Link,
        on_gap: Callable[[Gap], None],
        on_step: Callable[[float], None],
        on_batch: Callable[[m.SpikesRecorded], None],
    ) -> None:
        self.recording = Recording()
        self.busy_s = 0.0
        """Computing time that the rig adapter reported; the caller sets it back."""
        self.n_breaks = 0
        """Broken fixations that the rig has told of."""
        self.n_steps = 0
        """How often the rig's clock has stepped, the last time by `step_s`."""
        self.step_s = 0.0
        self._stamps = Stamps()
        self._link = link
        self._on_gap = on_gap
        self._on_step = on_step
        self._on_batch = on_batch
        self._news = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None

    @property
    def clock(self) -> ClockMap | None:
        """What the adapter's readings of both clocks give, before any sync edge."""
        return self._stamps.clock()

    async def start(self, timeout_s: float) -> None:
        """Begin to record."""
        await self._link.send(m.StartRecording())
        started = await self._link.expect(m.RecordingStarted, timeout_s)
        host_s, error_s = self._link.clock.here(started.host_time_s)
        self._stamps.add(host_s, started.rig_time_s, error_s)
        self._task = asyncio.create_task(self._run(), name="recorder")

    async def wait_through(self, rig_s: float, patience_s: float) -> bool:
        """Wait until everything before `rig_s` is recorded.

        Returns False when the recording stands still for `patience_s`. Raises what became of the
        rig when it is lost; one whose recording has been going on more slowly than time for
        `CREEPING_PATIENCE` times as long is.
        """
        began_s = time.monotonic()
        deadline_s = began_s + patience_s
        first = seen = self.recording.through_rig_s
        async with self._news:
            while (through := self.recording.through_rig_s) is None or through < rig_s:
                if self._link.failure is not None:
                    raise self._link.failure
                if through is not None and through != seen:
                    seen, deadline_s = through, time.monotonic() + patience_s
                    first = through if first is None else first
                    waited_s, advanced_s = time.monotonic() - began_s, through - first
                    # At the pace of time or faster, it arrives.
                    if advanced_s < waited_s > CREEPING_PATIENCE * patience_s:
                        self._link.fail(_creeps(waited_s, advanced_s, rig_s - through))
                remaining_s = deadline_s - time.monotonic()
                if remaining_s <= 0:
                    return False
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), min(remaining_s, 0.5))
        return True

    async def stop(self, timeout_s: float) -> None:
        """Ask the rig to stop and take in what it still sends; never raises."""
        if self._task is None:
            return
        with contextlib.suppress(RigError):
            if self._link.conversation.state == "recording":
                await self._link.send(m.StopRecording())
        with contextlib.suppress(asyncio.CancelledError, TimeoutError):
            await asyncio.wait_for(self._task, timeout_s)

    async def _run(self) -> None:
        while True:
            try:
                message = await self._link.receive(_FOREVER_S)
                if isinstance(message, m.SpikesRecorded):
                    await self._take(message)
            except RigTimeout:
                continue
            except RigError as error:
                self._link.fail(error)
                async with self._news:
                    self._news.notify_all()
                return
            if isinstance(message, m.RecordingStopped):
                return

    async def _take(self, batch: m.SpikesRecorded) -> None:
        host_s, error_s = self._link.clock.here(batch.clock_host_s)
        uncertainty_s = batch.clock_uncertainty_s + error_s
        self._on_batch(
            batch.model_copy(update={"clock_host_s": host_s, "clock_uncertainty_s": uncertainty_s})
        )
        # Asked of the adapter's own two clocks, whatever is known by now of that of its machine.
        if self.recording.is_stale(batch):
            logger.warning("batch %d of the rig came out of turn", batch.sequence)
            return
        _refuse_clock_that_went_back(self.recording.through_rig_s, batch)
        is_first = self.recording.through_rig_s is None
        step_s = self.recording.step_s(batch)
        gap = self.recording.add(batch)
        if step_s:
            logger.warning("the rig's clock stepped by %+.4f s", step_s)
            self.n_steps, self.step_s = self.n_steps + 1, step_s
            self._on_step(step_s)
        if step_s or is_first:
            # Of a clock that is no more, or of the start, of which nobody said how exact it was.
            self._stamps.clear()
        self.busy_s += batch.busy_s
        self.n_breaks += batch.fixation_broken_rig_s.size
        self._stamps.add(host_s, batch.clock_rig_s, uncertainty_s)
        if gap is not None:
            logger.warning("the rig lost %.3f s", gap.to_rig_s - gap.from_rig_s)
            self._on_gap(gap)
        async with self._news:
            self._news.notify_all()


def _refuse_clock_that_went_back(through_rig_s: float | None, batch: m.SpikesRecorded) -> None:
    """Raise where new spikes would carry times that earlier ones have: nobody could tell them."""
    if through_rig_s is not None and batch.from_rig_s < through_rig_s:
        raise RemoteProtocolError(
            f"the rig's clock went back from {through_rig_s:.4f} to {batch.from_rig_s:.4f} s, so "
            "that new spikes could be taken for earlier ones: the recording system was started "
            "anew or its clock was set"
        )


def _creeps(waited_s: float, advanced_s: float, missing_s: float) -> PeerLost:
    return PeerLost(
        f"the rig adapter's recording goes on more slowly than time: in {waited_s:.0f} s it came "
        f"{advanced_s:.1f} s further, and {missing_s:.1f} s are still missing (is the machine or "
        "the recording system overloaded?)"
    )
