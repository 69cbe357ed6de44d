"""A branch: a session that goes on from a generation of another one, in a log of its own.

What the optimizers of the other session were told is copied into the branch's log as its lineage,
so that it can be resumed and replayed without the other one. An optimizer of the same settings is
then, bit for bit, where it was; one of other settings is told the same codes and scores.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from controller import assembly
from controller.config.tables import SessionConfig
from controller.errors import SessionRefused
from controller.experiments.evolution import EvolutionThread
from controller.optimizers.errors import OptimizerError
from controller.randomness import Purpose, rng_for
from generators.base import Generator
from sessions.fingerprint import committed_sha256
from sessions.reader import LogReader
from sessions.records import InheritedThread, Lineage


def lineage_of(reader: LogReader, generation: int, config: SessionConfig) -> Lineage:
    """Return the lineage of a branch, with `config`, from `generation` of a logged session.

    Raises SessionRefused where there can be no such branch.
    """
    before = reader.start.lineage
    first = 0 if before is None else before.generation
    last = first + reader.generations_committed
    if not max(first, 1) <= generation <= last:
        raise SessionRefused(
            f"there is no generation {generation} to go on from: the log holds {first} to "
            f"{last - 1}, and {last} would be the next"
        )
    if config.session.seed != reader.start.seed:
        raise SessionRefused("session.seed: a branch keeps the seed of its session; leave it")
    if len(config.threads) != len(reader.threads):
        raise SessionRefused(
            f"threads: a branch keeps the {len(reader.threads)} threads of its session; change "
            "their settings instead"
        )
    shown = reader.presentations
    flips = shown.flip_off_host_s
    return Lineage(
        session_id=reader.start.session_id,
        generation=generation,
        sha256=committed_sha256(reader),
        next_image_id=max(
            before.next_image_id if before else 0, 1 + int(reader.images.image_id.max(initial=-1))
        ),
        next_presentation_id=max(
            before.next_presentation_id if before else 0,
            1 + int(shown.presentation_id.max(initial=-1)),
        ),
        next_trial_id=max(
            before.next_trial_id if before else 0, 1 + int(shown.trial_id.max(initial=-1))
        ),
        parts_planned=(before.parts_planned if before else 0)
        + len(set(zip(shown.block.tolist(), shown.part.tolist(), strict=True))),
        last_host_s=float(np.nanmax(flips)) if np.isfinite(flips).any() else 0.0,
        threads=tuple(
            _inherited(reader, place, generation, config) for place in range(len(reader.threads))
        ),
    )


def inherit(
    config: SessionConfig,
    threads: Sequence[EvolutionThread],
    generators: Mapping[str, Generator],
    lineage: Lineage,
) -> tuple[tuple[EvolutionThread, ...], list[str]]:
    """Tell optimizers what those of the lineage were told; return them and where codes differ.

    Codes of an optimizer with other settings differ by design, and are not returned.
    Raises SessionRefused where an optimizer cannot be told the codes.
    """
    told, differing = [], []
    for thread, inherited in zip(threads, lineage.threads, strict=True):
        generator = generators[thread.generator_name]
        if generator.code_dim != inherited.codes.shape[1]:
            raise SessionRefused(
                f"threads.{thread.thread_id}.generator: its codes have {generator.code_dim} "
                f"elements, and those of the session {inherited.codes.shape[1]}; a branch needs "
                "codes of the same length"
            )
        if inherited.from_first_codes:
            thread = _from_first_codes(config, thread, inherited)
        try:
            other = _tell(thread, inherited)
        except OptimizerError as error:
            raise SessionRefused(
                f"threads.{thread.thread_id}.optimizer cannot be told the generations of the "
                f"session: {error}"
            ) from error
        told.append(thread)
        if not inherited.from_first_codes:
            differing += [f"thread {thread.thread_id}, generation {g}" for g in other]
    return tuple(told), differing


def _inherited(
    reader: LogReader, place: int, generation: int, config: SessionConfig
) -> InheritedThread:
    info, start = reader.threads[place], reader.start
    codes, scores = reader.codes(info.thread_id), reader.scores
    mine = codes.generation < generation
    own = (scores.thread_id == info.thread_id) & (scores.kind == "generated")
    row_of = dict(zip(scores.image_id[own].tolist(), np.flatnonzero(own).tolist(), strict=True))
    n_valid, told = np.zeros(int(mine.sum()), np.int64), np.zeros(int(mine.sum()))
    ids, numbers = codes.image_id[mine], codes.generation[mine]
    for number in np.unique(numbers):
        here = np.flatnonzero(numbers == number)
        rows = np.array([row_of[image_id] for image_id in ids[here].tolist()])
        order = np.arange(len(here))
        if start.control == "shuffled":
            address = (start.seed, Purpose.SHUFFLED_CONTROL, info.thread_id, int(number))
            order = rng_for(*address).permutation(len(here))
        told[here], n_valid[here] = scores.told_score[rows], scores.n_valid[rows][order]
    optimizer_json = config.threads[place].optimizer.model_dump_json()
    before = start.lineage.threads[place] if start.lineage is not None else None
    return InheritedThread(
        thread_id=info.thread_id,
        optimizer_json=optimizer_json,
        from_first_codes=optimizer_json != info.optimizer_settings_json
        or (before is not None and before.from_first_codes),
        image_id=_after(before and before.image_id, ids),
        generation=_after(before and before.generation, numbers),
        codes=_after(before and before.codes, codes.code[mine]),
        told_scores=_after(before and before.told_scores, told),
        n_valid=_after(before and before.n_valid, n_valid),
    )


def _after(before: Any, rows: Any) -> Any:
    return rows if before is None else np.concatenate([before, rows])


def _from_first_codes(
    config: SessionConfig, thread: EvolutionThread, inherited: InheritedThread
) -> EvolutionThread:
    table = config.threads[thread.thread_id]
    first = inherited.codes[inherited.generation == inherited.generation[0]]
    key = f"threads.{thread.thread_id}.optimizer"
    optimizer = assembly.build_optimizer(table.optimizer, first, table.direction, key)
    return replace(thread, optimizer=optimizer)


def _tell(thread: EvolutionThread, inherited: InheritedThread) -> list[int]:
    """Tell one optimizer everything; return the generations in which it asked other codes."""
    other = []
    for number in np.unique(inherited.generation).tolist():
        rows = np.flatnonzero(inherited.generation == number)
        codes = inherited.codes[rows]
        asked = thread.ask(int(inherited.image_id[rows[0]]), len(rows))
        if not np.array_equal(asked.codes, codes):
            other.append(number)
        thread.optimizer.tell(
            inherited.image_id[rows], codes, inherited.told_scores[rows], inherited.n_valid[rows]
        )
    return other
