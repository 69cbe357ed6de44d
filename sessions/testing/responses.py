"""Responses of whole sessions, drawn quickly: to see how often the audit of responses is wrong.

Only what `sessions.audit.lags` looks at is made: labels, counts and what completed, in shown order.
The neurons are log-normally tuned and noisier than Poisson, noise is shared between units, gains
wander, trials fail and are shown again, and responses overlap. Images are no images, and there are
no clocks; whole sessions are made by the simulated rig.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from sessions.audit.lags import Label, Responses
from sessions.records import Floats

WINDOW_S = 0.15
FAILED_TRIALS = 0.33
PRESENTATIONS_PER_TRIAL = 5


@dataclass(frozen=True)
class ResponseConditions:
    """What a session is like; `kind` flat has neurons that answer all images alike.

    `noise_cv` is that of a gain drawn for each presentation and shared by all units, `gain_cv` of
    one that wanders from block to block, `overlap` the share of a response that falls (or, where
    negative, is missing) in the window of the image after it.
    """

    references: int = 10
    generated: int = 40
    units: int = 4
    repeats: int = 1
    blocks: int = 25
    flat: bool = False
    noise_cv: float = 0.3
    gain_cv: float = 0.11
    overlap: float = 0.0


def any_conditions(kind: str, rng: np.random.Generator) -> ResponseConditions:
    """Draw conditions of a kind: usual, flat, or overlapping responses."""
    drawn = ResponseConditions(
        references=int(rng.choice([0, 3, 5, 10, 30])),
        generated=int(rng.choice([20, 40])),
        units=int(rng.choice([1, 2, 4, 16])),
        repeats=int(rng.choice([1, 1, 2])),
        flat=kind == "flat",
        noise_cv=float(rng.choice([0.0, 0.3, 0.8])),
        gain_cv=float(rng.choice([0.11, 0.3])),
    )
    return replace(drawn, overlap=float(rng.uniform(-0.4, 0.6))) if kind == "overlap" else drawn


def blocks_of_responses(
    wanted: ResponseConditions, rng: np.random.Generator
) -> Iterator[Responses]:
    """Yield the blocks of a session; the first unit evolves from 25 to 140 spikes/s."""
    shape = (max(wanted.references, 1), wanted.units)
    tuning = np.full(shape, 10.0) if wanted.flat else _rates(25.0, 0.7, shape, rng)
    gain = 1.0
    for block in range(wanted.blocks):
        shape = (wanted.generated, wanted.units)
        evolved = _rates(25.0, 0.5, shape, rng)
        evolved[:, 0] = _rates(25.0 + 115.0 * min(1.0, block / 15), 0.3, shape[:1], rng)
        if wanted.flat:
            evolved[:] = 10.0
        gain = max(0.05, gain + 0.5 * wanted.gain_cv * rng.standard_normal() - 0.2 * (gain - 1.0))
        yield _shown(wanted, tuning, evolved, gain, rng)


def shifted(responses: Responses, by: int = 1) -> Responses:
    """Return a block in which everything recorded came `by` presentations late."""
    return Responses(
        responses.labels,
        np.roll(responses.counts, by, axis=0),
        np.roll(responses.completed, by),
    )


def _shown(
    wanted: ResponseConditions,
    tuning: Floats,
    evolved: Floats,
    gain: float,
    rng: np.random.Generator,
) -> Responses:
    images = [(True, k) for k in range(wanted.references)]
    images += [(False, k) for k in range(wanted.generated)]
    first = [(images * wanted.repeats)[k] for k in rng.permutation(len(images) * wanted.repeats)]
    trials = np.repeat(rng.random(len(first)) < FAILED_TRIALS, PRESENTATIONS_PER_TRIAL)
    failed = trials[: len(first)] & (rng.random(len(first)) < 0.75)
    order = first + [first[k] for k in np.flatnonzero(failed)]
    rates = np.array([tuning[k] if reference else evolved[k] for reference, k in order])
    rates *= gain * (1.0 + 0.1 * np.cumsum(0.1 * rng.standard_normal((len(order), 1)), axis=0))
    rates = np.maximum(rates, 0.0)
    rates[1:] = np.maximum(rates[1:] + wanted.overlap * rates[:-1], 0.0)
    if wanted.noise_cv:
        shape = 1.0 / wanted.noise_cv**2
        rates *= rng.gamma(shape, 1.0 / shape, (len(order), 1))
    labels: tuple[Label, ...] = tuple(
        (float(k), 0.0, 0.0, 4.0) if reference else (0.0,) for reference, k in order
    )
    completed = np.concatenate([~failed, np.ones(int(failed.sum()), dtype=bool)])
    return Responses(labels, rng.poisson((rates + 5.0) * WINDOW_S).astype(np.float64), completed)


def _rates(
    median_hz: float, spread: float, shape: tuple[int, ...], rng: np.random.Generator
) -> Floats:
    rates: Floats = median_hz * np.exp(spread * rng.standard_normal(shape))
    return rates
