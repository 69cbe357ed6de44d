"""What a benchmark's run costs beside the bare loop, and what two workers bring.

The bare loop calls optimizer, generator, neuron and noise by hand, with the same random numbers; it
must come to the same best response. Both are run in turns, one thread each, and the median ratio of
their processor times is printed, with that of the throughput of two workers to one.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/bench_overhead.py [--repeats 7] [--runs 24]
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from controller.bench.addresses import RacePurpose, race_rng
from controller.bench.conditions import condition_of
from controller.bench.plans.load import parse_plan
from controller.bench.plans.running import run, run_described
from controller.bench.plans.runs import Run, runs_of
from controller.bench.responses import Moment, responses
from controller.bench.workers import local_workers
from controller.optimizers.cma.cholesky import CholeskyCmaEs, CholeskyCmaEsOptions
from generators.gaussian import GaussianGenerator
from rig_adapters.sim.neurons.registry import build_neurons
from rig_adapters.sim.neurons.v1_complex.settings import ComplexCellSettings

PLAN = """
[plan]
name = "overhead"
generations = 75
repeats = {repeats}
seed = 1
noise = ["gain_0.2"]
reference = "Cholesky CMA"

[generators.gaussian]
kind = "gaussian"
image_size_px = 72

[[optimizers]]
name = "Cholesky CMA"
settings = {{ kind = "cholesky_cma", initial = "zeros", sigma0 = 3.0, population_size = 40 }}

[[neurons]]
generator = "gaussian"
settings = {{ kind = "v1_complex", seed = 1, spontaneous_hz = 0.0 }}
"""

_NEURON: dict[str, Any] = {"kind": "v1_complex", "channel": 0, "seed": 1, "spontaneous_hz": 0.0}


def bare(described: Run, generator: GaussianGenerator) -> float:
    """Run the loop by hand; return the largest noise-free response."""
    seed = described.seed * 1_000_003 + described.repeat
    where = f"{described.generator}/{described.neuron}"
    neuron = build_neurons([ComplexCellSettings(**_NEURON)])
    options = CholeskyCmaEsOptions(sigma0=3.0, population_size=40)
    optimizer = CholeskyCmaEs(np.zeros((1, 4096), np.float32), options, "maximise")
    conditions, shown, best = condition_of(described.noise), 0, 0.0
    for generation in range(described.generations):
        asked = optimizer.ask(race_rng(seed, RacePurpose.ASK, where, generation), shown)
        rates = neuron.evoked_hz(generator.render(asked.codes))[:, 0]
        moment = Moment(seed, where, generation, generation / described.generations)
        scores, n_valid = responses(rates, conditions, moment)
        optimizer.tell(asked.ids, asked.codes, scores, n_valid)
        shown += len(asked.ids)
        best = max(best, float(rates.max()))
    return best


def timed(work: Callable[[], object]) -> float:
    """Return the processor seconds that some work takes."""
    begun_s = time.process_time()
    work()
    return time.process_time() - begun_s


def throughput(runs: list[Run], n_workers: int) -> float:
    """Return runs per second of wall time, without what starting workers takes."""
    with local_workers(n_workers) as executor:
        list(executor.map(run_described, [runs[0].to_json()] * n_workers * 2))
        begun_s = time.perf_counter()
        list(executor.map(run_described, [described.to_json() for described in runs]))
        return len(runs) / (time.perf_counter() - begun_s)


def main() -> int:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--runs", type=int, default=24)
    chosen = parser.parse_args()
    if os.environ.get("OMP_NUM_THREADS") != "1":
        sys.exit("set OMP_NUM_THREADS=1 and OPENBLAS_NUM_THREADS=1: one thread each")
    runs = list(runs_of(parse_plan(PLAN.format(repeats=chosen.runs))))
    generator = GaussianGenerator(code_dim=4096, image_size_px=72)
    assert run(runs[0])[0].clean_max == bare(runs[0], generator), "the loops differ"
    ratios = []
    for _ in range(chosen.repeats):
        by_hand_s = timed(lambda: bare(runs[0], generator))
        ratios.append(timed(lambda: run(runs[0])) / by_hand_s)
    print(f"a run of a benchmark over the bare loop: {statistics.median(ratios):.3f} "
          f"({min(ratios):.3f} to {max(ratios):.3f}); {by_hand_s:.2f} s by hand")  # fmt: skip
    gains = []
    for _ in range(3):
        one = throughput(runs, 1)
        gains.append(throughput(runs, 2) / one)
    print(f"two workers over one: {statistics.median(gains):.2f} "
          f"({min(gains):.2f} to {max(gains):.2f})")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
