"""Small pictures of the images of a log, by the hash of their pixels.

A hash names the same pixels for ever, so a page asks for each of them once and keeps it. Only
images that the page was told of can be asked for, and no path ever comes from outside.
"""

import io
from collections import OrderedDict
from pathlib import Path
from threading import Lock
from typing import TypeVar

import numpy as np
import PIL.Image

from controller.dashboard.log_view import LogView
from sessions.storage import open_for_reading

Kept = TypeVar("Kept")

SIDE_PX = 96
QUALITY = 80
MOST_KEPT = 2000
"""Pictures, and places of images, that are remembered; some 3 kB each."""


class Thumbnails:
    """Pictures of images of the logs that were shown; may be asked from several threads."""

    def __init__(self) -> None:
        self._places: OrderedDict[str, tuple[Path, str, int]] = OrderedDict()
        self._pictures: OrderedDict[str, bytes] = OrderedDict()
        self._lock = Lock()

    def offer(self, log: LogView) -> None:
        """Let the images of a log be asked for."""
        with self._lock:
            for thread in log.threads:
                for image in thread.images:
                    if image.place is not None:
                        _keep(self._places, image.sha256, (log.path, *image.place))

    def get(self, sha256: str) -> bytes | None:
        """Return a JPEG of at most `SIDE_PX` pixels a side; None of an image nobody offered."""
        with self._lock:
            picture, place = self._pictures.get(sha256), self._places.get(sha256)
        if picture is None and place is not None:
            picture = _jpeg(*place)
            with self._lock:
                _keep(self._pictures, sha256, picture)
        return picture


def _keep(kept: OrderedDict[str, Kept], key: str, value: Kept) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > MOST_KEPT:
        kept.popitem(last=False)


def _jpeg(path: Path, dataset: str, row: int) -> bytes:
    with open_for_reading(path) as file:
        pixels = np.asarray(file[dataset][row], dtype=np.uint8)
    picture = PIL.Image.fromarray(pixels)
    picture.thumbnail((SIDE_PX, SIDE_PX))
    written = io.BytesIO()
    picture.save(written, format="JPEG", quality=QUALITY)
    return written.getvalue()
