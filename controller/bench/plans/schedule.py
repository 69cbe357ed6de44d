"""Many runs at once: what has not been run yet is, and each result is saved as it ends.

What is left out: where the workers are (`controller.bench.workers`, `controller.bench.cluster`),
and what a run is.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, Executor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager
from dataclasses import dataclass

from controller.bench.errors import BenchError
from controller.bench.plans.results import Cost, Journal, RunResult, from_json
from controller.bench.plans.running import run_described
from controller.bench.plans.runs import Run

Workers = AbstractContextManager[Executor]
Done = Mapping[str, tuple[RunResult, Cost]]


@dataclass(frozen=True)
class Standing:
    """How far a benchmark is.

    done, n_runs: runs that are there, and all. left_s: how long the rest will take; None unknown.
    """

    done: int
    n_runs: int
    left_s: float | None


def run_all(
    runs: Sequence[Run],
    journal: Journal,
    workers: Callable[[], Workers],
    tell: Callable[[Standing], None],
) -> None:
    """Run what the journal lacks, in their order, and add each result to it as it ends.

    Raises:
        BenchError: a worker was killed, or another benchmark writes the journal.

    """
    with journal.writing() as writer:
        known = journal.read()
        due = [run for run in runs if run.key not in known]
        forecast = Forecast(runs, known)
        tell(forecast.standing())
        if not due:
            return
        with workers() as executor:
            futures = {executor.submit(run_described, run.to_json()): run for run in due}
            try:
                for future in as_completed(futures):
                    line = future.result()
                    writer.add(line)
                    forecast.add(futures.pop(future), from_json(line)[1])
                    tell(forecast.standing())
            except (BrokenProcessPool, CancelledError) as error:
                raise BenchError(
                    "a worker was killed, perhaps for its memory; go on with the same command and "
                    "fewer --workers, for every run that has ended is kept"
                ) from error


class Forecast:
    """How long the rest takes, from what runs of the same kind have taken."""

    def __init__(self, runs: Sequence[Run], known: Done) -> None:
        self._due = {run.key: _kind(run) for run in runs if run.key not in known}
        self._n_runs = len(runs)
        self._spent: dict[tuple[str, ...], list[float]] = {}
        self._begun_s = time.monotonic()
        self._computed_s = 0.0
        for run in runs:
            if run.key in known:
                self._spent.setdefault(_kind(run), []).append(known[run.key][1].total_s)

    def add(self, run: Run, cost: Cost) -> None:
        """Take note of a run that has ended."""
        self._due.pop(run.key, None)
        self._spent.setdefault(_kind(run), []).append(cost.total_s)
        self._computed_s += cost.total_s

    def standing(self) -> Standing:
        """Return how far it is."""
        return Standing(self._n_runs - len(self._due), self._n_runs, self._left_s())

    def _left_s(self) -> float | None:
        if not self._due:
            return 0.0
        passed_s = time.monotonic() - self._begun_s
        if not self._computed_s:
            return None
        spent = [seconds for found in self._spent.values() for seconds in found]
        usual_s = sum(spent) / len(spent)
        means = {kind: sum(found) / len(found) for kind, found in self._spent.items()}
        work_s = sum(means.get(kind, usual_s) for kind in self._due.values())
        return work_s * passed_s / self._computed_s


def _kind(run: Run) -> tuple[str, ...]:
    return run.optimizer, run.generator, run.group
