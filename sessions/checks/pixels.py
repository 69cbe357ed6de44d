"""Checks that the pixels that were stored are those that the log says: their hashes."""

from __future__ import annotations

from collections.abc import Iterator

from sessions.checks.base import Check, listed
from sessions.reader import LogReader
from sessions.records import image_sha256


def altered_pixels(reader: LogReader) -> Iterator[str]:
    """Find images whose stored pixels no longer have the logged hash."""
    images = reader.images
    altered = [
        str(name)
        for image_id, name, sha256, row in zip(
            images.image_id, images.name, images.sha256, images.pixels_row, strict=True
        )
        if row >= 0 and image_sha256(reader.pixels(int(image_id))) != sha256
    ]
    if altered:
        yield f"The stored pixels of {listed(altered)} do not have the logged hash."


def caught_wrong_images(reader: LogReader) -> Iterator[str]:
    """Find presentations that showed other pixels than were sent, and were caught at it."""
    shown = reader.presentations
    caught = shown.presentation_id[shown.outcome == "wrong_image"].tolist()
    if caught:
        yield f"Presentations {listed(caught)} showed other pixels than were sent; none is scored."


PIXEL_CHECKS = (
    Check(
        "stored pixels",
        "error",
        "Do not analyse these images; restore the file from the copy made at the rig.",
        altered_pixels,
    ),
    Check(
        "wrong images",
        "warning",
        "Find out what the stimulus process showed before the next session.",
        caught_wrong_images,
    ),
)
