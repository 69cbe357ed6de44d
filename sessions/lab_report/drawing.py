"""All figures of a log, in the order of the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sessions.lab_report.figures import (
    code_space,
    course,
    images,
    mean_codes,
    psths,
    rasters,
    references,
    scores,
    threads,
)
from sessions.lab_report.given import Given
from sessions.lab_report.of_thread import OfThread
from sessions.lab_report.plate import NotDrawn, Plate
from sessions.reader import LogReader

Drawn = Plate | NotDrawn


def figures_of_thread(thread: OfThread, given: Given) -> Iterator[Callable[[], Drawn | None]]:
    """Return what draws each figure of a thread; None where it was not asked for."""
    yield lambda: scores.curves(thread)
    yield lambda: scores.single_images(thread)
    yield lambda: images.trajectory(thread)
    yield lambda: images.extremes(thread)
    yield lambda: mean_codes.mean_code_images(thread, given.of(thread.info.thread_id).mean_codes)
    yield lambda: psths.by_block(thread)
    yield lambda: rasters.first_and_last(thread)
    yield lambda: references.stability(thread)
    found = code_space.code_space(thread)
    yield lambda: code_space.components(thread, found)
    yield lambda: code_space.norms_and_steps(thread, found)


def figures_of_session(
    reader: LogReader, every_thread: tuple[OfThread, ...]
) -> Iterator[Callable[[], Drawn | None]]:
    """Return what draws each figure of the whole session."""
    if len(every_thread) > 1:
        yield lambda: threads.compared(every_thread)
    yield lambda: course.outcomes(reader)
    yield lambda: course.time_split(reader)
