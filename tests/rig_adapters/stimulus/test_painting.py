"""Scaling, masks and gamma are what they are said to be: checked by another way to compute them."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rig_adapters.stimulus.base import ImagePixels
from rig_adapters.stimulus.painting import Painter, disc
from rig_adapters.wire.messages import Appearance

from .by_definition import TIE, painted_by_definition

SIDES = st.integers(2, 23)
APPEARANCES = st.one_of(
    st.builds(
        Appearance,
        interpolation=st.sampled_from(["nearest", "linear"]),
        mask=st.sampled_from(["none", "circle"]),
        gamma=st.sampled_from([None, 1.0, 1.8, 2.2]),
    ),
    st.builds(
        Appearance,
        interpolation=st.sampled_from(["nearest", "linear"]),
        mask=st.just("soft"),
        mask_edge=st.floats(0.05, 1.0),
        gamma=st.sampled_from([None, 2.2]),
    ),
)


@settings(max_examples=80)
@given(
    appearance=APPEARANCES,
    shape=st.tuples(SIDES, SIDES),
    size_px=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    grey=st.integers(0, 255),
    seed=st.integers(0, 2**32 - 1),
)
def test_painting_is_as_defined_and_rounded_to_the_nearest_level(
    appearance: Appearance, shape: tuple[int, int], size_px: tuple[int, int], grey: int, seed: int
) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)

    painted = Painter(appearance, grey).paint(image, size_px)

    exact = painted_by_definition(appearance, grey, image, size_px)
    assert painted.shape == exact.shape
    assert painted.dtype == np.uint8
    assert np.abs(painted - exact).max() <= 0.5 + TIE


@given(appearance=APPEARANCES.filter(lambda a: a.mask == "none"), side_px=SIDES)
def test_pixel_for_pixel_every_level_stays_what_it_is(appearance: Appearance, side_px: int) -> None:
    plain = appearance.model_copy(update={"gamma": None})
    image = np.random.default_rng(side_px).integers(0, 256, (side_px, 9, 3), dtype=np.uint8)

    assert np.array_equal(Painter(plain, 77).paint(image, (9, side_px)), image)


def test_an_even_image_stays_even_at_every_size() -> None:
    image = np.full((17, 17, 3), 131, np.uint8)

    for size_px in ((5, 40), (16, 17), (100, 3)):
        assert set(Painter(Appearance(), 0).paint(image, size_px).ravel().tolist()) == {131}


@pytest.mark.parametrize("gamma", [1.8, 2.2])
def test_a_gamma_makes_light_proportional_to_values(gamma: float) -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[np.newaxis, :, np.newaxis], 3, axis=2)
    painter = Painter(Appearance(gamma=gamma), 128)

    levels = painter.paint(ramp, (256, 1))[0, :, 0].astype(np.float64)

    light = (levels / 255) ** gamma
    # A level more or less is this much light at most, at the bright end.
    assert np.abs(light - np.arange(256) / 255).max() <= gamma * 0.5 / 255 + 1e-9
    assert painter.level(128) == levels[128]


def test_outside_a_mask_is_the_very_background() -> None:
    image = np.full((31, 31, 3), 250, np.uint8)
    for appearance in (Appearance(mask="circle"), Appearance(mask="soft", mask_edge=0.3)):
        for gamma in (None, 2.2):
            painter = Painter(appearance.model_copy(update={"gamma": gamma}), 77)

            painted = painter.paint(image, (61, 45))

            corners: ImagePixels = painted[[0, 0, -1, -1], [0, -1, 0, -1]]
            assert set(corners.ravel().tolist()) == {painter.level(77)}
            assert set(painted[22, 30].tolist()) == {painter.level(250)}


@given(centre_px=st.tuples(st.floats(5, 30), st.floats(5, 30)), diameter_px=st.floats(0.01, 9))
def test_a_disc_is_of_the_pixels_whose_middles_are_near_enough(
    centre_px: tuple[float, float], diameter_px: float
) -> None:
    picture: npt.NDArray[np.int_] = np.zeros((40, 40), np.int_)
    for box in disc(centre_px, diameter_px):
        picture[box.slices] = 1

    middles = np.arange(40) + 0.5
    distance = np.hypot(middles - centre_px[0], (middles - centre_px[1])[:, np.newaxis])
    inside = distance < diameter_px / 2 - 1e-6
    assert picture.any()
    assert picture[inside].all()
    assert picture.sum() == 1 or not picture[distance > diameter_px / 2 + 1e-6].any()
