"""The numbers of a thread: each with its interval, how many it rests on, and what chance gives.

They are those of `sessions.report` and `sessions.analysis`; nothing is judged here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy  # loads its parts when they are first used, so that commands start at once

from sessions.analysis.evolution import Interval, ends
from sessions.analysis.reliability import noise_ceiling, split_half
from sessions.analysis.rise import rise
from sessions.analysis.success import N_ENDS, success_test
from sessions.lab_report.given import GivenOfThread
from sessions.lab_report.of_thread import OfImages, OfThread
from sessions.records import Floats, Ints

NOTHING = "–"
HZ = "spikes/s"
_SEED = 2


@dataclass(frozen=True)
class Number:
    """One row of the table: `beside` is a null model, or what else the number has to be held to.

    decides: the one number by which an evolution is judged.
    """

    what: str
    value: str
    interval: str
    n: str
    beside: str
    decides: bool = False


def numbers_of(thread: OfThread, given: GivenOfThread) -> tuple[Number, ...]:
    """Return every number of a thread that its log has something for."""
    return (
        *_rates(thread),
        *_gains(thread),
        *_tested(thread),
        *_best(thread),
        *_speed(thread),
        *_repeatable(thread),
        *_codes(thread, given),
    )


def _rates(thread: OfThread) -> Iterator[Number]:
    first, last = ends(thread.evolved.generation)
    for name, generations in (("first", first), ("last", last)):
        if len(generations):
            values = _scores(thread.evolved, generations)
            yield _mean(f"Evolved images, {name} generations", values, generations)
    shown = _scores(thread.references, last)
    if len(shown):
        yield _mean("Reference images, last generations", shown, last)


def _gains(thread: OfThread) -> Iterator[Number]:
    evolution, rate = thread.summary.evolution, thread.summary.rate
    first, last = ends(thread.evolved.generation)
    n_last = len(_scores(thread.evolved, last))
    counts = f"{len(_scores(thread.evolved, first))} and {n_last} images"
    naive = evolution.gain
    yield Number(
        "Gain beyond the drift of the references",
        _signed(rate.gain.value),
        _interval(rate.gain),
        f"{counts}, {len(np.unique(thread.references.image_id))} references",
        f"Without an evolution: 0. {rate.verdict[0].upper()}{rate.verdict[1:]}.",
        decides=True,
    )
    yield Number(
        "Gain, last − first, drift left in",
        _signed(naive.value),
        _interval(naive),
        counts,
        "0 without an evolution and without drift: drift alone can make it differ.",
    )
    yield Number(
        "Last generations − their references",
        _signed(evolution.over_reference.value),
        _interval(evolution.over_reference),
        f"{n_last} and {len(_scores(thread.references, last))} scores",
        "Says nothing of evolving: it may have been so from the start.",
    )
    drift = rate.drift
    yield Number(
        "References, last over first generations",
        f"{drift:.2f}" if math.isfinite(drift) else NOTHING,
        NOTHING,
        f"{len(np.unique(thread.references.image_id))} references",
        "1 without drift.",
    )


def _tested(thread: OfThread) -> Iterator[Number]:
    """Give the test that keeps its level while the recording drifts, and the one that does not."""
    shown, made = thread.references, thread.evolved
    generations = np.unique(made.generation)
    ids, rows = np.unique(shown.image_id, return_inverse=True)
    references = np.full((len(ids), len(generations)), np.nan)
    there = np.isin(shown.generation, generations)
    columns = np.searchsorted(generations, shown.generation[there])
    references[rows[there], columns] = shown.score[there]
    found = success_test(made.score, made.generation, references)
    both = f"first and last {N_ENDS} generations"
    if math.isfinite(found.beyond_drift.p):
        change = found.beyond_drift
        told = f"factor {found.drift:.2f}" if found.removed == "factor" else "difference"
        yield Number(
            "Test of success, drift taken out",
            _signed(change.value),
            f"{change.low:+.1f} to {change.high:+.1f}",
            f"{both}, {found.n_references} references",
            f"p = {change.p:.2g}, two-sided; drift as a {told}. Without an evolution: 0.",
        )
    if math.isfinite(found.naive.p):
        change = found.naive
        yield Number(
            "The published test, drift left in",
            _signed(change.value),
            f"{change.low:+.1f} to {change.high:+.1f}",
            both,
            f"p = {change.p:.2g} (published criterion 0.001). It takes drift for evolution.",
        )


def _best(thread: OfThread) -> Iterator[Number]:
    found = thread.summary
    made = thread.evolved
    rows = np.flatnonzero(made.image_id == found.best_image_id)
    if not len(rows) or not math.isfinite(found.best_score):
        return
    n = int(made.n_valid[rows[0]])
    yield Number(
        f"Best image (id {found.best_image_id}, generation {made.generation[rows[0]]})",
        f"{found.best_score:.1f} {HZ}",
        NOTHING,
        f"{n} presentation" + "s" * (n != 1),
        f"The most extreme of {np.isfinite(made.score).sum()}: partly chance; shown again, it "
        "answers nearer to the mean.",
    )


def _speed(thread: OfThread) -> Iterator[Number]:
    made = thread.evolved
    found = rise(made.score, made.generation, thread.info.direction, _rng(thread, 0))
    if found is None:
        return
    for reached in found.reached:
        after = reached.generations
        if math.isfinite(after.value):
            yield Number(
                f"Generations until {100 * reached.level:.0f} % of the rise",
                f"{after.value:.1f}",
                NOTHING if math.isnan(after.low) else f"{after.low:.1f} to {after.high:.1f}",
                f"{np.isfinite(made.score).sum()} scores",
                f"Of a smooth curve that changes by {found.rise:+.1f} {HZ}; drift is left in.",
            )


def _repeatable(thread: OfThread) -> Iterator[Number]:
    """Say how surely references are told apart; each of their blocks counts as a presentation."""
    shown = thread.references
    halves = split_half(shown.score, shown.image_id, _rng(thread, 1))
    ceiling = noise_ceiling(shown.score, shown.image_id)
    if math.isfinite(halves.whole.value):
        yield Number(
            "References, split-half reliability of their means",
            f"{halves.whole.value:.2f}",
            f"{halves.whole.low:.2f} to {halves.whole.high:.2f}",
            f"{halves.n_images} references",
            "0 where images make no difference. Drift from block to block counts as noise.",
        )
    if ceiling is not None:
        yield Number(
            "References, part of variance that a model can explain",
            f"{ceiling.explainable:.2f}",
            NOTHING,
            f"{ceiling.n_images} references, {ceiling.n_presentations} scores",
            f"Signal SD {ceiling.signal_sd:.1f}, noise SD {ceiling.noise_sd:.1f} {HZ} (one score).",
        )


def _rng(thread: OfThread, which: int) -> np.random.Generator:
    """Return a generator of its own, so that the same log always gives the same interval."""
    address = np.random.SeedSequence(_SEED, spawn_key=(thread.info.thread_id, which))
    return np.random.default_rng(address)


def _codes(thread: OfThread, given: GivenOfThread) -> Iterator[Number]:
    if given.drift is not None:
        drift = given.drift
        yield Number(
            "Norm of the mean code, at the end",
            f"{drift.norm:.1f}",
            NOTHING,
            f"{thread.summary.generations} generations",
            f"Random walk of the logged step sizes: {drift.expected:.1f} ± {drift.sd:.1f} (SD).",
        )
    if given.path is not None:
        path = given.path
        shares = zip(path.shares, path.walk_shares, strict=True)
        for k, (share, walk) in enumerate(shares, start=1):
            yield Number(
                f"Variance of the path along component {k}",
                f"{share:.3f}",
                NOTHING,
                f"{path.n_points} generations",
                f"Random walk: {walk:.3f}.",
            )
        yield Number(
            "Cosine of consecutive steps",
            f"{path.step_cosine:+.3f}",
            NOTHING,
            f"{path.n_points - 2} pairs",
            f"Random walk: 0 ± {path.step_cosine_sd:.3f} (SD).",
        )
    if given.reliability is not None:
        told = given.reliability
        yield Number(
            "Correlation of scores with the truth, within a generation",
            f"{told.rho:.2f}",
            NOTHING,
            f"{told.n_images} images shown twice or more",
            f"Images that make no difference: below {told.null_rho:.2f} in 95 % of cases.",
        )


def _scores(images: OfImages, generations: Ints) -> Floats:
    values = images.score[np.isin(images.generation, generations)]
    known: Floats = values[np.isfinite(values)]
    return known


def _mean(what: str, values: Floats, generations: Ints) -> Number:
    """Mean of values `(n,)` with its 95 % interval by Student's t."""
    span = f"{generations[0]}–{generations[-1]}" if len(generations) > 1 else f"{generations[0]}"
    n = len(values)
    if n < 2:
        value = f"{values.mean():.1f} {HZ}" if n else NOTHING
        return Number(f"{what} ({span})", value, NOTHING, f"{n} scores", "")
    error = float(scipy.special.stdtrit(n - 1, 0.975)) * float(values.std(ddof=1)) / math.sqrt(n)
    mean = float(values.mean())
    interval = f"{mean - error:.1f} to {mean + error:.1f}"
    return Number(f"{what} ({span})", f"{mean:.1f} {HZ}", interval, f"{n} scores", "")


def _signed(value: float) -> str:
    return f"{value:+.1f} {HZ}" if math.isfinite(value) else NOTHING


def _interval(interval: Interval) -> str:
    if not math.isfinite(interval.low):
        return NOTHING
    return f"{interval.low:+.1f} to {interval.high:+.1f}"
