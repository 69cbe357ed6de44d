"""One heat: one optimizer, one neuron, one condition, one seed, a budget of presentations.

A heat is a pure function of its description. What is left out: several heats at once, files.
"""

import time
import zlib
from dataclasses import dataclass

import numpy as np

from controller.bench.addresses import RacePurpose, race_rng
from controller.bench.conditions import condition_of
from controller.bench.entrants import ENTRANTS, Setting
from controller.bench.neurons import Neuron, NeuronSpec, neuron_of
from controller.bench.responses import Moment, responses
from controller.optimizers.base import Codes, Optimizer, WorksAhead
from controller.optimizers.errors import OptimizerError
from controller.optimizers.wrappers.norm_limits import NormLimits

RULES = 1
"""Goes up when results of before can no longer be compared with those of now."""
N_INITIAL = 40
"""Standard normal codes that every optimizer is started with."""


@dataclass(frozen=True)
class Heat:
    """What identifies a heat.

    optimizer: name of an entrant; condition: see `controller.bench.conditions`.
    seed: of the initial codes, of the optimizer's random numbers and of the noise.
    n_presentations: the budget; the last generation is the one that comes nearest to it.
    norms: between which every code is kept, whoever proposes it; None for no limit.
    """

    optimizer: str
    neuron: NeuronSpec
    condition: str
    seed: int
    n_presentations: int
    norms: tuple[float | None, float | None] = (None, None)

    @property
    def key(self) -> str:
        """Return what is the same for the same heat, and other if anything in it has changed."""
        conditions, options = condition_of(self.condition), ENTRANTS[self.optimizer].options
        what = f"{RULES} {self.neuron} {conditions} {options} {self.n_presentations} {self.norms}"
        checksum = zlib.crc32(what.encode())
        return f"{self.optimizer}/{self.neuron.name}/{self.condition}/{self.seed}/{checksum:08x}"


@dataclass(frozen=True)
class HeatResult:
    """What came of a heat; one value per generation in each tuple.

    key, optimizer, neuron, condition, seed: which heat.
    presentations: shown by the end of the generation.
    mean_hz: mean noise-free rate of its images.
    best_hz: highest noise-free rate of any image so far.
    ask_tell_ms: median of the time that ask and tell took together, and the longest; without what
        is done while images are shown.
    code_norm: mean norm of the last codes.
    error: why it ended early; empty where it did not.
    """

    key: str
    optimizer: str
    neuron: str
    condition: str
    seed: int
    presentations: tuple[int, ...]
    mean_hz: tuple[float, ...]
    best_hz: tuple[float, ...]
    ask_tell_ms: tuple[float, float]
    code_norm: float
    error: str = ""


def initial_codes(heat: Heat) -> Codes:
    """Codes (N_INITIAL, code_dim) that every optimizer starts with on this neuron and seed."""
    rng = race_rng(heat.seed, RacePurpose.INITIAL_CODES, heat.neuron.name)
    return rng.standard_normal((N_INITIAL, heat.neuron.space.code_dim)).astype(np.float32)


def run_heat(heat: Heat) -> HeatResult:
    """Run it. An optimizer's own error ends the heat and stands in its result."""
    neuron, conditions = neuron_of(heat.neuron), condition_of(heat.condition)
    entrant = ENTRANTS[heat.optimizer]
    setting = Setting(
        initial_codes(heat), lambda: neuron.metric(conditions.metric), heat.n_presentations
    )
    track = _Track(heat, neuron)
    error = ""
    try:
        optimizer = NormLimits(entrant.make(setting), *heat.norms)
        for generation in range(_n_generations(heat, optimizer)):
            track.advance(optimizer, generation)
    except OptimizerError as problem:
        error = str(problem) or type(problem).__name__
    return track.result(error)


def _n_generations(heat: Heat, optimizer: Optimizer) -> int:
    later = (heat.n_presentations - N_INITIAL) / optimizer.population_size
    return 1 + max(0, round(later))


class _Track:
    """Runs generations, and remembers them."""

    def __init__(self, heat: Heat, neuron: Neuron) -> None:
        self._heat, self._neuron = heat, neuron
        self._presentations: list[int] = []
        self._mean_hz: list[float] = []
        self._best_hz: list[float] = []
        self._times_ms: list[float] = []
        self._norm = np.nan

    def advance(self, optimizer: Optimizer, generation: int) -> None:
        """Ask, listen to the neuron, tell."""
        heat, name = self._heat, self._heat.neuron.name
        shown_before = self._presentations[-1] if self._presentations else 0
        rng = race_rng(heat.seed, RacePurpose.ASK, name, generation)
        begin_s = time.perf_counter()
        shown = optimizer.ask(rng, shown_before)
        asked_s = time.perf_counter() - begin_s
        if isinstance(optimizer, WorksAhead):
            optimizer.prepare(race_rng(heat.seed, RacePurpose.ASK, name, generation + 1))
        rates = self._neuron.rate(shown.codes)
        progress = min(1.0, shown_before / heat.n_presentations)
        moment = Moment(heat.seed, name, generation, progress)
        scores, n_valid = responses(rates, condition_of(heat.condition), moment)
        begin_s = time.perf_counter()
        optimizer.tell(shown.ids, shown.codes, scores, n_valid)
        self._times_ms.append(1e3 * (asked_s + time.perf_counter() - begin_s))
        self._presentations.append(shown_before + len(shown.ids))
        self._mean_hz.append(float(rates.mean()))
        self._best_hz.append(max([float(rates.max()), *self._best_hz[-1:]]))
        self._norm = float(np.linalg.norm(shown.codes, axis=1).mean())

    def result(self, error: str) -> HeatResult:
        """Return what came of it, rounded to what a picture or a table can show."""
        heat, times = self._heat, self._times_ms or [np.nan]
        return HeatResult(
            key=heat.key,
            optimizer=heat.optimizer,
            neuron=heat.neuron.name,
            condition=heat.condition,
            seed=heat.seed,
            presentations=tuple(self._presentations),
            mean_hz=tuple(round(hz, 3) for hz in self._mean_hz),
            best_hz=tuple(round(hz, 3) for hz in self._best_hz),
            ask_tell_ms=(round(float(np.median(times)), 3), round(max(times), 3)),
            code_norm=round(self._norm, 2),
            error=error,
        )
