"""In what portions a generation is rendered, and what is measured before it."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators.gaussian import GaussianGenerator
from generators.pacing import MOST, PORTION_S, WARM_UPS, WORTH_PARTS_S, in_tens, portions, warm_up


@given(st.integers(0, 500), st.floats(0, 10))
def test_portions_cover_a_generation_and_begin_with_one_image(n: int, each_s: float) -> None:
    sizes = portions(n, each_s)

    assert sum(sizes) == n
    assert sizes[:1] == ((1,) if n else ())
    assert all(later <= 2 * before for before, later in pairwise(sizes))
    # Nobody waits long for one, however slow the generator.
    assert all(1 <= size <= MOST and (size == 1 or size * each_s <= PORTION_S) for size in sizes)


@pytest.mark.parametrize(
    ("each_s", "sizes"),
    [
        (0.1, (1,) * 12),
        (0.01, (1, 2, 4, 4, 1)),
        (0.0, (1, 2, 4, 5)),
    ],
)
def test_slow_images_go_one_by_one_and_quick_ones_together(
    each_s: float, sizes: tuple[int, ...]
) -> None:
    assert portions(12, each_s) == sizes


def test_what_warming_takes_does_not_count() -> None:
    readings_s = iter(np.cumsum([0.0, 9.0, 0.0, 3.0, 0.0, 1.0, *[0.0, 0.02] * WARM_UPS]))
    generator = GaussianGenerator(code_dim=8, image_size_px=72)

    assert warm_up(generator, lambda: float(next(readings_s))) == pytest.approx(0.02)


def test_warming_up_touches_no_randomness_of_others() -> None:
    before = np.random.get_state()[1].tolist()  # noqa: NPY002  # it is the global one
    warm_up(GaussianGenerator(code_dim=8, image_size_px=72))

    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


@given(st.integers(0, 200), st.floats(WORTH_PARTS_S, 10))
def test_tens_hold_every_image_once(n: int, each_s: float) -> None:
    sizes = in_tens(n, each_s)
    assert sum(sizes) == n
    assert all(size == 10 for size in sizes[:-1])
    assert all(1 <= size <= 10 for size in sizes)


def test_what_is_quick_is_rendered_at_once() -> None:
    assert in_tens(40, WORTH_PARTS_S / 2) == (40,)
    assert in_tens(0, 0.0) == ()
