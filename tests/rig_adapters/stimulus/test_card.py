"""The test card shows what it says: every level, a round circle, degrees where they are."""

import numpy as np
import pytest

from rig_adapters.stimulus.card import Place, circle_deg, paint_card, ramp_box
from rig_adapters.stimulus.geometry import framebuffer_box, pixels_at, placement
from rig_adapters.stimulus.painting import Painter
from rig_adapters.wire.messages import Appearance, ScreenGeometry

GREY = 128


def geometry(width_px: int, height_px: int) -> ScreenGeometry:
    return ScreenGeometry(
        size_px=(width_px, height_px), width_cm=60.0, distance_cm=57.0, refresh_hz=60.0
    )


@pytest.mark.parametrize("size_px", [(1280, 720), (1920, 1080), (1024, 768), (320, 240)])
def test_the_ramp_shows_every_level_in_equally_many_columns(size_px: tuple[int, int]) -> None:
    pixels = paint_card(geometry(*size_px), None, GREY, "DP-1", [])

    ramp = pixels[ramp_box(size_px)]
    assert pixels.shape == (size_px[1], size_px[0], 3)
    np.testing.assert_array_equal(ramp[0], ramp[-1])
    levels, counts = np.unique(ramp[0, :, 0], return_counts=True)
    assert levels.tolist() == list(range(256))
    assert len(set(counts.tolist())) == 1
    assert (np.diff(ramp[0].astype(int), axis=0) >= 0).all()
    assert (ramp == ramp[..., :1]).all()


def test_the_ramp_and_the_background_follow_the_gamma_of_the_images() -> None:
    size_px, values = (1280, 720), np.repeat(np.arange(256, dtype=np.uint8), 4)[np.newaxis]
    pixels = paint_card(geometry(*size_px), 2.2, GREY, "DP-1", [])

    painter = Painter(Appearance(gamma=2.2), GREY)
    image = np.repeat(values[..., np.newaxis], 3, axis=2).repeat(2, axis=0)
    shown = painter.paint(image, (1024, 2))
    np.testing.assert_array_equal(pixels[ramp_box(size_px)][:2], shown)
    assert len(np.unique(shown)) < 256
    assert set(pixels[200, 200]) == {round(255 * (GREY / 255) ** (1 / 2.2))}


def test_the_card_says_which_gamma_its_ramp_has() -> None:
    screen = geometry(1280, 720)
    cards = [paint_card(screen, gamma, 0, "DP-1", []) for gamma in (1.8, 2.2)]

    words = slice(0, 200), slice(0, 640)
    assert (cards[0][words] != cards[1][words]).any()


def test_the_circle_is_as_many_degrees_and_as_round_as_it_says() -> None:
    screen = geometry(1280, 720)
    pixels = paint_card(screen, None, GREY, "DP-1", [])

    radius_px = pixels_at(screen, circle_deg(screen))
    for turn in np.linspace(0.1, 1.4, 20):
        x, y = 640 + radius_px * np.cos(turn), 360 - radius_px * np.sin(turn)
        around = pixels[int(y) - 2 : int(y) + 3, int(x) - 2 : int(x) + 3]
        assert around.max() == 255


def test_ticks_of_the_ruler_are_where_the_degrees_are() -> None:
    screen = geometry(1280, 720)
    pixels = paint_card(screen, None, GREY, "DP-1", [])

    above = pixels[360 - 4, :, 0]
    ticks = np.flatnonzero(above != GREY)
    for deg in (2, 7, 11, 18, 23):
        expected = 640 + pixels_at(screen, deg)
        assert np.abs(ticks - expected).min() <= 1.0


@pytest.mark.parametrize("grey", [0, 40, 100, 159, 160, 200, 255])
def test_all_that_is_drawn_stands_out_from_any_background(grey: int) -> None:
    screen = geometry(1280, 720)
    pixels = paint_card(screen, None, grey, "DP-1", [Place("V4", -6.0, 5.0, 4.0)]).astype(int)

    rows, columns = framebuffer_box(screen, placement(screen, -6.0, 5.0, 4.0)).slices
    edge_of_place, frame, ruler = pixels[rows, columns][0], pixels[0], pixels[360, 30:600]
    for drawn in (edge_of_place, frame, ruler):
        assert np.abs(np.median(drawn) - grey) >= 40


def test_places_of_threads_are_outlined_to_the_pixel() -> None:
    screen = geometry(1280, 720)
    pixels = paint_card(screen, None, GREY, "DP-1", [Place("V4", -6.0, 5.0, 4.0)])

    rows, columns = framebuffer_box(screen, placement(screen, -6.0, 5.0, 4.0)).slices
    outline = pixels[rows, columns]
    for edge in (outline[0], outline[-1], outline[:, 0], outline[:, -1]):
        assert (edge == 0).all()
    assert not (outline[1:-1, 1:-1] == 0).all(axis=-1).any()


def test_the_outermost_pixels_are_drawn() -> None:
    pixels = paint_card(geometry(1280, 720), None, GREY, "DP-1", [])

    for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]):
        assert (edge == 255).mean() > 0.99


def test_lines_of_single_pixels_alternate() -> None:
    pixels = paint_card(geometry(1280, 720), None, GREY, "DP-1", [])

    assert (pixels[72:132, 922:982:2] == 0).all()
    assert (pixels[72:132, 923:982:2] == 255).all()
