"""Counts the refreshes that a presentation was on the screen for, from the times of the flips."""


class Tally:
    """Counts dropped frames at a refresh period of `period_s`.

    A flip that comes n periods after the one before it left that one's frame standing for n
    refreshes, so n - 1 frames were dropped.
    """

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self._last_s: float | None = None
        self._dropped = 0

    def flipped(self, time_s: float) -> None:
        """Note a flip."""
        if self._last_s is not None:
            self._dropped += max(0, round((time_s - self._last_s) / self._period_s) - 1)
        self._last_s = time_s

    def take(self) -> int:
        """Return the frames dropped since the last call."""
        dropped, self._dropped = self._dropped, 0
        return dropped
