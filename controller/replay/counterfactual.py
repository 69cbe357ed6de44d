"""What other optimizers would have come to on a surrogate of the neuron that a log was made with.

The optimizer of the log races too: how its curve on the surrogate compares with the logged one is
what the other curves are worth.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from controller import assembly
from controller.config.tables import SessionConfig
from controller.replay.surrogate import Floats, Ints, Surrogate
from generators.base import Generator
from sessions.reader import LogReader
from sessions.report import thread_curve

RENDER_AT_ONCE = 40


@dataclass(frozen=True, eq=False)
class Logged:
    """Images (n, h, w, 3) of a thread that have a score, with it and their generation."""

    images: npt.NDArray[np.uint8]
    scores: Floats
    generation: Ints
    n_asked: int
    """Images of the thread, also those without a score: the budget."""


@dataclass(frozen=True, eq=False)
class Run:
    """One optimizer, one seed: mean score without noise after so many images, by generation."""

    n_images: Ints
    means: Floats
    far: float
    """Share of its images beyond those that the surrogate was fitted to."""

    @property
    def end(self) -> float:
        """Mean score of the last three generations."""
        return float(self.means[-3:].mean())


@dataclass(frozen=True, eq=False)
class Entry:
    """One way to have done it; `runs` differ by their seeds."""

    name: str
    runs: tuple[Run, ...]

    @property
    def ends(self) -> Floats:
        """Where each run ended, in spikes/s."""
        return np.array([run.end for run in self.runs])

    @property
    def far(self) -> float:
        """Share of extrapolated images."""
        return float(np.mean([run.far for run in self.runs]))


def logged_responses(reader: LogReader, thread_id: int, generator: Generator) -> Logged:
    """Return the images of a thread, stored or rendered again, with their scores."""
    scores = reader.scores
    mine = (scores.thread_id == thread_id) & (scores.kind == "generated")
    known = mine & np.isfinite(scores.score)
    codes = reader.codes(thread_id)
    row_of = {image_id: row for row, image_id in enumerate(codes.image_id.tolist())}
    rows = np.array([row_of[i] for i in scores.image_id[known].tolist()], dtype=np.int64)
    parts = [
        generator.render(codes.code[rows[start : start + RENDER_AT_ONCE]])
        for start in range(0, len(rows), RENDER_AT_ONCE)
    ]
    images = np.concatenate(parts) if parts else np.zeros((0, *generator.image_shape), np.uint8)
    return Logged(images, scores.score[known], scores.generation[known], int(mine.sum()))


def noise_per_hz(reader: LogReader, thread_id: int) -> tuple[float | None, str]:
    """Return the variance of a score for each spike/s, and in words what it was estimated from."""
    scores = reader.scores
    shown = (scores.thread_id == thread_id) & (scores.kind == "reference")
    shown &= np.isfinite(scores.score)
    variances, means = [], []
    for image_id in np.unique(scores.image_id[shown]):
        repeats = scores.score[shown & (scores.image_id == image_id)]
        if len(repeats) > 1:
            variances.append(float(repeats.var(ddof=1)))
            means.append(float(repeats.mean()))
    if len(variances) >= 3 and sum(means) > 0:
        return sum(variances) / sum(means), f"{len(variances)} references over blocks"
    window = reader.start.response_window_s
    if window is not None:
        # Of a count that is Poisson the variance is its mean; what else varies comes on top.
        made = (scores.thread_id == thread_id) & (scores.n_valid > 0)
        counted = float(np.median(scores.n_valid[made])) if made.any() else 1.0
        counted *= len(reader.threads[thread_id].driver_unit_ids)
        return 1.0 / (counted * (window[1] - window[0])), "Poisson counts, so it is at most this"
    return None, "nothing: no references, and no spikes"


def raced(
    name: str,
    config: SessionConfig,
    thread_id: int,
    generators: Mapping[str, Generator],
    surrogate: Surrogate,
    n_images: int,
    seeds: range,
) -> Entry:
    """Run the optimizer of one thread of a config on the surrogate, once for each seed."""
    runs = tuple(
        _run(config, thread_id, generators, surrogate, n_images, config.session.seed + seed)
        for seed in seeds
    )
    return Entry(name, runs)


def logged_curve(reader: LogReader, thread_id: int) -> Run:
    """Return the curve of the log itself."""
    scores = reader.scores
    mine = (scores.thread_id == thread_id) & (scores.kind == "generated")
    curve = thread_curve(reader, thread_id)
    counts = [int((scores.generation[mine] == g).sum()) for g in curve.generation]
    return Run(np.cumsum(counts), curve.evolved_mean, 0.0)


def _run(
    config: SessionConfig,
    thread_id: int,
    generators: Mapping[str, Generator],
    surrogate: Surrogate,
    n_images: int,
    seed: int,
) -> Run:
    seeded = config.model_copy(update={"session": config.session.model_copy(update={"seed": seed})})
    thread = assembly.build_threads(seeded, generators)[thread_id]
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(thread_id,)))
    shown, counts, means, far = 0, [], [], 0
    while shown < n_images:
        asked = thread.ask(shown)
        rates, beyond = surrogate.rates(generators[thread.generator_name].render(asked.codes))
        n = len(asked.ids)
        thread.optimizer.tell(
            asked.ids, asked.codes, surrogate.noisy(rates, rng), np.ones(n, np.int64)
        )
        shown, far = shown + n, far + int(beyond.sum())
        counts.append(shown)
        means.append(float(rates.mean()))
    return Run(np.array(counts), np.array(means), far / shown)
