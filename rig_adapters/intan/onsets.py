"""Image onsets in the words that RHX sends: of a digital line, or of an analog input in volts."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from rig_adapters.acquisition.source import Samples
from rig_adapters.acquisition.sync import PhotodiodeEdges, PhotodiodeSync, TtlSync, is_onset

USB2 = "ControllerRecordUSB2"
"""The oldest controller: it counts its inputs from 0, and measures 0 to 3.3 V."""
_VOLTS_PER_STEP = 1 / 3200
_MIDDLE = 32768
_USB2_VOLTS_PER_STEP = 50.354e-6

Words = npt.NDArray[np.uint16]


class Onsets(Protocol):
    """Finds onsets, chunk after chunk."""

    def feed(self, first_sample: int, words: Words) -> Samples:
        """Return the onsets (m,) in words (n,), the first of which is of `first_sample`."""


class LineOnsets:
    """Onsets on one line of the digital word."""

    def __init__(self, sync: TtlSync) -> None:
        self._sync = sync
        self._next = -1
        self._state = False

    def feed(self, first_sample: int, words: Words) -> Samples:
        """Return the onsets in a chunk; after a gap the first state is no edge."""
        states = (words >> (self._sync.line - 1) & 1).astype(np.bool_)
        before = self._state if first_sample == self._next else bool(states[0])
        changes = np.flatnonzero(np.diff(states, prepend=before))
        self._next, self._state = first_sample + states.size, bool(states[-1])
        marks = [is_onset(self._sync, self._sync.line, bool(states[at])) for at in changes]
        return first_sample + changes[np.array(marks, np.bool_)].astype(np.int64)


class AnalogOnsets:
    """Onsets by a photodiode on an analog input; its levels are in volts."""

    def __init__(self, sync: PhotodiodeSync, sample_rate_hz: float, controller: str) -> None:
        self._edges = PhotodiodeEdges(sync, sample_rate_hz)
        self._is_usb2 = controller == USB2

    def feed(self, first_sample: int, words: Words) -> Samples:
        """Return the onsets in a chunk."""
        if self._is_usb2:
            volts = words * _USB2_VOLTS_PER_STEP
        else:
            volts = (words.astype(np.float64) - _MIDDLE) * _VOLTS_PER_STEP
        return self._edges.feed(first_sample, volts.astype(np.float32))
