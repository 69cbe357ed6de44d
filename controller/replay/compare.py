"""Where two logs of the same config first differ: codes, pixels, scores, and each presentation."""

import numpy as np

from sessions.reader import LogReader

COMPARED = (
    "image_id",
    "thread_id",
    "part",
    "attempt",
    "outcome",
    "response_counts",
    "baseline_counts",
)
"""What of each presentation must be the same; clocks need not be."""


def first_difference(a: LogReader, b: LogReader) -> str | None:
    """Return where two logs first differ in codes, pixels or scores; None where nowhere."""
    if a.generations_committed != b.generations_committed:
        counts = f"{a.generations_committed} and {b.generations_committed}"
        return f"the logs hold {counts} generations"
    if len(a.threads) != len(b.threads):
        return f"the logs hold {len(a.threads)} and {len(b.threads)} threads"
    for info in a.threads:
        difference = _difference_of_codes(info.thread_id, a, b)
        if difference is not None:
            return difference
    if not np.array_equal(a.images.sha256, b.images.sha256):
        return "the codes are the same, but some images have other pixels"
    if not np.array_equal(a.scores.image_id, b.scores.image_id):
        return "the codes are the same, but other images have scores"
    same = (a.scores.score == b.scores.score) | (
        np.isnan(a.scores.score) & np.isnan(b.scores.score)
    )
    if not same.all():
        row = int(np.flatnonzero(~same)[0])
        return f"the scores differ from image {a.scores.image_id[row]} on"
    return _difference_of_presentations(a, b)


def _difference_of_presentations(a: LogReader, b: LogReader) -> str | None:
    shown_a, shown_b = a.presentations, b.presentations
    if not np.array_equal(shown_a.presentation_id, shown_b.presentation_id):
        counts = f"{len(shown_a.presentation_id)} and {len(shown_b.presentation_id)}"
        return f"the logs hold other presentations ({counts})"
    first: tuple[int, str] | None = None
    for name in COMPARED:
        one, other = getattr(shown_a, name), getattr(shown_b, name)
        rows = np.flatnonzero((one != other).reshape(len(one), -1).any(axis=1))
        if rows.size and (first is None or rows[0] < first[0]):
            first = int(rows[0]), name
    if first is None:
        return None
    row, name = first
    where = f"presentation {shown_a.presentation_id[row]} (image {shown_a.image_id[row]})"
    return f"the scores are the same, but {name} differs from {where} on"


def _difference_of_codes(thread_id: int, a: LogReader, b: LogReader) -> str | None:
    codes_a, codes_b = a.codes(thread_id), b.codes(thread_id)
    if not np.array_equal(codes_a.image_id, codes_b.image_id):
        return f"thread {thread_id} has other images"
    dims = codes_a.code.shape[1], codes_b.code.shape[1]
    if dims[0] != dims[1]:
        return f"the codes of thread {thread_id} have {dims[0]} and {dims[1]} dimensions"
    rows = np.flatnonzero((codes_a.code != codes_b.code).any(axis=1))
    if not rows.size:
        return None
    where = f"generation {codes_a.generation[rows[0]]}, image {codes_a.image_id[rows[0]]}"
    return f"the codes of thread {thread_id} differ from {where} on"
