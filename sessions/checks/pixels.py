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


PIXEL_CHECKS = (
    Check(
        "stored pixels",
        "error",
        "Do not analyse these images; restore the file from the copy made at the rig.",
        altered_pixels,
    ),
)
