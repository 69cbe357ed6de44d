"""The shuffled twin of an evolution: the same search, told the same scores for the wrong codes.

It is made from a log, without any rig: same optimizer and settings, same first codes, same random
numbers, and in each generation the logged scores in another order, drawn at an address of its own.
Whatever its codes have in common with those of the evolution, no neuron had a part in. Beside it a
random walk takes steps of the logged sizes. What is left out: rates, since nobody looked at the
twin's images; `neuroloop run --control shuffled` shows them to the neuron.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from pydantic import TypeAdapter, ValidationError

from controller import assembly
from controller.config.optimizers import OptimizerTable
from controller.diagnostics import Steps, steps_of
from controller.errors import TwinRefused
from controller.experiments.evolution import EvolutionThread, Placement
from controller.optimizers.base import Codes, Floats, Ids
from controller.randomness import Purpose, rng_for
from sessions.analysis.trajectory import mean_angle_deg, principal_components, step_cosines
from sessions.reader import LogReader
from sessions.records import ThreadInfo
from sessions.storage import json_value

N_SHARES = 3
_FEWEST_GENERATIONS = 4


@dataclass(frozen=True)
class CodeFigures:
    """What the codes of a search did, without the first generation; NaN where it has no such thing.

    mean_norm: of the mean of the last codes; code_norm: mean over these codes.
    step: root mean square of the distance between means of consecutive generations.
    shares: parts of the variance of the means along their first principal components.
    step_cosine: mean cosine of a step with the one before.
    angle_deg: between two of the last codes.
    sigma: with which these were sampled.
    """

    mean_norm: float
    code_norm: float
    step: float
    shares: tuple[float, ...]
    step_cosine: float
    angle_deg: float
    sigma: float


@dataclass(frozen=True)
class Twin:
    """An evolution beside its twin and its random walk; `walk` is None where `no_walk` says why.

    differs_from: the first generation whose codes this version of the optimizer does not propose
        again from the logged scores; None where it proposes all. The twin is then one of another
        optimizer than that of the log.
    """

    thread_id: int
    name: str
    n_generations: int
    run: CodeFigures
    twin: CodeFigures
    walk: CodeFigures | None
    no_walk: str
    differs_from: int | None


@dataclass(frozen=True, eq=False)
class _Told:
    """One logged generation: ids (n,), codes (n, d), and what the optimizer was told of them."""

    ids: Ids
    codes: Codes
    scores: Floats
    n_valid: Ids


def twin_of(reader: LogReader, thread: ThreadInfo) -> Twin:
    """Return the evolution of a thread beside its twin.

    Raises:
        TwinRefused: the log is too short, or its optimizer cannot be built again.

    """
    told = list(_told(reader, thread))
    if len(told) < _FEWEST_GENERATIONS:
        raise TwinRefused(
            f"thread {thread.thread_id} has {len(told)} generations, and a twin needs "
            f"{_FEWEST_GENERATIONS} to be compared with"
        )
    again = [codes for codes, _ in _searched(reader, thread, told, shuffled=False)]
    same = [np.array_equal(a, b.codes[np.argsort(b.ids)]) for a, b in zip(again, told, strict=True)]
    searched = list(_searched(reader, thread, told, shuffled=True))
    sigmas = reader.generations.sigma[reader.generations.thread_id == thread.thread_id]
    steps = steps_of(reader, thread)
    walked = isinstance(steps, Steps)
    return Twin(
        thread_id=thread.thread_id,
        name=thread.name,
        n_generations=len(told),
        run=_figures([each.codes for each in told], float(sigmas[-1])),
        twin=_figures([codes for codes, _ in searched], searched[-1][1]),
        walk=_of_means(random_walk(reader, thread, steps)) if isinstance(steps, Steps) else None,
        no_walk="" if walked else str(steps),
        differs_from=None if all(same) else same.index(False),
    )


def random_walk(reader: LogReader, thread: ThreadInfo, steps: Steps) -> Floats:
    """Draw mean codes (g, d) of a walk with the logged step sizes, from as far out as the run."""
    rng = rng_for(reader.start.seed, Purpose.NULL_WALK, thread.thread_id)
    begin = rng.standard_normal(thread.code_dim)
    begin *= steps.mean_norms[0] / np.linalg.norm(begin)
    scale = (np.sqrt(steps.spreads) * steps.sigmas)[:-1, np.newaxis]
    moves = scale * rng.standard_normal((len(steps.sigmas) - 1, thread.code_dim))
    walked: Floats = np.cumsum(np.vstack([begin, moves]), axis=0)
    return walked


def _told(reader: LogReader, thread: ThreadInfo) -> Iterator[_Told]:
    codes, scores = reader.codes(thread.thread_id), reader.scores
    mine = (scores.thread_id == thread.thread_id) & (scores.kind == "generated")
    for generation in np.unique(codes.generation):
        rows = np.flatnonzero(codes.generation == generation)
        found = np.flatnonzero(mine & (scores.generation == generation))
        rows = rows[np.argsort(codes.image_id[rows])]
        found = found[np.argsort(scores.image_id[found])]
        if not np.array_equal(codes.image_id[rows], scores.image_id[found]):
            raise TwinRefused(f"generation {generation} has codes without a row in /scores")
        yield _Told(
            codes.image_id[rows], codes.code[rows], scores.told_score[found], scores.n_valid[found]
        )


def _searched(
    reader: LogReader, thread: ThreadInfo, told: list[_Told], *, shuffled: bool
) -> Iterator[tuple[Codes, float]]:
    """Search again, told the logged scores or those in another order; yield codes and sigma."""
    search = EvolutionThread(
        thread_id=thread.thread_id,
        name=thread.name,
        optimizer=assembly.build_optimizer(_table(thread), told[0].codes, thread.direction),
        generator_name=thread.generator,
        placement=Placement(*thread.position_deg, thread.size_deg),
        seed=reader.start.seed,
    )
    control = reader.start.control == "shuffled"
    for logged in told:
        asked = search.ask(int(logged.ids[0]), len(logged.ids))
        yield asked.codes, search.optimizer.summary().get("sigma", np.nan)
        own = search.told_order(len(logged.ids), shuffled=control)
        scores, n_valid = logged.scores, logged.n_valid[own]
        if shuffled:
            address = (reader.start.seed, Purpose.TWIN, thread.thread_id, search.generation)
            order = _order(len(scores), len(asked.ids), rng_for(*address))
            scores, n_valid = scores[order], n_valid[order]
        search.optimizer.tell(asked.ids, asked.codes, scores, n_valid)


def _order(n_scores: int, n_codes: int, rng: np.random.Generator) -> Ids:
    """Whose score each code is told; a twin that asks for more codes is told some scores twice."""
    whole, rest = divmod(n_codes, n_scores)
    orders = [rng.permutation(n_scores) for _ in range(whole + 1)]
    return np.concatenate([*orders[:whole], orders[whole][:rest]])


def _table(thread: ThreadInfo) -> OptimizerTable:
    settings = json_value(thread.optimizer_settings_json, "optimizer settings")
    given = {name: value for name, value in settings.items() if value is not None}
    try:
        table: OptimizerTable = TypeAdapter(OptimizerTable).validate_python(given)
    except ValidationError as error:
        raise TwinRefused(
            f"the optimizer of thread {thread.thread_id} has settings that this version of "
            "neuroloop does not know; use the version that the log names"
        ) from error
    return table


def _figures(codes: list[Codes], sigma: float) -> CodeFigures:
    means = np.stack([each.mean(axis=0, dtype=np.float64) for each in codes[1:]])
    of_means, last = _of_means(means), codes[-1]
    return CodeFigures(
        mean_norm=of_means.mean_norm,
        code_norm=float(np.linalg.norm(last.astype(np.float64), axis=1).mean()),
        step=of_means.step,
        shares=of_means.shares,
        step_cosine=of_means.step_cosine,
        angle_deg=mean_angle_deg(last) if len(last) > 1 and last.any(axis=1).all() else np.nan,
        sigma=sigma,
    )


def _of_means(means: Floats) -> CodeFigures:
    cosines = step_cosines(means)
    known = cosines[np.isfinite(cosines)]
    return CodeFigures(
        mean_norm=float(np.linalg.norm(means[-1])),
        code_norm=np.nan,
        step=float(np.sqrt(np.square(np.diff(means, axis=0)).sum(axis=1).mean())),
        shares=tuple(principal_components(means)[1][:N_SHARES].tolist()),
        step_cosine=float(known.mean()) if known.size else np.nan,
        angle_deg=np.nan,
        sigma=np.nan,
    )
