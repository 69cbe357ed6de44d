"""What a virtual-time session takes beside the bare loop that does the same work by hand.

A whole session runs (`neuroloop run`: daemon, display, simulated rig, log, audit), and then the
bare loop over its log: the same optimizer is asked for the same codes, the same generator renders
them, the same simulated neurons are given the images in one call, their counts are drawn, and the
optimizer is told what the log says it was told. No image is hashed, shown or kept. The two take
turns, one thread each, so that a busy machine is busy for both; medians are printed.

    .venv/bin/python benchmarks/session_overhead.py [--generations 75] [--repeats 5]
        [--generator gaussian] [--workers 2] [--set rig.settings…]

Wall time is that of the generations alone, processor time that of all processes of the session less
that of a session of one generation, so starting and concluding are in neither. With `--workers`,
sessions run side by side too: the throughput of all of them over that of one alone. On a machine
that others use, believe the processor times.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from statistics import median

import numpy as np

from controller import assembly
from controller.cli.config_commands import template
from controller.config.tables import SessionConfig
from controller.processes import ONE_THREAD
from rig_adapters.sim.neurons.registry import build_neurons
from rig_adapters.sim.retina import Placement
from rig_adapters.sim.settings import read_settings
from sessions.reader import LogReader, open_log
from sessions.report import summary

NEUROLOOP = str(Path(sys.executable).with_name("neuroloop"))
GENERATORS = ["gaussian", "embedded", "deepsim_fc6"]
WEIGHTLESS = ["deepsim_fc6"]
STAGES = ["optimizer", "render", "neuron"]


@dataclass(frozen=True)
class Cost:
    """Seconds, by the clock on the wall and of all processors together, and where they went."""

    wall_s: float
    processor_s: float
    stages_s: dict[str, float]


class Sessions:
    """Sessions like each other, each in a folder of its own."""

    def __init__(self, folder: Path, generator: str, overrides: list[str]) -> None:
        self._folder = folder
        self._numbers = count()
        settings = ["session.time=virtual", "display.kind=virtual", *overrides]
        keys = ', weights="random"' if generator in WEIGHTLESS else ""
        if generator != "gaussian":
            settings.append(f'generators.main={{kind="{generator}"{keys}}}')
        self._sets = [word for setting in settings for word in ("--set", setting)]

    def run(self, generations: int) -> Path:
        """Run one and return the path of its log."""
        number = next(self._numbers)
        folder = self._folder / str(number)
        folder.mkdir()
        (folder / "session.toml").write_text(template(), encoding="utf-8")
        # Two that begin in the same second must not be taken for the same.
        last = [f"session.name=run{number}", f"stopping.max_generations={generations}"]
        command = [NEUROLOOP, "run", "session.toml", "--json", *self._sets]
        command += [word for setting in last for word in ("--set", setting)]
        environment = {**os.environ, **ONE_THREAD}
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=True, env=environment
        )
        return folder / json.loads(done.stdout)["log"]

    def cost(self, generations: int) -> tuple[Path, Cost]:
        """Run one; return the path of its log and what it took, from its start to its summary."""
        before_s = _children_s()
        log = self.run(generations)
        processor_s = _children_s() - before_s
        stages_s = summary(open_log(log)).time_split_s
        return log, Cost(stages_s.pop("total"), processor_s, stages_s)


def _children_s() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def bare_cost(log: Path) -> Cost:
    """Return what the bare loop over a session takes, in a process of its own."""
    command = [sys.executable, __file__, "--bare", str(log)]
    environment = {**os.environ, **ONE_THREAD}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return Cost(**json.loads(done.stdout))


def bare_loop(reader: LogReader) -> Cost:
    """Do by hand what a session of one thread did."""
    config = SessionConfig.model_validate_json(reader.start.config_json)
    generators = assembly.build_generators(config)
    assembly.warm_up(generators)
    (thread,) = assembly.build_threads(config, generators)
    generator = generators[thread.generator_name]
    neurons = build_neurons(read_settings(config.rig.settings).units)
    place = Placement(thread.placement.x_deg, thread.placement.y_deg, thread.placement.size_deg)
    driver = neurons.unit_ids.index(reader.start.threads[0].driver_unit_ids[0])
    rng = np.random.default_rng(config.session.seed)
    scores = reader.scores
    made = scores.kind == "generated"
    told, n_valid = scores.told_score[made], scores.n_valid[made]
    ids, codes = reader.codes(0).image_id, reader.codes(0).code
    stages_s = dict.fromkeys(STAGES, 0.0)
    begin_s, begin_processor_s = time.perf_counter(), time.process_time()
    row = 0
    while row < len(ids):
        t0 = time.perf_counter()
        population = thread.ask(int(ids[row]))
        t1 = time.perf_counter()
        images = generator.render(population.codes)
        t2 = time.perf_counter()
        counts = rng.poisson(0.15 * neurons.evoked_hz(images, place))[:, driver]
        t3 = time.perf_counter()
        rows = slice(row, row := row + len(counts))
        thread.optimizer.tell(population.ids, population.codes, told[rows], n_valid[rows])
        t4 = time.perf_counter()
        if not np.array_equal(population.codes, codes[rows]):
            raise SystemExit("the bare loop asked other codes than the session")
        for stage, seconds in zip(STAGES, (t1 - t0 + t4 - t3, t2 - t1, t3 - t2), strict=True):
            stages_s[stage] += seconds
    wall_s, processor_s = time.perf_counter() - begin_s, time.process_time() - begin_processor_s
    return Cost(wall_s, processor_s, stages_s)


def overhead(sessions: Sessions, generations: int, repeats: int) -> None:
    """Let sessions and bare loops take turns, and print what each takes a generation."""
    whole, bare = [], []
    for _ in range(repeats):
        # Each time anew, for starting takes as much as many generations, and more when busy.
        startup_s = sessions.cost(1)[1].processor_s
        log, cost = sessions.cost(generations)
        running_s = (cost.processor_s - startup_s) * generations / (generations - 1)
        whole.append(replace(cost, processor_s=running_s))
        bare.append(bare_cost(log))
    for name, costs in (("session", whole), ("bare loop", bare)):
        wall_s = median(cost.wall_s for cost in costs)
        processor_s = median(cost.processor_s for cost in costs)
        print(
            f"{name:<10} {1e3 * wall_s / generations:7.1f} ms a generation, "
            f"{1e3 * processor_s / generations:7.1f} ms of processors"
        )
        for stage in costs[0].stages_s:
            stage_s = median(cost.stages_s.get(stage, 0.0) for cost in costs)
            print(f"  {stage:<10} {100 * stage_s / wall_s:5.1f} %  {stage_s:7.2f} s")
    ratios = [ours.wall_s / by_hand.wall_s for ours, by_hand in zip(whole, bare, strict=True)]
    spent = [
        ours.processor_s / by_hand.processor_s for ours, by_hand in zip(whole, bare, strict=True)
    ]
    print(f"session over bare loop: {median(ratios):.2f} ({_listed(ratios)}) of wall time")
    print(f"                        {median(spent):.2f} ({_listed(spent)}) of processor time")


def side_by_side(sessions: Sessions, generations: int, repeats: int, workers: int) -> None:
    """Print the throughput of several sessions at once over that of one alone."""
    gains = []
    for _ in range(repeats):
        alone_s = sessions.cost(generations)[1].wall_s
        with ThreadPoolExecutor(workers) as executor:
            logs = list(executor.map(sessions.run, [generations] * workers))
        each_s = [summary(open_log(log)).time_split_s["total"] for log in logs]
        gains.append(sum(alone_s / wall_s for wall_s in each_s))
    print(f"{workers} sessions side by side: {median(gains):.2f} times the throughput of one")
    print(f"                        ({_listed(gains)})")


def _listed(values: list[float]) -> str:
    return ", ".join(f"{value:.2f}" for value in values)


def main() -> None:
    """Print ratios for one generator."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--generations", type=int, default=75)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--generator", choices=GENERATORS, default="gaussian")
    parser.add_argument("--workers", type=int, default=1, help="sessions to run side by side")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")
    parser.add_argument("--bare", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.bare:
        print(json.dumps(vars(bare_loop(open_log(chosen.bare)))))
        return
    print(f"{chosen.generations} generations with {chosen.generator}, one thread each")
    with tempfile.TemporaryDirectory() as place:
        sessions = Sessions(Path(place), chosen.generator, chosen.overrides)
        overhead(sessions, chosen.generations, chosen.repeats)
        if chosen.workers > 1:
            side_by_side(sessions, chosen.generations, chosen.repeats, chosen.workers)


if __name__ == "__main__":
    main()
