"""Where every random number of the simulated rig comes from: a seed and an address.

An address is a purpose and counters of what was seen (never of messages or batches), so the same
session gives the same spikes however its messages happen to be timed. What is drawn once for a
session, or happens at a moment of it, takes the day's seed, which a restart does not change.
"""

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """First part of an address; in brackets what follows."""

    EVOKED = 0
    """(onset, unit)"""
    SPONTANEOUS = 1
    """(second, unit)"""
    GAIN = 3
    """(onset)"""
    TREND = 4
    """Of the day."""
    SHARED = 5
    """(onset): what all units have in common in one presentation."""
    OWN = 6
    """(onset, unit): what a unit has for itself in one presentation."""
    BACKGROUND = 7
    """(unit), of the day."""
    TIME_COURSE = 8
    """(unit), of the day."""
    LOST = 9
    """(unit), of the day."""
    DROPOUT = 10
    """(hour, unit), of the day."""
    GAP = 11
    """(hour), of the day."""
    DISCONNECT = 12
    """(hour), of the day."""
    LATE = 13
    """(hour), of the day."""
    MISSING = 14
    """(hour), of the day."""
    MISSED_EVOKED = 15
    """(onset, unit)"""
    MISSED_SPONTANEOUS = 16
    """(second, unit)"""
    GAZE = 17
    """(trial), or (onset): whichever it changes with."""


def rng_at(seed: int, purpose: Purpose, *counters: int) -> np.random.Generator:
    """Return the generator at an address; counters may be negative."""
    key = (int(purpose), *(2 * c if c >= 0 else -2 * c - 1 for c in counters))
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
