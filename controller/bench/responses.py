"""From noise-free rates to the scores that an optimizer is told: noise, drift, gaps.

Noise "gain_0.2" and "gain_0.5" are those of Wang & Ponce 2022, r max(0, 1 + s ε), ε ~ N(0, 1).
"poisson" counts spikes in 150 ms and divides by them. What is left out: refractoriness, bursts.
"""

from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeAlias, get_args

import numpy as np
import scipy  # loads its parts when they are first used, so that commands start at once

from controller.bench.addresses import RacePurpose, race_rng
from controller.bench.code_space import MetricQuality
from controller.optimizers.base import Floats, Ids

Noise: TypeAlias = Literal["none", "gain_0.2", "gain_0.5", "poisson"]
NOISES: tuple[Noise, ...] = get_args(Noise)

_WINDOW_S = 0.15
_GAIN_SD = {"gain_0.2": 0.2, "gain_0.5": 0.5}
_OUTLIER_HZ = 40.0


@dataclass(frozen=True)
class Conditions:
    """How the neuron is listened to, beyond its noise-free rates.

    noise: see the file.
    final_gain: what has become of all rates at the end of a run, in a straight line from 1.
    gain_cv: coefficient of variation of a gain that is drawn anew for each generation.
    p_missing: part of the responses that are lost (NaN, no valid presentation).
    p_silent: part of the images on which the neuron is silent whatever they show; these count.
    p_outlier: part of the responses with an artefact, Student's t with 1.5 degrees of freedom
        times 40 sp/s, on top; what falls below 0 is 0.
    metric: what optimizers that use the metric of the code space are given of it.
    """

    noise: Noise = "none"
    final_gain: float = 1.0
    gain_cv: float = 0.0
    p_missing: float = 0.0
    p_silent: float = 0.0
    p_outlier: float = 0.0
    metric: MetricQuality = "estimated"


@dataclass(frozen=True)
class Moment:
    """Where in which run a generation is: the address of its noise, and its part of the budget.

    progress: 0 at the first presentation, 1 at the last.
    """

    seed: int
    neuron: str
    generation: int
    progress: float


def responses(rates: Floats, conditions: Conditions, moment: Moment) -> tuple[Floats, Ids]:
    """Scores (n,) in spikes/s, NaN where missing, and n_valid (n,), for noise-free rates (n,)."""
    n = rates.size
    rng_of = partial(race_rng, moment.seed, neuron=moment.neuron, generation=moment.generation)
    gain = 1.0 + (conditions.final_gain - 1.0) * moment.progress
    gain *= max(0.0, 1.0 + conditions.gain_cv * rng_of(RacePurpose.GAIN).standard_normal())
    silent = rng_of(RacePurpose.SILENT).random(n) < conditions.p_silent
    scores = _noisy(rates * gain, conditions.noise, rng_of(RacePurpose.RESPONSES))
    scores[silent] = 0.0
    if conditions.p_outlier:
        rng = rng_of(RacePurpose.OUTLIERS)
        artefacts = _OUTLIER_HZ * rng.standard_t(1.5, n)
        hit = rng.random(n) < conditions.p_outlier
        scores = np.maximum(scores + np.where(hit, artefacts, 0.0), 0.0)
    missing = rng_of(RacePurpose.MISSING).random(n) < conditions.p_missing
    scores[missing] = np.nan
    return scores, (~missing).astype(np.int64)


def _noisy(rates: Floats, noise: Noise, rng: np.random.Generator) -> Floats:
    if noise == "none":
        return rates.copy()
    if noise == "poisson":
        return _poisson(rates * _WINDOW_S, rng.random(rates.size)) / _WINDOW_S
    factor = np.maximum(0.0, 1.0 + _GAIN_SD[noise] * rng.standard_normal(rates.size))
    scores: Floats = rates * factor
    return scores


def _poisson(expected: Floats, uniform: Floats) -> Floats:
    """Draw counts (n,) by inversion: the higher rate never has the lower count at the same draw."""
    with np.errstate(invalid="ignore"):
        counts = np.ceil(scipy.special.pdtrik(uniform, expected))
    # pdtrik has no value where even a count of 0 is likelier than the draw.
    result: Floats = np.where(uniform <= np.exp(-expected), 0.0, np.maximum(counts, 0.0))
    return result
