"""What came of a run, and the journal that keeps it: one line of JSON for each run as it ends.

A line that a kill has torn is left out, and its run is run again. One benchmark at a time writes a
journal. Figures are kept to the last bit: what is read again is what was written.
"""

import fcntl
import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from controller.bench.errors import BenchError


@dataclass(frozen=True)
class RunResult:
    """What came of a run. NaN where there is none: of a run that ended early, or without sigma.

    clean_max: largest noise-free response to any image that was shown; noisy_best: largest score.
    first_hz, last_hz: mean noise-free response to the first generation and to the last two.
    presentations, mean_hz, best_hz, code_norm, sigma: one value per generation: shown by its end;
        mean noise-free response; the largest so far; mean norm of its codes; step size.
    norm2_r2: part of the variance of the mean code's squared norm that a straight line explains.
    pc1, pc2, pc3: part of the variance of mean codes along their principal components.
    step_cosine: mean cosine of consecutive steps of the mean code.
    error: why it ended early; empty where it did not.
    """

    key: str
    clean_max: float
    noisy_best: float
    first_hz: float
    last_hz: float
    norm2_r2: float
    pc1: float
    pc2: float
    pc3: float
    step_cosine: float
    presentations: tuple[int, ...]
    mean_hz: tuple[float, ...]
    best_hz: tuple[float, ...]
    code_norm: tuple[float, ...]
    sigma: tuple[float, ...]
    error: str = ""


@dataclass(frozen=True)
class Cost:
    """What a run took of its processor, in seconds. Never twice the same, so apart from results."""

    optimizer_s: float
    generator_s: float
    neuron_s: float
    other_s: float

    @property
    def total_s(self) -> float:
        """All of it."""
        return self.optimizer_s + self.generator_s + self.neuron_s + self.other_s


def to_json(result: RunResult, cost: Cost) -> str:
    """Return both as one line."""
    return json.dumps(_without_nan({"result": asdict(result), "cost": asdict(cost)}))


def from_json(line: str) -> tuple[RunResult, Cost]:
    """Return what `to_json` has written; raises ValueError, TypeError or KeyError for the rest."""
    read = json.loads(line)
    table = {name: _with_nan(name, value) for name, value in read["result"].items()}
    return RunResult(**table), Cost(**read["cost"])


_BEGINNING = '{"result": {"key": "'
"""Of every line."""


class Journal:
    """The results in the file at `path`, which need not be there yet."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, tuple[RunResult, Cost]]:
        """Results and costs by the key of their run; of several with one key, the first.

        Raises:
            BenchError: the file holds something else.

        """
        found: dict[str, tuple[RunResult, Cost]] = {}
        if not self._path.exists():
            return found
        lines = self._path.read_text(encoding="utf-8", errors="replace").splitlines()
        for line in lines:
            try:
                result, cost = from_json(line)
            except (ValueError, TypeError, KeyError) as error:
                if line[: len(_BEGINNING)] != _BEGINNING[: len(line)]:
                    raise BenchError(
                        f"{self._path} is no journal of a benchmark; name another --results"
                    ) from error
                # A kill has torn it.
                continue
            found.setdefault(result.key, (result, cost))
        return found

    @contextmanager
    def writing(self) -> Iterator["JournalWriter"]:
        """Open it for adding; raises BenchError where another benchmark writes it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise BenchError(
                    f"another benchmark is writing {self._path}: wait until it has ended, or name "
                    "another --results"
                ) from error
            yield JournalWriter(fd)
        finally:
            os.close(fd)


class JournalWriter:
    """Adds lines to a journal."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        size = os.fstat(fd).st_size
        if size and os.pread(fd, 1, size - 1) != b"\n":
            # A torn line of before ends here, and is not the beginning of the next one.
            os.write(fd, b"\n")

    def add(self, line: str) -> None:
        """Add one, durably."""
        data = f"{line}\n".encode()
        while data:
            data = data[os.write(self._fd, data) :]
        os.fsync(self._fd)


_OF_MANY = {f.name for f in fields(RunResult) if str(f.type).startswith("tuple")}


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    return [_without_nan(item) for item in value] if isinstance(value, list | tuple) else value


def _with_nan(name: str, value: Any) -> Any:
    if name in _OF_MANY:
        return tuple(math.nan if item is None else item for item in value)
    return math.nan if value is None else value
