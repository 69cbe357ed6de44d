"""Where every random number of the simulated rig comes from: a seed and an address.

An address is a purpose and counters of what was seen (never of messages or batches), so the same
session gives the same spikes however its messages happen to be timed.
"""

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """First part of an address."""

    EVOKED = 0
    SPONTANEOUS = 1
    GAIN = 3


def rng_at(seed: int, purpose: Purpose, *counters: int) -> np.random.Generator:
    """Return the generator at an address; counters may be negative."""
    key = (int(purpose), *(2 * c if c >= 0 else -2 * c - 1 for c in counters))
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
