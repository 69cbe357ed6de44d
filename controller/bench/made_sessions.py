"""Made-up sessions of one site, as arrays: what it answers to images and references, by block.

Fast enough for thousands, to see how often a test of success is wrong, and how often it is right.
Responses are those of the typical rig day (docs/explanation/rig_day.md): its gains, their trend
from day to day, Poisson counts. The optimizer is its law on the one axis of code space that the
neuron sees: a generation of normal samples, and a mean that moves by their weighted mean. In a
control the ranks are those of other images' scores. Left out: pictures, trials that fail, lost
units; whole simulated days are `controller.bench.rig_days`.
"""

import math
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np

from controller.optimizers.base import Floats
from controller.optimizers.ranking import rank_weights, share_by_rank
from rig_adapters.sim.conditions import ResponseGain
from rig_adapters.sim.profiles import read_profile
from sessions.records import Ints

POPULATION, N_REFERENCES = 40, 10
WINDOW_S = 0.15
BLOCK_MIN = 0.43
"""13 minutes for 30 generations, as simulated days take."""
FIRST_HZ_MEDIAN = 85.0
FIRST_HZ_LOG_SD = math.log(128.0 / 46.0) / 1.349
"""Rates of the first generations: published quartiles 46 and 128."""
GENERATIONS_MEDIAN, GENERATIONS_LOG_SD = 30.0, math.log(42.0 / 20.0) / 2.563
"""Published: 20 to 42 in the middle eight tenths."""
REFERENCE_LOG_SD = 0.4
"""Assumed: how references differ; as a group they drive the site as first images do."""
RISE_SHARE = 1 / 3
"""An evolution's time constant, as a share of the run: it has 95 % of its gain at the end."""
FALLING_PER_MIN = -0.19 / (30 * BLOCK_MIN * 2 / 3)
"""The published tail: references fall by 19 % from the first to the last third."""

Drift = Literal["none", "published", "tail"]


@dataclass(frozen=True)
class Conditions:
    """What is made.

    drift: of responsiveness; that of the typical rig day, or of its worst tenth in every session.
    rho: correlation of measured and true scores within a generation.
    gain: last over first true rate of an evolution; None where scores told are other images'.
    """

    drift: Drift
    rho: float = 0.0
    gain: float | None = None


@dataclass(frozen=True, eq=False)
class MadeSession:
    """A session of g generations: scores in spikes/s.

    evolved: (n,) with their generation (n,); references: (r, g). spread: mean over generations of
    the sum of squared weights, 0 where no images walk.
    """

    evolved: Floats
    generation: Ints
    references: Floats
    spread: float

    @property
    def within_sd(self) -> float:
        """Standard deviation of scores within a generation, of the first two, pooled."""
        table = self.evolved.reshape(-1, POPULATION)[:2]
        return float(np.sqrt(table.var(axis=1, ddof=1).mean()))


def make_session(wanted: Conditions, rng: np.random.Generator) -> MadeSession:
    """Make one session."""
    drawn = GENERATIONS_MEDIAN * math.exp(GENERATIONS_LOG_SD * rng.standard_normal())
    n_generations = max(8, round(drawn))
    begin_hz = FIRST_HZ_MEDIAN * math.exp(FIRST_HZ_LOG_SD * rng.standard_normal())
    spread_of = REFERENCE_LOG_SD * rng.standard_normal(N_REFERENCES) - REFERENCE_LOG_SD**2 / 2
    reference_hz = begin_hz * np.exp(spread_of)
    gains = _gains(wanted.drift, n_generations, rng)
    course = _course(wanted.gain, n_generations)
    weights = rank_weights(POPULATION // 2)
    tuned_sd = wanted.rho / math.sqrt(1.0 - wanted.rho**2) * _noise_sd(begin_hz)
    evolved, shown, spreads, walked_hz = [], [], [], 0.0
    for gain, height in zip(gains, course, strict=True):
        z = rng.standard_normal(POPULATION)
        true_hz = np.maximum(0.0, begin_hz * height + walked_hz + tuned_sd * z)
        scores = _answers(gain * true_hz, rng)
        evolved.append(scores)
        shown.append(_answers(gain * reference_hz, rng))
        if wanted.gain is None and wanted.rho:
            told = rng.permutation(scores)
            shares = share_by_rank(told, np.ones(POPULATION, dtype=bool), weights)
            spreads.append(float(np.square(shares).sum()))
            walked_hz += tuned_sd * float(shares @ z)
    generation = np.repeat(np.arange(n_generations), POPULATION)
    spread = float(np.mean(spreads)) if spreads else 0.0
    return MadeSession(np.concatenate(evolved), generation, np.stack(shown, axis=1), spread)


def _gains(drift: Drift, n: int, rng: np.random.Generator) -> Floats:
    """Gain (n,) of each block: wandering as on the typical day, and with its trend."""
    settings = _settings()
    trend = {
        "none": 0.0,
        "published": settings["gain_trend_per_min"]
        + settings["gain_trend_sd_per_min"] * rng.standard_normal(),
        "tail": FALLING_PER_MIN,
    }[drift]
    gain = ResponseGain(settings["gain_cv"], trend, 0.0)
    return np.array([gain.at(60.0 * BLOCK_MIN * block, rng) for block in range(n)])


def _course(gain: float | None, n: int) -> Floats:
    """Mean true rate (n,) of each generation, the first one's being 1."""
    if gain is None:
        return np.ones(n)
    risen = 1.0 - np.exp(-np.arange(n) / (RISE_SHARE * n))
    course: Floats = 1.0 + (gain - 1.0) * risen / risen[-1]
    return course


def _answers(rates_hz: Floats, rng: np.random.Generator) -> Floats:
    """Return one response (n,) in spikes/s to each of images with these rates (n,)."""
    sd = math.sqrt(math.log1p(_presentation_gain_cv() ** 2))
    gains = np.exp(sd * rng.standard_normal(rates_hz.size) - sd**2 / 2)
    counts: Floats = rng.poisson(gains * rates_hz * WINDOW_S) / WINDOW_S
    return counts


def _noise_sd(rate_hz: float) -> float:
    return math.sqrt(rate_hz / WINDOW_S + (_presentation_gain_cv() * rate_hz) ** 2)


def _presentation_gain_cv() -> float:
    return float(_settings()["variability"]["presentation_gain_cv"])


@cache
def _settings() -> dict[str, Any]:
    return read_profile("typical_rig_day").rig
