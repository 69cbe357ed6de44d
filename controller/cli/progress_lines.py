"""Lines that say how far a long command is, and about how long it will still take."""

import time

from controller.cli.output import duration, err

_EVERY_S = 5.0


class ProgressLines:
    """Prints the first line of a step only once it has taken a while, then one every few seconds.

    To be called with what is being done, how much of it is, and how much there is.
    """

    def __init__(self) -> None:
        self._doing = ""
        self._begin_s = self._told_s = 0.0

    def __call__(self, doing: str, done: int, total: int) -> None:
        """Print a line if one is due."""
        now_s = time.monotonic()
        if doing != self._doing:
            self._doing, self._begin_s, self._told_s = doing, now_s, now_s
        if now_s - self._told_s < _EVERY_S or not 0 < done < total:
            return
        self._told_s = now_s
        left_s = (now_s - self._begin_s) / done * (total - done)
        err.print(f"{doing}: {done} of {total}, about {duration(left_s)} to go", markup=False)
