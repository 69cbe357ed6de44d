"""Checks that what was stored and shown is what the log says: hashes of pixels."""

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


def shown_is_not_logged(reader: LogReader) -> Iterator[str]:
    """Find presentations that showed other pixels than the log holds for their image."""
    images, shown = reader.images, reader.presentations
    logged = dict(zip(images.image_id.tolist(), images.sha256.tolist(), strict=True))
    wrong = [
        presentation_id
        for presentation_id, image_id, sha256 in zip(
            shown.presentation_id.tolist(),
            shown.image_id.tolist(),
            shown.shown_sha256.tolist(),
            strict=True,
        )
        if sha256 and logged.get(image_id) != sha256
    ]
    if wrong:
        yield f"Presentations {listed(wrong)} showed pixels with another hash than their image."
    unseen = shown.presentation_id[(shown.outcome == "completed") & (shown.shown_sha256 == "")]
    if len(unseen):
        yield f"Presentations {listed(unseen.tolist())} completed without a hash of what was shown."


PIXEL_CHECKS = (
    Check(
        "stored pixels",
        "error",
        "Do not analyse these images; restore the file from the copy made at the rig.",
        altered_pixels,
    ),
    Check(
        "shown images",
        "error",
        "Leave these presentations out, and find out what the stimulus process showed.",
        shown_is_not_logged,
    ),
)
