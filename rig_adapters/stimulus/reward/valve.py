"""A valve behind a digital output: pulses kept by a thread of their own, so that no frame waits.

The thread sleeps for nearly all of a pulse; the frame loop goes on meanwhile. However the process
ends, other than by SIGKILL, the line is set low.
"""

import contextlib
import logging
import queue
import threading
import time

from rig_adapters.errors import BehaviourError
from rig_adapters.stimulus.trigger import TriggerLine

logger = logging.getLogger(__name__)

GAP_S = 0.02
"""Between two pulses that follow one another, so that a valve closes."""
LATE_S = 0.02
"""By how much a pulse may miss its length, before the log is told."""


class ValveReward:
    """Implements `Reward` with a `TriggerLine`."""

    def __init__(
        self, line: TriggerLine, acquired_pulse_s: float, completed_pulse_s: float, ml_per_s: float
    ) -> None:
        self.acquired_pulse_s = acquired_pulse_s
        self.completed_pulse_s = completed_pulse_s
        self.ml_per_s = ml_per_s
        self._line = line
        self._fault: str | None = None
        self._orders: queue.SimpleQueue[float | None] = queue.SimpleQueue()
        self._stop = threading.Event()
        line.set_high(False)
        self._hand = threading.Thread(target=self._work, name="reward valve", daemon=True)
        self._hand.start()

    def pulse(self, duration_s: float) -> None:
        """Order a pulse."""
        if self._fault is not None:
            raise BehaviourError(self._fault)
        if not self._stop.is_set():
            self._orders.put(duration_s)

    def close(self) -> None:
        """Close the valve at once, and forget the pulses that were to follow."""
        if not self._stop.is_set():
            self._stop.set()
            self._orders.put(None)
            self._hand.join()
            self._line.close()

    def _work(self) -> None:
        while (duration_s := self._orders.get()) is not None and not self._stop.is_set():
            try:
                self._pulse(duration_s)
            except OSError as error:
                self._fault = (
                    f"the reward valve does not answer ({error}): see whether its port is "
                    "plugged in and the valve closed; then neuroloop resume"
                )
                return

    def _pulse(self, duration_s: float) -> None:
        began_s = time.monotonic()
        try:
            self._line.set_high(True)
            self._stop.wait(duration_s)
        finally:
            # Also where opening failed: nobody knows then what the valve does.
            self._close_valve()
        took_s = time.monotonic() - began_s
        if took_s - duration_s > LATE_S:
            logger.warning(
                "a reward pulse of %.0f ms took %.0f ms: the machine is too busy",
                1e3 * duration_s,
                1e3 * took_s,
            )
        self._stop.wait(GAP_S)

    def _close_valve(self) -> None:
        with contextlib.suppress(OSError):
            self._line.set_high(False)
            return
        # Once more: a valve that stays open is the worst of all.
        self._line.set_high(False)
