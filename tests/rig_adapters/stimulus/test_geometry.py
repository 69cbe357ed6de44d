"""Degrees and pixels on a flat screen."""

import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rig_adapters.stimulus.geometry import (
    Placement,
    degrees_at,
    framebuffer_box,
    off_screen,
    pixels_at,
    placement,
)
from rig_adapters.wire.messages import ScreenGeometry

SCREEN = ScreenGeometry(size_px=(1920, 1080), width_cm=53.0, distance_cm=57.0, refresh_hz=60.0)
ODD = ScreenGeometry(size_px=(801, 601), width_cm=40.0, distance_cm=57.0, refresh_hz=60.0)

geometries = st.builds(
    ScreenGeometry,
    size_px=st.tuples(st.integers(300, 4000), st.integers(300, 3000)),
    width_cm=st.floats(20, 100),
    distance_cm=st.floats(30, 200),
    refresh_hz=st.just(60.0),
)


def test_one_degree_at_57_cm_is_one_centimetre() -> None:
    assert pixels_at(SCREEN, 1.0) == pytest.approx(1920 / 53, rel=0.01)


def test_45_degrees_lie_as_far_out_as_the_eye_is_away() -> None:
    assert pixels_at(SCREEN, 45.0) == pytest.approx(57.0 * 1920 / 53)


def test_90_degrees_are_on_no_flat_screen() -> None:
    with pytest.raises(ValueError, match="90 degrees from the middle is on no flat screen"):
        pixels_at(SCREEN, 90.0)


def test_the_same_angle_takes_more_pixels_further_out() -> None:
    centred, outside = placement(SCREEN, 0, 0, 2.0), placement(SCREEN, 12.0, 0, 2.0)

    assert outside.size_px[0] > centred.size_px[0]
    assert outside.size_px[1] == centred.size_px[1]


def test_right_and_up_are_positive() -> None:
    rows, columns = framebuffer_box(SCREEN, placement(SCREEN, 4.0, 3.0, 1.0)).slices

    assert columns.start > 960
    assert rows.stop < 540


@pytest.mark.parametrize("geometry", [SCREEN, ODD])
@pytest.mark.parametrize("side_px", [32, 33])
def test_a_placement_lies_on_the_pixel_grid_of_odd_screens_too(
    geometry: ScreenGeometry, side_px: int
) -> None:
    where = placement(geometry, 0.0, 0.0, 2 * degrees_at(geometry, side_px / 2))

    assert where.size_px == (side_px, side_px)
    for centre, size, extent in zip(where.centre_px, where.size_px, geometry.size_px, strict=True):
        assert (centre - size / 2 + extent / 2).is_integer()
        assert abs(centre) <= 0.5


def test_an_image_may_touch_the_edge_but_not_cross_it() -> None:
    half_height_deg = degrees_at(SCREEN, 540)

    assert not off_screen(SCREEN, 0.0, 0.0, 2 * half_height_deg)
    assert off_screen(SCREEN, 0.0, 0.1, 2 * half_height_deg)
    assert off_screen(SCREEN, 0.0, 80.0, 25.0)


def test_a_box_is_where_the_placement_says() -> None:
    box = framebuffer_box(SCREEN, Placement((100.0, 50.0), (20, 10))).slices

    assert box == (slice(540 - 55, 540 - 45), slice(960 + 90, 960 + 110))


@settings(max_examples=60, deadline=None)
@given(geometries, st.floats(-60, 60))
def test_degrees_and_pixels_are_inverse(geometry: ScreenGeometry, angle_deg: float) -> None:
    there_and_back_deg = degrees_at(geometry, pixels_at(geometry, angle_deg))

    assert there_and_back_deg == pytest.approx(angle_deg, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(geometries, st.floats(-20, 20), st.floats(-15, 15), st.floats(0.2, 20))
@example(  # less than a pixel high
    ScreenGeometry(size_px=(300, 300), width_cm=100.0, distance_cm=30.0, refresh_hz=60.0),
    0.0,
    -6.5,
    0.25,
)
def test_edges_are_within_a_pixel_of_the_formula(
    geometry: ScreenGeometry, x_deg: float, y_deg: float, size_deg: float
) -> None:
    where = placement(geometry, x_deg, y_deg, size_deg)

    px_per_cm = geometry.size_px[0] / geometry.width_cm
    for angle_deg, centre, size in zip((x_deg, y_deg), where.centre_px, where.size_px, strict=True):
        for side in (-1, 1):
            exact_px = (
                geometry.distance_cm
                * math.tan(math.radians(angle_deg + side * size_deg / 2))
                * px_per_cm
            )
            assert abs(centre + side * size / 2 - exact_px) <= 1.0 + 1e-6
