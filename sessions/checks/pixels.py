"""Checks that the pixels that were stored are those that the log says: their hashes.

Of many pixels a sample is compared, drawn by the seed of the session, so that the same log is asked
the same each time; comparing all of them takes as long as reading the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from sessions.checks.base import Check, listed
from sessions.reader import LogReader
from sessions.records import Ints, image_sha256


@dataclass(frozen=True)
class Sample:
    """How much is compared unless all is asked for: about a tenth of a second's work."""

    n_bytes: int = 32 * 2**20
    images: int = 1000


SAMPLE = Sample()

_STREAM = 0x70697865
"""Keeps the sample apart from all else that is drawn by the session's seed."""

Progress = Callable[[str, int, int], None]
"""Is told what is being done, how much of it is, and how much there is."""


def stored_rows(reader: LogReader) -> Ints:
    """Rows of /images whose pixels are in the log."""
    rows: Ints = np.flatnonzero(reader.images.pixels_row >= 0)
    return rows


def rows_to_compare(reader: LogReader, sample: Sample | None) -> Ints:
    """Rows of /images whose pixels are compared: all for None; one image in any case."""
    rows = stored_rows(reader)
    if sample is None:
        return rows
    rng = np.random.default_rng([_STREAM, reader.start.seed])
    drawn = rng.permutation(rows)
    n_bytes = np.cumsum([_n_bytes(name) for name in reader.images.pixels_dataset[drawn]])
    n_fitting = int(np.searchsorted(n_bytes, sample.n_bytes, side="right"))
    return np.sort(drawn[: max(1, min(n_fitting, sample.images))])


def altered_pixels(reader: LogReader, sample: Sample | None, progress: Progress) -> Iterator[str]:
    """Find images whose stored pixels no longer have the logged hash."""
    images, rows = reader.images, rows_to_compare(reader, sample)
    altered = []
    for done, (row, pixels) in enumerate(zip(rows, reader.stored_pixels(rows), strict=True)):
        progress("images compared with their hashes", done, len(rows))
        if image_sha256(pixels) != images.sha256[row]:
            altered.append(str(images.name[row]))
    if altered:
        yield f"The stored pixels of {listed(altered)} do not have the logged hash."


def caught_wrong_images(reader: LogReader) -> Iterator[str]:
    """Find presentations that showed other pixels than were sent, and were caught at it."""
    shown = reader.presentations
    caught = shown.presentation_id[shown.outcome == "wrong_image"].tolist()
    if caught:
        yield f"Presentations {listed(caught)} showed other pixels than were sent; none is scored."


def pixel_checks(sample: Sample | None, progress: Progress) -> tuple[Check, ...]:
    """Return the checks of this file, with a sample of the pixels or, for None, all of them."""
    return (
        Check(
            "stored pixels",
            "error",
            "Do not analyse these images; restore the file from the copy made at the rig.",
            partial(altered_pixels, sample=sample, progress=progress),
        ),
        Check(
            "wrong images",
            "warning",
            "Find out what the stimulus process showed before the next session.",
            caught_wrong_images,
        ),
    )


def _n_bytes(dataset: str) -> int:
    """Bytes of one image of a dataset, which is named by its height and width."""
    height, width = dataset.rsplit("/", 1)[-1].split("x")
    return int(height) * int(width) * 3
