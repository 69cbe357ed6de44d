"""One run: an optimizer evolves images for a neuron. The bare loop, and what is measured of it.

Everything that the result depends on is in the run's description; random numbers have addresses in
which no optimizer stands, so two optimizers meet the same first codes and the same noise.
"""

import json
import os
import time
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from controller import assembly
from controller.bench.addresses import RacePurpose, race_rng
from controller.bench.conditions import condition_of
from controller.bench.errors import BenchError
from controller.bench.plans.results import Cost, RunResult, to_json
from controller.bench.plans.runs import Run
from controller.bench.responses import Moment, responses
from controller.config.optimizers import OptimizerTable
from controller.config.tables import GeneratorTable
from controller.errors import SessionRefused
from controller.initial_codes import first_codes
from controller.optimizers.base import Floats, Optimizer, WorksAhead
from controller.optimizers.errors import OptimizerError
from generators.base import Generator
from rig_adapters.sim.neurons.base import Neurons
from rig_adapters.sim.neurons.registry import AnyUnit, build_neurons
from rig_adapters.sim.neurons.settings import UnitSettings
from sessions.analysis.trajectory import linear_r2, principal_components, step_cosines

_FEWEST = 5
"""Generations without which a path says nothing."""


def run_described(description: str) -> str:
    """Run what `Run.to_json` described; return the line of the journal. For a worker process."""
    if os.environ.get("OMP_NUM_THREADS") != "1":
        raise BenchError(
            "a worker computes with several threads, so its results could differ in their last "
            "digits: start it with OMP_NUM_THREADS=1 and OPENBLAS_NUM_THREADS=1"
        )
    return to_json(*run(Run.from_json(description)))


def run(described: Run) -> tuple[RunResult, Cost]:
    """Run it. An optimizer's own error ends the run and stands in its result."""
    begun_s = time.process_time()
    track = _Track(described)
    error = ""
    try:
        optimizer = track.optimizer()
        for generation in range(described.generations):
            track.advance(optimizer, generation)
    except (OptimizerError, SessionRefused) as problem:
        error = str(problem) or type(problem).__name__
    return track.result(error), track.cost(time.process_time() - begun_s)


class _Track:
    """Runs generations, and remembers them."""

    def __init__(self, described: Run) -> None:
        self._run = described
        self._generator = _generator(json.dumps(described.generator_table, sort_keys=True))
        self._neuron = _neuron(json.dumps(described.neuron_table, sort_keys=True))
        self._unit = _unit(described.neuron_table)
        self._conditions = condition_of(described.noise)
        self._where = f"{described.generator}/{described.neuron}"
        """The address of everything random; the same for all optimizers."""
        self._seed = described.seed * 1_000_003 + described.repeat
        self._shown = 0
        self._seconds = {"optimizer": 0.0, "generator": 0.0, "neuron": 0.0}
        self._means: list[Floats] = []
        self._noisy_best = np.nan
        self._curves: dict[str, list[float]] = {
            name: [] for name in ("presentations", "mean_hz", "best_hz", "code_norm", "sigma")
        }

    def optimizer(self) -> Optimizer:
        """Return the optimizer at its beginning."""
        table = _optimizer_table(self._run)
        n = assembly.n_initial_codes(table, self._generator.code_dim)
        rng = race_rng(self._seed, RacePurpose.INITIAL_CODES, self._where)
        codes = first_codes(table.initial, n, self._generator, rng)
        return assembly.build_optimizer(table, codes, "maximise")

    def advance(self, optimizer: Optimizer, generation: int) -> None:
        """Ask, render, listen to the neuron, tell."""
        begun_s = time.process_time()
        shown = optimizer.ask(self._rng(RacePurpose.ASK, generation), self._shown)
        if isinstance(optimizer, WorksAhead):
            optimizer.prepare(self._rng(RacePurpose.ASK, generation + 1))
        asked_s = time.process_time()
        images = self._generator.render(shown.codes)
        rendered_s = time.process_time()
        clean = self._responses(images)
        heard_s = time.process_time()
        progress = generation / self._run.generations
        moment = Moment(self._seed, self._where, generation, progress)
        scores, n_valid = responses(clean, self._conditions, moment)
        told = self._told(scores, generation)
        told_s = time.process_time()
        optimizer.tell(shown.ids, shown.codes, told, n_valid)
        self._seconds["optimizer"] += asked_s - begun_s + time.process_time() - told_s
        self._seconds["generator"] += rendered_s - asked_s
        self._seconds["neuron"] += heard_s - rendered_s
        self._remember(shown.codes, clean, scores, optimizer)

    def result(self, error: str) -> RunResult:
        """Return what came of it."""
        curves, nothing = self._curves, not self._curves["mean_hz"]
        variances, norm2_r2, cosine = self._trajectory()
        return RunResult(
            key=self._run.key,
            clean_max=np.nan if nothing else curves["best_hz"][-1],
            noisy_best=float(self._noisy_best),
            first_hz=np.nan if nothing else curves["mean_hz"][0],
            last_hz=np.nan if nothing else float(np.mean(curves["mean_hz"][-2:])),
            norm2_r2=norm2_r2,
            pc1=float(variances[0]),
            pc2=float(variances[1]),
            pc3=float(variances[2]),
            step_cosine=cosine,
            presentations=tuple(int(n) for n in curves["presentations"]),
            mean_hz=tuple(curves["mean_hz"]),
            best_hz=tuple(curves["best_hz"]),
            code_norm=tuple(curves["code_norm"]),
            sigma=tuple(curves["sigma"]),
            error=error,
        )

    def cost(self, total_s: float) -> Cost:
        """Return what it took, of `total_s` in all."""
        spent = self._seconds
        other_s = max(0.0, total_s - sum(spent.values()))
        return Cost(spent["optimizer"], spent["generator"], spent["neuron"], other_s)

    def _responses(self, images: NDArray[np.uint8]) -> Floats:
        """Noise-free responses (n,) to images (n, h, w, 3)."""
        if self._run.response == "activation":
            activations: Floats = self._neuron.activations(images)[:, 0]  # type: ignore[attr-defined]  # networks have them
            return np.maximum(activations, 0.0)
        rates: Floats = self._neuron.evoked_hz(images)[:, 0] + self._unit.spontaneous_hz
        return rates

    def _told(self, scores: Floats, generation: int) -> Floats:
        if self._run.control == "none":
            return scores
        return scores[self._rng(RacePurpose.SHUFFLE, generation).permutation(scores.size)]

    def _remember(
        self, codes: NDArray[np.float32], clean: Floats, scores: Floats, optimizer: Optimizer
    ) -> None:
        self._shown += len(codes)
        known = np.concatenate([[self._noisy_best], scores])
        if np.isfinite(known).any():
            self._noisy_best = float(np.nanmax(known))
        self._means.append(codes.mean(axis=0, dtype=np.float64))
        curves = self._curves
        curves["presentations"].append(self._shown)
        curves["mean_hz"].append(float(clean.mean()))
        curves["best_hz"].append(max([float(clean.max()), *curves["best_hz"][-1:]]))
        curves["code_norm"].append(float(np.linalg.norm(codes.astype(np.float64), axis=1).mean()))
        curves["sigma"].append(float(optimizer.summary().get("sigma", np.nan)))

    def _trajectory(self) -> tuple[Floats, float, float]:
        """Shares of the first three components (3,), line of norm², mean cosine of steps."""
        shares = np.full(3, np.nan)
        if len(self._means) < _FEWEST:
            return shares, np.nan, np.nan
        # The first generation holds the initial codes.
        means = np.stack(self._means[1:])
        found = principal_components(means)[1][:3]
        shares[: found.size] = found
        cosines = step_cosines(means)
        known = cosines[np.isfinite(cosines)]
        mean_cosine = float(known.mean()) if known.size else np.nan
        return shares, linear_r2(np.square(means).sum(axis=1)), mean_cosine

    def _rng(self, purpose: RacePurpose, generation: int) -> np.random.Generator:
        return race_rng(self._seed, purpose, self._where, generation)


def _optimizer_table(described: Run) -> OptimizerTable:
    given = {name: value for name, value in described.optimizer_table.items() if value is not None}
    table: OptimizerTable = TypeAdapter(OptimizerTable).validate_python(given)
    return table


@lru_cache(maxsize=4)
def _generator(table: str) -> Generator:
    settings: Any = TypeAdapter(GeneratorTable).validate_python(json.loads(table))
    built: Generator = settings.build()
    return built


@lru_cache(maxsize=64)
def _neuron(table: str) -> Neurons:
    return build_neurons([_unit(json.loads(table))])


def _unit(table: Any) -> UnitSettings:
    unit: UnitSettings = TypeAdapter(AnyUnit).validate_python(table)
    return unit
