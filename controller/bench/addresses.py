"""Every random number of a race has an address: (seed, purpose, neuron, generation).

Two optimizers that race on the same neuron with the same seed meet the same noise, so their
difference is theirs. As in `controller.randomness`, nothing keeps a generator's state.
"""

import zlib
from enum import IntEnum

import numpy as np


class RacePurpose(IntEnum):
    """What the numbers are for. Saved results depend on the values: never renumber."""

    INITIAL_CODES = 1
    ASK = 2
    RESPONSES = 3
    MISSING = 4
    SILENT = 5
    OUTLIERS = 6
    GAIN = 7
    NOISE_DRIVEN = 8
    SHUFFLE = 9
    NULL_NEURON = 10


def race_rng(
    seed: int, purpose: RacePurpose, neuron: str = "", generation: int = 0
) -> np.random.Generator:
    """Return a fresh generator of the stream at this address."""
    key = (int(purpose), zlib.crc32(neuron.encode()), generation)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))
