"""What a generation costs: every optimizer of the registry beside its floor and other libraries.

Each one runs in a process of its own, generation after generation on a noisy slope. `ask + tell` is
the time of one generation, `to first image` the longest that the loop would wait between the last
score and the next codes, `ahead` what is done meanwhile, while images are shown. `x floor` is the
median of all that over the median time of what the method cannot do without (`optimizer_floors`).
`memory` is what the process grew by.

    .venv/bin/python benchmarks/optimizers.py [--quick] [--only cma,pycma] [--peers] [--cpu]

Times on a busy machine are long; `--cpu` counts the time of the processor instead, on one thread.
"""

import argparse
import importlib
import importlib.util
import json
import os
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from optimizer_floors import FLOORS, Size, population

from controller.optimizers.base import Optimizer
from controller.optimizers.registry import KINDS

VARIANTS: dict[str, dict[str, dict[str, Any]]] = {
    "cma": {"": {}, "float32": {"precision": "float32"}},
    "cholesky_cma": {"": {}, "every generation": {"update_period": 0}},
    "pycma": {name: {"covariance": name} for name in ("full", "diagonal", "vd")},
    "nevergrad": {name: {"algorithm": name} for name in ("CMA", "DiagonalCMA", "DE", "PSO")},
}
PEERS = {
    "cmaes SepCMA": "cmaes",
    "evotorch SNES": "evotorch",
    "evotorch CMAES separable": "evotorch",
    "pypop7 LMCMA": "pypop7",
    "pypop7 MMES": "pypop7",
}


class Clock:
    """Seconds, of the wall or of this process on the processor."""

    def __init__(self) -> None:
        self.now: Callable[[], float] = time.perf_counter


CLOCK = Clock()


@dataclass(frozen=True)
class Cost:
    """Times of one optimizer in milliseconds, memory in megabytes."""

    name: str
    median_ms: float
    worst_ms: float
    first_image_ms: float
    ahead_ms: float
    x_floor: float
    memory_mb: float


def slope(codes: Any, generation: int) -> Any:
    """Score (n,) of codes: uphill, with noise."""
    noise = np.random.default_rng([1, generation]).standard_normal(len(codes))
    return np.asarray(codes, dtype=float).sum(axis=1) / 64.0 + noise


def names() -> list[str]:
    """Every optimizer of the registry that its name alone makes, with its variants."""
    plain = [name for name, kind in KINDS.items() if kind.is_plain]
    return [
        f"{name} {variant}".strip() for name in plain for variant in VARIANTS.get(name, {"": {}})
    ]


def ours(name: str, size: Size) -> Optimizer:
    """Build an optimizer of the registry, starting from a code of zeros."""
    kind, _, variant = name.partition(" ")
    options = dict(VARIANTS.get(kind, {"": {}})[variant], population_size=size.population_size)
    start = np.zeros((1, size.code_dim), np.float32)
    if KINDS[kind].n_initial(KINDS[kind].options(**options), size.code_dim) > 1:
        start = np.random.default_rng(0).standard_normal((size.population_size, size.code_dim))
    optimizer: Optimizer = KINDS[kind].make(
        start.astype(np.float32), KINDS[kind].options(**options)
    )
    return optimizer


def run_ours(name: str, size: Size) -> Iterator[tuple[float, float, float]]:
    """Yield seconds of ask, of working ahead and of tell, for each generation."""
    optimizer = ours(name, size)
    for generation in range(size.n_generations + 1):
        start = CLOCK.now()
        shown = optimizer.ask(np.random.default_rng([0, generation]), 0)
        asked = CLOCK.now()
        scores, n_valid = slope(shown.codes, generation), np.ones(len(shown.ids), dtype=np.int64)
        ahead = CLOCK.now()
        if hasattr(optimizer, "prepare"):
            optimizer.prepare(np.random.default_rng([0, generation + 1]))
        prepared = CLOCK.now()
        optimizer.tell(shown.ids, shown.codes, scores, n_valid)
        if generation:
            yield asked - start, prepared - ahead, CLOCK.now() - prepared


def run_cmaes(name: str, size: Size) -> Iterator[tuple[float, float, float]]:
    """Yield seconds of ask, 0 and tell of the library cmaes."""
    import cmaes

    # Its full CMA decomposes a matrix in every generation, half a minute each in 4096 dimensions.
    search = getattr(cmaes, name.split()[1])(
        mean=np.zeros(size.code_dim), sigma=2.0, population_size=size.population_size
    )
    for generation in range(size.n_generations):
        start = CLOCK.now()
        codes = np.array([search.ask() for _ in range(size.population_size)])
        asked = CLOCK.now()
        scores = slope(codes, generation)
        told = CLOCK.now()
        search.tell([(code, -score) for code, score in zip(codes, scores, strict=True)])
        yield asked - start, 0.0, CLOCK.now() - told


def run_evotorch(name: str, size: Size) -> Iterator[tuple[float, float, float]]:
    """Yield seconds of a step of evotorch, less those of scoring it."""
    import torch
    from evotorch import Problem
    from evotorch.algorithms import CMAES, SNES

    scored: list[float] = []

    def score(codes: Any) -> Any:
        start = CLOCK.now()
        result = torch.as_tensor(slope(codes.numpy(), len(scored)), dtype=torch.float32)
        scored.append(CLOCK.now() - start)
        return result

    problem = Problem(
        "max", score, solution_length=size.code_dim, initial_bounds=(-1, 1), vectorized=True
    )
    search = (
        SNES(problem, stdev_init=2.0, popsize=size.population_size)
        if "SNES" in name
        else CMAES(problem, stdev_init=2.0, popsize=size.population_size, separable=True)
    )
    for _ in range(size.n_generations):
        start = CLOCK.now()
        search.step()
        yield 0.0, 0.0, CLOCK.now() - start - scored[-1]


def run_pypop7(name: str, size: Size) -> Iterator[tuple[float, float, float]]:
    """Yield seconds between the evaluations of a generation of pypop7."""
    module = importlib.import_module(f"pypop7.optimizers.es.{name.split()[1].lower()}")
    d, n = size.code_dim, size.population_size
    entered: list[float] = []
    left: list[float] = []
    noise = np.random.default_rng(1)

    def score(code: Any) -> float:
        entered.append(CLOCK.now())
        result = -float(code.sum() / 64.0 + noise.standard_normal())
        left.append(CLOCK.now())
        return result

    problem = {"fitness_function": score, "ndim_problem": d}
    problem |= {"lower_boundary": -6.0 * np.ones(d), "upper_boundary": 6.0 * np.ones(d)}
    options = {"max_function_evaluations": n * (size.n_generations + 1), "seed_rng": 0}
    options |= {"mean": np.zeros(d), "sigma": 2.0, "n_individuals": n, "verbose": 0}
    getattr(module, name.split()[1])(problem, options).optimize()
    between = np.array(entered[1:]) - np.array(left[:-1])
    for generation in range(size.n_generations):
        yield 0.0, 0.0, float(between[generation * n : (generation + 1) * n].sum())


RUNNERS: dict[str, Callable[[str, Size], Iterator[tuple[float, float, float]]]] = {
    "cmaes": run_cmaes,
    "evotorch": run_evotorch,
    "pypop7": run_pypop7,
}


def measure(name: str, size: Size) -> Cost:
    """Run one optimizer in this process, and the work of its floor after each generation."""
    warnings.simplefilter("ignore")
    runner = RUNNERS[PEERS[name]] if name in PEERS else run_ours
    floor, floors = FLOORS.get(name, population)(size), []
    floor(0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    costs = []
    for generation, cost in enumerate(runner(name, size)):
        costs.append(cost)
        start = CLOCK.now()
        floor(generation)
        floors.append(CLOCK.now() - start)
    asks, aheads, tells = 1e3 * np.array(costs).T
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return Cost(
        name=name,
        median_ms=float(np.median(asks + tells)),
        worst_ms=float(np.max(asks + tells)),
        first_image_ms=float(np.max(tells[:-1] + asks[1:])),
        ahead_ms=float(np.median(aheads)),
        x_floor=float(np.median(asks + aheads + tells) / np.median(1e3 * np.array(floors))),
        memory_mb=memory / 1024.0,
    )


def measured_apart(name: str, chosen: argparse.Namespace) -> Cost | str:
    """Run one optimizer in a process of its own; a sentence where that fails."""
    if name in PEERS and importlib.util.find_spec(PEERS[name]) is None:
        return f"{PEERS[name]} is not installed"
    flags = [f"--{flag}" for flag in ("quick", "cpu") if getattr(chosen, flag)]
    command = [sys.executable, __file__, "--one", name, *flags]
    single = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"} if chosen.cpu else {}
    environment = os.environ | single
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        return done.stderr.strip().splitlines()[-1]
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


def line(cost: Cost) -> str:
    """One row of the table."""
    ahead = f"{cost.ahead_ms:9.1f}" if cost.ahead_ms >= 0.05 else " " * 9
    return (
        f"{cost.name:<28}{cost.median_ms:9.1f}{cost.worst_ms:9.1f}{cost.first_image_ms:15.1f}"
        f"{ahead}{cost.x_floor:9.1f}{cost.memory_mb:11.0f}"
    )


def main() -> None:
    """Print one row for each optimizer."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="512 genes, 8 generations")
    parser.add_argument("--only", default="", help="names, or kinds, with commas between")
    parser.add_argument("--peers", action="store_true", help="other libraries too, if installed")
    parser.add_argument("--cpu", action="store_true", help="count the processor's time, one thread")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    size = Size(512, 40, 8) if chosen.quick else Size(4096, 40, 75)
    if chosen.one:
        CLOCK.now = time.process_time if chosen.cpu else time.perf_counter
        print(json.dumps(asdict(measure(chosen.one, size))))
        return
    print(f"{size.code_dim} genes, {size.population_size} codes, {size.n_generations} generations")
    print(f"{'times in ms':<28}{'median':>9}{'worst':>9}{'to first image':>15}", end="")
    print(f"{'ahead':>9}{'x floor':>9}{'memory MB':>11}")
    wanted, figures = [word for word in chosen.only.split(",") if word], []
    for name in [*names(), *(PEERS if chosen.peers else [])]:
        if wanted and name not in wanted and name.partition(" ")[0] not in wanted:
            continue
        cost = measured_apart(name, chosen)
        print(f"{name:<28}  {cost}" if isinstance(cost, str) else line(cost), flush=True)
        figures += [] if isinstance(cost, str) else [asdict(cost)]
    if chosen.json:
        chosen.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
