"""In what portions a generation is rendered: its first image soon, and no time lost on the way.

Images are hashed, sent and uploaded while the next ones render, so nobody waits for a whole
generation. A portion costs its hand-over; so portions grow where images are quick, and are single
images where each takes long. Which images come out does not depend on it.
"""

import time
from collections.abc import Callable

import numpy as np

from generators.base import Generator, render_stream

PORTION_S = 0.04
"""What a portion should take to render: far more than to hand it over, far less than a block."""
MOST = 16
"""Images that a portion holds at most, so that no message is large."""
WARM_UPS = 3
WORTH_PARTS_S = 0.005
"""What an image takes to render from which on others can be taken in meanwhile, in one process."""


def portions(n: int, each_s: float) -> tuple[int, ...]:
    """Return how many images to render before each hand-over, `n` together.

    The first portion is one image, and each is at most twice the one before.

    Args:
        n: images of the generation, 0 or more.
        each_s: what one takes to render, see `warm_up`.

    """
    usual = int(np.clip(PORTION_S / max(each_s, 1e-6), 1, MOST))
    sizes: list[int] = []
    while (left := n - sum(sizes)) > 0:
        sizes.append(min(left, usual, 2 * sizes[-1] if sizes else 1))
    return tuple(sizes)


def in_tens(n: int, each_s: float) -> tuple[int, ...]:
    """Return portions of ten for `n` images, where nobody waits for the first one.

    Ten are as quick as all at once, for fc6 too, and whoever takes them in need not wait for all.
    Images that take less than `WORTH_PARTS_S` each are one portion: threads that share an
    interpreter would hold each other up for longer than that.
    """
    size = max(n, 1) if each_s < WORTH_PARTS_S else 10
    return tuple(min(size, n - done) for done in range(0, n, size))


def warm_up(generator: Generator, now_s: Callable[[], float] = time.perf_counter) -> float:
    """Render a few codes as a session will, and return the seconds that an image takes by then.

    Allocators, caches and graphics drivers take their time with the first images; here rather than
    in the first generation. The codes are the same in every session and touch no randomness of it.
    """
    codes = generator.initial_codes(2 * WARM_UPS, np.random.default_rng(0))
    stream = render_stream(generator, codes, [1] * len(codes))
    took_s: list[float] = []
    for _ in codes:
        began_s = now_s()
        next(stream)
        took_s.append(now_s() - began_s)
    return float(np.median(took_s[WARM_UPS:]))
