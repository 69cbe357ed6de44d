"""Every random number of a session has an address: (session seed, purpose, thread, number).

Nothing keeps a generator's state, so a session can be continued or replayed from any generation.
"""

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What the numbers are for. The values are part of the log's meaning: never renumber."""

    INITIAL_CODES = 1
    ASK = 2
    BLOCK_ORDER = 3
    REFERENCES = 4
    SHUFFLED_CONTROL = 5
    RIG = 6
    ANIMAL = 7
    TWIN = 8
    NULL_WALK = 9


def rng_for(
    seed: int, purpose: Purpose, thread_id: int = 0, number: int = 0
) -> np.random.Generator:
    """Return a fresh generator of the stream at this address; `number` is a generation or block."""
    sequence = np.random.SeedSequence(seed, spawn_key=(int(purpose), thread_id, number))
    return np.random.Generator(np.random.PCG64(sequence))


def seed_for(seed: int, purpose: Purpose, number: int = 0) -> int:
    """Return a seed for another process to derive its own numbers from.

    `number` is 0 for the first such process of a session, and another one for each later.
    """
    key = (int(purpose), number) if number else (int(purpose),)
    return int(np.random.SeedSequence(seed, spawn_key=key).generate_state(1)[0])
