"""Finds what SpikeGLX has filled with zeros, where it got no samples. Pure.

It does so where packets of a probe are missing, and in the filtered stream while it does not
filter. Nothing else tells a client of it, and it looks like silence. But no electrode is without
noise, so many zeros in a row on all channels are no signal.
"""

import math

import numpy as np
import numpy.typing as npt

ENOUGH = 48
"""Zeros that are no coincidence: noise of one step of the converter is zero in 0.38 of samples."""


class Fills:
    """Follows one stream. `live` (c,): which columns are never silent; one of them at least."""

    def __init__(self, live: npt.NDArray[np.bool_]) -> None:
        self._live = live
        self._shortest = math.ceil(ENOUGH / int(live.sum()))
        self._next = -1
        self._filling = False
        """The last sample was of a fill."""
        self._carried = np.zeros((0, live.size), np.int16)
        """The last samples, if they are zero and could become a fill."""

    def split(
        self, first_sample: int, values: npt.NDArray[np.int16]
    ) -> list[tuple[int, npt.NDArray[np.int16]]]:
        """Return what is signal of a chunk (n, c) that begins at `first_sample`.

        The end of it is kept for the next call where that can tell better.
        """
        if first_sample != self._next:
            self._filling, self._carried = False, self._carried[:0]
        self._next = first_sample + len(values)
        first_sample -= len(self._carried)
        values = np.concatenate([self._carried, values])
        zero = ~values[:, self._live].any(axis=1)
        ends = np.flatnonzero(np.diff(np.concatenate([[False], zero, [False]])))
        signal_from, parts = 0, []
        self._carried, filling = values[:0], False
        for start, stop in ends.reshape(-1, 2).tolist():
            goes_on = start == 0 and self._filling
            if stop - start >= self._shortest or goes_on:
                parts.append((signal_from, start))
                signal_from = stop
                filling = stop == len(values)
            elif stop == len(values):
                self._carried = values[start:].copy()
                values = values[:start]
        parts.append((signal_from, len(values)))
        if self._next > first_sample:
            self._filling = filling
        return [(first_sample + start, values[start:stop]) for start, stop in parts if stop > start]
