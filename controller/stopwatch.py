"""Where the time of a generation goes, stage by stage."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    """Adds up wall-clock seconds by stage; `lap` hands them out and starts anew."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._since_s = time.perf_counter()

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Add the time spent inside to `stage`."""
        start_s = time.perf_counter()
        try:
            yield
        finally:
            self.add(stage, time.perf_counter() - start_s)

    def add(self, stage: str, seconds: float) -> None:
        """Add seconds that were measured elsewhere; negative ones count as none."""
        self._seconds[stage] = self._seconds.get(stage, 0.0) + max(0.0, seconds)

    def lap(self) -> dict[str, float]:
        """Return the stages since the last lap, with `other` (what no stage took) and `total`."""
        now_s = time.perf_counter()
        total_s = now_s - self._since_s
        stages = dict(self._seconds)
        stages["other"] = max(0.0, total_s - sum(stages.values()))
        stages["total"] = total_s
        self._seconds, self._since_s = {}, now_s
        return stages
