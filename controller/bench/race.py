"""Runs heats, several at once, and hands out each result when it is there.

What is left out: which heats (the caller), what their results mean (`controller.bench.standings`).
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from itertools import product

from controller.bench.entrants import ENTRANTS
from controller.bench.errors import BenchError
from controller.bench.heat import Heat, HeatResult, run_heat
from controller.bench.neurons import NeuronSpec
from controller.bench.workers import local_workers


def heats_of(
    optimizers: Sequence[str],
    neurons: Sequence[NeuronSpec],
    conditions: Sequence[str],
    seeds: Sequence[int],
    n_presentations: int,
    norms: tuple[float | None, float | None] = (None, None),
) -> list[Heat]:
    """Every combination, in an order in which a race that is stopped has compared like with like.

    Conditions that spoil what is known of the metric are raced by those only who use it.
    """
    return [
        Heat(optimizer, neuron, condition, seed, n_presentations, norms)
        for seed, neuron, condition, optimizer in product(seeds, neurons, conditions, optimizers)
        if ENTRANTS[optimizer].uses_metric or not condition.endswith("wrong_metric")
    ]


def race(heats: Sequence[Heat], n_workers: int) -> Iterator[HeatResult]:
    """Run heats and yield their results as they come; with one worker, in this process.

    Raises:
        BenchError: a worker was killed.

    """
    if n_workers == 1:
        yield from map(run_heat, heats)
        return
    with local_workers(n_workers) as executor:
        futures = [executor.submit(run_heat, heat) for heat in heats]
        for future in as_completed(futures):
            try:
                yield future.result()
            except BrokenProcessPool as error:
                raise BenchError(
                    "a process of the race was killed, perhaps for its memory; go on with the same "
                    "command and fewer --workers, for what was saved with --results is kept"
                ) from error
