"""Results of heats in a file of JSON lines, so that a long race survives a stop.

A line is written when its heat is over. A line that a stop has torn is left out, and its heat is
run again. What is left out: locking; one race writes one file.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from controller.bench.errors import BenchError
from controller.bench.heat import HeatResult

_TUPLES = ("presentations", "mean_hz", "best_hz", "ask_tell_ms")


class SavedResults:
    """The results in the file at `path`, which need not be there yet."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, HeatResult]:
        """Results by the key of their heat; of several with one key, the last.

        Raises:
            BenchError: the file holds something else.

        """
        if not self._path.exists():
            return {}
        results = list(self._results())
        return {result.key: result for result in results}

    def append(self, result: HeatResult) -> None:
        """Add a result."""
        line = json.dumps(asdict(result))
        # A torn line of before ends here, and is not the beginning of this one.
        break_first = "\n" if self._ends_within_a_line() else ""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{break_first}{line}\n")

    def _results(self) -> Iterator[HeatResult]:
        lines = self._path.read_text(encoding="utf-8", errors="replace").splitlines()
        for number, line in enumerate(lines):
            try:
                found = _result(json.loads(line))
            except (ValueError, TypeError, KeyError) as error:
                if number == 0:
                    raise BenchError(
                        f"{self._path} holds no results of races; name another file with --results"
                    ) from error
                continue
            yield found

    def _ends_within_a_line(self) -> bool:
        if not self._path.exists() or self._path.stat().st_size == 0:
            return False
        with self._path.open("rb") as file:
            file.seek(-1, 2)
            return file.read(1) != b"\n"


def _result(fields: dict[str, Any]) -> HeatResult:
    tuples = {name: tuple(fields[name]) for name in _TUPLES}
    return HeatResult(**(fields | tuples))
