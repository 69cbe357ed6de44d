"""Whether flips wait for the screen's vertical blank, and a stand-in for screens without one."""

import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

from rig_adapters.errors import DisplayError

TOLERANCE = 0.05
"""How far the measured refresh rate may be from the configured one, as a fraction."""
NO_BLANK = "screen without vertical blank: no timing"
_SPIN_S = 0.001


@dataclass(frozen=True, slots=True)
class Refresh:
    """What the flips showed: whether they wait, and if so, at which rate."""

    waits_for_vertical_blank: bool
    measured_hz: float | None
    label: str
    interval_sd_s: float | None = None
    """How much the intervals differ, without those of dropped frames."""


def judge_refresh(intervals_s: Sequence[float], nominal_hz: float, virtual: bool) -> Refresh:
    """Judge a run of free flips, `intervals_s` apart, on a screen that should do `nominal_hz`.

    Raises DisplayError where the screen keeps another rate.
    """
    if virtual:
        return Refresh(False, None, "virtual screen: no timing")
    # A frame dropped while measuring says nothing about the screen, so it is the median that
    # counts; but drivers may take some flips ahead and wait at the next, and then it is the mean.
    measured_hz = 1 / statistics.median(intervals_s)
    if measured_hz > 2 * nominal_hz:
        measured_hz = 1 / statistics.fmean(intervals_s)
        # Of a busy machine the mean says nothing: what does not wait is then slow, at no rate.
        if abs(measured_hz / nominal_hz - 1) > TOLERANCE:
            return Refresh(False, None, NO_BLANK)
    if abs(measured_hz / nominal_hz - 1) > TOLERANCE:
        # What waits for a blank keeps a rate, whichever it is; a busy machine alone keeps none.
        if not _keep_a_rate(intervals_s):
            return Refresh(False, None, NO_BLANK)
        raise DisplayError(
            f"the screen refreshes at {measured_hz:.1f} Hz, but the config says "
            f"{nominal_hz:g} Hz; set the screen's mode or correct refresh_hz"
        )
    # Without the few during which the machine was busy elsewhere.
    usual_s = sorted(intervals_s)[: max(1, round(0.95 * len(intervals_s)))]
    sd_s = statistics.pstdev(usual_s)
    return Refresh(True, measured_hz, f"screen at {measured_hz:.2f} Hz", sd_s)


def _keep_a_rate(intervals_s: Sequence[float]) -> bool:
    usual_s = statistics.median(intervals_s)
    near = sum(abs(interval_s / usual_s - 1) <= TOLERANCE for interval_s in intervals_s)
    return near >= len(intervals_s) / 2


class SoftwareBlank:
    """Stands in for the vertical blank of a screen that has none."""

    def __init__(self, refresh_hz: float) -> None:
        self.waited_s = 0.0
        self._period_s = 1 / refresh_hz
        self._due_s = time.monotonic()

    def wait(self) -> None:
        """Return at the next refresh."""
        began_s = time.monotonic()
        self._due_s = next_blank(self._due_s, began_s, self._period_s)
        remaining_s = self._due_s - began_s - _SPIN_S
        if remaining_s > 0:
            time.sleep(remaining_s)
        while time.monotonic() < self._due_s:
            pass
        self.waited_s += time.monotonic() - began_s


def next_blank(last_s: float, now_s: float, period_s: float) -> float:
    """Return the refresh to wait for at `now_s`, after that at `last_s`, on the same grid.

    One that is missed by less than half a period counts as reached, so a little lateness neither
    drops a frame nor shifts the grid.
    """
    due_s = last_s + period_s
    missed = math.ceil((now_s - due_s) / period_s - 0.5)
    return due_s + max(0, missed) * period_s
