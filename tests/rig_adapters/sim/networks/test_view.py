"""What falls into the field of a unit: in place, on grey, and no light lost or won."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rig_adapters.sim.neurons.networks.view import view
from rig_adapters.sim.neurons.shape.patterns import textures
from rig_adapters.sim.retina import Placement, ReceptiveField

FIELD = ReceptiveField((1.0, -2.0), 4.0)


def test_an_image_that_fills_the_field_is_the_image() -> None:
    images = textures(2, np.random.default_rng(0))
    seen = view(images, FIELD.filled, FIELD, 96)
    np.testing.assert_allclose(seen, images, atol=1e-3)


def test_an_image_lies_where_it_is_shown_with_grey_around_it() -> None:
    image = np.zeros((1, 8, 8, 3), np.uint8)
    image[:, :4], image[:, :, 4:, 0] = 255, 200
    # Half as large as the field, and in its upper right quarter.
    seen = view(image, Placement(2.0, -1.0, 2.0), FIELD, 40)[0]

    np.testing.assert_array_equal(seen[20:], np.full((20, 40, 3), 128))
    np.testing.assert_array_equal(seen[:, :20], np.full((40, 20, 3), 128))
    np.testing.assert_allclose(seen[2, 22], [255, 255, 255], atol=1e-3)
    np.testing.assert_allclose(seen[2, 37], [200, 255, 255], atol=1e-3)
    np.testing.assert_allclose(seen[17, 22], [0, 0, 0], atol=1e-3)
    np.testing.assert_allclose(seen[17, 37], [200, 0, 0], atol=1e-3)


def test_what_is_shrunk_is_averaged() -> None:
    """Stripes finer than samples become grey instead of a moiré."""
    image = np.zeros((1, 256, 256, 3), np.uint8)
    image[:, ::2] = 255
    seen = view(image, Placement(1.0, -2.001, 1.0), FIELD, 64)[0]
    np.testing.assert_allclose(seen[25:39, 25:39], 127.5, atol=8)


@settings(max_examples=60, deadline=None)
@given(
    place=st.builds(
        Placement, st.floats(-6, 8), st.floats(-8, 5), st.floats(0.05, 40, allow_subnormal=False)
    ),
    height=st.integers(1, 50),
    width=st.integers(1, 50),
    value=st.integers(0, 255),
)
def test_what_is_seen_is_between_the_image_and_grey(
    place: Placement, height: int, width: int, value: int
) -> None:
    seen = view(np.full((1, height, width, 3), value, np.uint8), place, FIELD, 32)
    assert np.isfinite(seen).all()
    assert seen.min() >= min(value, 128) - 1e-3
    assert seen.max() <= max(value, 128) + 1e-3
    x, y = place.x_deg - 1.0, place.y_deg + 2.0
    if max(abs(x), abs(y)) > 2.1 + place.size_deg / 2:
        np.testing.assert_array_equal(seen, np.full_like(seen, 128))
    if max(abs(x), abs(y)) < place.size_deg / 2 - 2.1:
        np.testing.assert_allclose(seen, value, atol=1e-3)
