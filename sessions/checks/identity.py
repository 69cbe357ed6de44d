"""Checks of ids: nothing twice, nothing missing, and one known outcome for each presentation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from sessions.checks.base import Check, listed
from sessions.reader import LogReader
from sessions.records import OUTCOMES, Ints


def repeated_ids(reader: LogReader) -> Iterator[str]:
    """Find image and presentation ids that were given twice, and generations that were."""
    for what, ids in (
        ("Image", reader.images.image_id),
        ("Presentation", reader.presentations.presentation_id),
    ):
        repeated = _repeated(ids)
        if repeated:
            yield f"{what} ids {listed(repeated)} appear more than once."
    scores = reader.scores
    columns = (scores.image_id, scores.thread_id, scores.block)
    rows = Counter(zip(*(column.tolist() for column in columns), strict=True))
    twice = sorted({key[0] for key, count in rows.items() if count > 1})
    if twice:
        yield f"Images {listed(twice)} were scored more than once in one block."


def missing_rows(reader: LogReader) -> Iterator[str]:
    """Find images without score or code, and rows that name an unknown image."""
    images, scores = reader.images, reader.scores
    generated = images.image_id[images.kind == "generated"]
    unscored = np.setdiff1d(generated, scores.image_id)
    if len(unscored):
        yield f"Images {listed(unscored.tolist())} have no row in /scores."
    coded = [reader.code_ids(thread.thread_id) for thread in reader.threads]
    uncoded = np.setdiff1d(generated, np.concatenate(coded))
    if len(uncoded):
        yield f"Images {listed(uncoded.tolist())} have no code."
    for table, ids in (
        ("/presentations", reader.presentations.image_id),
        ("/scores", scores.image_id),
    ):
        unknown = np.setdiff1d(ids, images.image_id)
        if len(unknown):
            yield f"{table} names images {listed(unknown.tolist())}, which are not in /images."
    stray = np.setdiff1d(reader.spikes.unit_id, reader.unit_ids)
    if len(stray):
        yield f"/spikes names units {listed(stray.tolist())}, which are not in /units."


def repeated_spikes(reader: LogReader) -> Iterator[str]:
    """Find spikes that are in the log twice, and those that are not in the order of time."""
    spikes = reader.spikes
    within = np.diff(spikes.block) == 0
    backwards = int(np.count_nonzero(within & (np.diff(spikes.rig_time_s) < 0)))
    if backwards:
        yield f"{backwards} spikes are not in the order of time within their block."
    again = np.zeros(len(spikes.block), bool)
    again[1:] = within & (np.diff(spikes.rig_time_s) == 0) & (np.diff(spikes.unit_id) == 0)
    for unit in reader.units:
        mine = spikes.unit_id == unit.unit_id
        blocks, of_block = np.unique(spikes.block[mine], return_inverse=True)
        repeats = np.bincount(of_block, weights=again[mine], minlength=len(blocks))
        too_many = repeats > _FEW + _BY_CHANCE * np.bincount(of_block, minlength=len(blocks))
        if too_many.any():
            yield (
                f"Unit {unit.label} has {int(repeats[too_many].sum())} spikes with the time of the "
                f"one before, in blocks {listed(blocks[too_many].tolist())}."
            )


def unknown_trials(reader: LogReader) -> Iterator[str]:
    """Find completed presentations of a trial that never began, in blocks with trials."""
    shown, trials = reader.presentations, reader.trials
    asked = (shown.outcome == "completed") & np.isin(shown.block, trials.block)
    unknown = np.setdiff1d(shown.trial_id[asked], trials.trial_id)
    if len(unknown):
        yield f"/presentations names trials {listed(unknown.tolist())}, which are not in /trials."


def skipped_generations(reader: LogReader) -> Iterator[str]:
    """Find generations that are missing in a thread, and images that differ from their number."""
    generations, images = reader.generations, reader.images
    for thread in reader.threads:
        mine = generations.thread_id == thread.thread_id
        numbers = generations.generation[mine]
        lineage = reader.start.lineage
        first = 0 if lineage is None else lineage.generation
        if not np.array_equal(numbers, first + np.arange(len(numbers))):
            yield f"Thread {thread.thread_id} has generations {listed(numbers.tolist())}."
        for number, n_images in zip(numbers, generations.n_images[mine], strict=True):
            kept = (images.thread_id == thread.thread_id) & (images.generation == number)
            if np.count_nonzero(kept) != n_images:
                yield (
                    f"Generation {number} of thread {thread.thread_id} has "
                    f"{np.count_nonzero(kept)} images where {n_images} were made."
                )


def unknown_outcomes(reader: LogReader) -> Iterator[str]:
    """Find presentations that ended in no known way, and images that were never presented."""
    shown = reader.presentations
    unknown = shown.presentation_id[~np.isin(shown.outcome, OUTCOMES)]
    if len(unknown):
        yield f"Presentations {listed(unknown.tolist())} have an unknown outcome."
    generated = reader.images.image_id[reader.images.kind == "generated"]
    never = np.setdiff1d(generated, shown.image_id)
    if len(never):
        yield f"Images {listed(never.tolist())} have no presentation."


def _repeated(ids: Ints) -> list[int]:
    values, counts = np.unique(ids, return_counts=True)
    repeated: list[int] = values[counts > 1].tolist()
    return repeated


_RESTORE = "Restore the file from the copy made at the rig; if that has the fault too, report it."

_BY_CHANCE = 0.03
_FEW = 3
"""Repeats that mean nothing: two neurons of one site fire within one sample, at 300 spikes/s and
10 kHz in 3 % of cases; a recorder that tells spikes twice does so with most of them."""

_COUNTED_TWICE = "A recorder that tells a spike twice has it counted twice: look at its settings."

IDENTITY_CHECKS = (
    Check("unique ids", "error", _RESTORE, repeated_ids),
    Check("complete rows", "error", _RESTORE, missing_rows),
    Check("spikes once", "warning", _COUNTED_TWICE, repeated_spikes),
    Check("known trials", "error", _RESTORE, unknown_trials),
    Check("complete generations", "error", _RESTORE, skipped_generations),
    Check("outcomes", "error", _RESTORE, unknown_outcomes),
)
