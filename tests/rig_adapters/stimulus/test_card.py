"""The test card shows what it says: every level, a round circle, degrees where they are."""

import numpy as np
import pytest

from rig_adapters.stimulus.card import Place, circle_deg, paint_card, ramp_box
from rig_adapters.stimulus.geometry import framebuffer_box, pixels_at, placement
from rig_adapters.wire.messages import ScreenGeometry

GREY = 128


def geometry(width_px: int, height_px: int) -> ScreenGeometry:
    return ScreenGeometry(
        size_px=(width_px, height_px), width_cm=60.0, distance_cm=57.0, refresh_hz=60.0
    )


@pytest.mark.parametrize("size_px", [(1280, 720), (1920, 1080), (1024, 768), (320, 240)])
def test_the_ramp_shows_every_level_in_equally_many_columns(size_px: tuple[int, int]) -> None:
    pixels = paint_card(geometry(*size_px), GREY, "DP-1", [])

    ramp = pixels[ramp_box(size_px)]
    assert pixels.shape == (size_px[1], size_px[0], 3)
    np.testing.assert_array_equal(ramp[0], ramp[-1])
    levels, counts = np.unique(ramp[0, :, 0], return_counts=True)
    assert levels.tolist() == list(range(256))
    assert len(set(counts.tolist())) == 1
    assert (np.diff(ramp[0].astype(int), axis=0) >= 0).all()
    assert (ramp == ramp[..., :1]).all()


def test_the_circle_is_as_many_degrees_and_as_round_as_it_says() -> None:
    screen = geometry(1280, 720)
    pixels = paint_card(screen, GREY, "DP-1", [])

    radius_px = pixels_at(screen, circle_deg(screen))
    for turn in np.linspace(0.1, 1.4, 20):
        x, y = 640 + radius_px * np.cos(turn), 360 - radius_px * np.sin(turn)
        around = pixels[int(y) - 2 : int(y) + 3, int(x) - 2 : int(x) + 3]
        assert around.max() == 255


def test_ticks_of_the_ruler_are_where_the_degrees_are() -> None:
    screen = geometry(1280, 720)
    pixels = paint_card(screen, GREY, "DP-1", [])

    above = pixels[360 - 4, :, 0]
    ticks = np.flatnonzero(above != GREY)
    for deg in (2, 7, 11, 18, 23):
        expected = 640 + pixels_at(screen, deg)
        assert np.abs(ticks - expected).min() <= 1.0


def test_places_of_threads_are_outlined_to_the_pixel() -> None:
    screen = geometry(1280, 720)
    pixels = paint_card(screen, GREY, "DP-1", [Place("V4", -6.0, 5.0, 4.0)])

    rows, columns = framebuffer_box(screen, placement(screen, -6.0, 5.0, 4.0)).slices
    outline = pixels[rows, columns]
    for edge in (outline[0], outline[-1], outline[:, 0], outline[:, -1]):
        assert (edge == 0).all()
    assert not (outline[1:-1, 1:-1] == 0).all(axis=-1).any()


def test_the_outermost_pixels_are_drawn() -> None:
    pixels = paint_card(geometry(1280, 720), GREY, "DP-1", [])

    for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]):
        assert (edge == 255).mean() > 0.99


def test_lines_of_single_pixels_alternate() -> None:
    pixels = paint_card(geometry(1280, 720), GREY, "DP-1", [])

    assert (pixels[72:132, 922:982:2] == 0).all()
    assert (pixels[72:132, 923:982:2] == 255).all()
