"""Whether a record fits the session it is to be written to.

Refuses what would make a log that cannot be read back; judging the science is left to
`sessions.checks`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

import numpy as np

from sessions.errors import RecordError
from sessions.records import (
    OUTCOMES,
    SYNCS,
    TIMING_STAGES,
    GenerationRecord,
    SessionStart,
    ThreadGeneration,
    ThreadInfo,
)


def require_start(start: SessionStart) -> None:
    """Refuse a session that could not be logged.

    Raises:
        RecordError: ids repeat, a driver unit is unknown, or the windows contradict the mode.

    """
    if not start.threads or not start.units:
        raise RecordError("A session needs at least one evolution thread and one unit; add them.")
    _require_unique("thread_id", [thread.thread_id for thread in start.threads])
    units = [unit.unit_id for unit in start.units]
    _require_unique("unit_id", units)
    _require_unique("reference image_id", start.references.image_ids.tolist())
    for thread in start.threads:
        if not thread.driver_unit_ids or not set(thread.driver_unit_ids) <= set(units):
            raise RecordError(
                f"Thread {thread.thread_id} is driven by units {thread.driver_unit_ids}, the "
                f"session records {units}; name driver units that are recorded."
            )
    if (start.baseline_window_s is None) != (start.baseline_mode == "none"):
        raise RecordError(
            f"baseline_mode is {start.baseline_mode!r} and baseline_window_s is "
            f"{start.baseline_window_s}; give a window exactly when a baseline is subtracted."
        )


def require_record(start: SessionStart, block: int, record: GenerationRecord) -> None:
    """Refuse a generation that is out of turn or does not fit the session.

    Raises:
        RecordError: it is not block `block`, or names threads, units, stages, outcomes or shapes
            that the session does not have.

    """
    if record.block != block:
        raise RecordError(
            f"Block {record.block} was handed to a log that waits for block {block}; "
            "commit every block once and in order."
        )
    if not record.threads:
        raise RecordError(f"Block {block} holds no generation; commit blocks of running threads.")
    known = {thread.thread_id: thread for thread in start.threads}
    _require_unique("thread_id", [thread.thread_id for thread in record.threads])
    for thread in record.threads:
        if thread.thread_id not in known:
            raise RecordError(f"Thread {thread.thread_id} is not in this session; name one of it.")
        _require_shapes(known[thread.thread_id], thread)
    _require_known(
        "thread_id of reference_scores",
        record.reference_scores.thread_id.tolist(),
        [thread.thread_id for thread in record.threads],
    )
    images = start.references.image_ids.tolist()
    for thread in record.threads:
        images += thread.image_ids.tolist()
    _require_unique("image_id", images)
    table = record.presentations
    _require_known("image_id of presentations", table.image_id.tolist(), set(images))
    _require_known("outcome", table.outcome, OUTCOMES)
    _require_known("sync", table.sync, SYNCS)
    _require_known("timing stage", record.timing, TIMING_STAGES)
    wanted = (len(table.presentation_id), len(start.units))
    for name in ("response_counts", "baseline_counts"):
        shape = getattr(table, name).shape
        if shape != wanted:
            raise RecordError(
                f"{name} has shape {shape} where (presentations, units) is {wanted}; give one "
                "column for each unit of the session, in its order."
            )
    reported = record.reported
    _require_known(
        "presentation_id of reported", reported.presentation_id.tolist(), set(table.presentation_id)
    )
    _require_unique("presentation_id of reported", reported.presentation_id.tolist())
    if len(reported.rates) and reported.rates.shape[1] != len(start.units):
        raise RecordError(
            f"reported rates have {reported.rates.shape[1]} columns for {len(start.units)} units; "
            "give one for each unit of the session, in its order."
        )


def _require_shapes(info: ThreadInfo, thread: ThreadGeneration) -> None:
    n = len(thread.image_ids)
    wanted = {"codes": (n, info.code_dim), "images": (n, *info.image_shape)}
    for name, shape in wanted.items():
        array = getattr(thread, name)
        if array is not None and array.shape != shape:
            raise RecordError(
                f"{name} of thread {info.thread_id} have shape {array.shape} where the session "
                f"says {shape}; render and ask with the settings of this session."
            )
    if thread.codes.dtype != np.float32:
        raise RecordError(
            f"codes of thread {info.thread_id} are {thread.codes.dtype}; hand over the float32 "
            "codes that the generator was given, so that a replay is exact."
        )
    if thread.images is not None and thread.images.dtype != np.uint8:
        raise RecordError(
            f"images of thread {info.thread_id} are {thread.images.dtype}; store the uint8 pixels "
            "that were shown."
        )


def _require_unique(what: str, ids: list[int]) -> None:
    repeated = sorted(item for item, count in Counter(ids).items() if count > 1)
    if repeated:
        raise RecordError(f"{what} {repeated} was given more than once; ids must be unique.")


def _require_known(what: str, given: Iterable[object], known: Collection[object]) -> None:
    unknown = sorted({str(item) for item in given if item not in known})
    if unknown:
        choice = ", ".join(str(item) for item in list(known)[:20])
        raise RecordError(f"{what} {', '.join(unknown)} is unknown; use one of {choice}.")
