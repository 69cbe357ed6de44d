"""Pixels of a log handed to the writer of an NWB file, a few images at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hdmf.data_utils import GenericDataChunkIterator

from sessions.nwb.columns import Rows
from sessions.reader import LogReader
from sessions.records import Pixels, ThreadInfo
from sessions.storage import open_for_reading

Progress = Callable[[str, int, int], None]
"""Is called with what is being done, how much of it is, and how much there is."""

BUFFERED_IMAGES = 16
"""Images that are in memory at a time."""


class StoredPixels(GenericDataChunkIterator):  # type: ignore[misc]  # hdmf has no types
    """Pixels `(n, h, w, 3)` of rows of the images table, read when they are due."""

    def __init__(
        self, reader: LogReader, thread: ThreadInfo, rows: Rows, progress: Progress
    ) -> None:
        self._path, self._progress = reader.path, progress
        self._doing = f"Images of thread {thread.thread_id}"
        self._datasets = reader.images.pixels_dataset[rows]
        self._rows = reader.images.pixels_row[rows]
        shape = thread.image_shape
        self._shape = (len(rows), *shape)
        buffered = min(BUFFERED_IMAGES, len(rows))
        super().__init__(buffer_shape=(buffered, *shape), chunk_shape=(1, *shape))

    def _get_data(self, selection: tuple[slice, ...]) -> Pixels:
        chosen = selection[0]
        with open_for_reading(self._path) as file:
            places = zip(self._datasets[chosen], self._rows[chosen], strict=True)
            pixels = np.stack([file[str(dataset)][int(row)] for dataset, row in places])
        self._progress(self._doing, int(chosen.stop), len(self._rows))
        return pixels[(slice(None), *selection[1:])]

    def _get_maxshape(self) -> tuple[int, ...]:
        return self._shape

    def _get_dtype(self) -> np.dtype[np.uint8]:
        return np.dtype(np.uint8)
