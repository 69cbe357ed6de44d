"""A real PsychoPy window keeps the contract, and shows the very pixels that were logged."""

import contextlib
import ctypes
import os
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import PIL.ImageGrab
import pytest

from rig_adapters.errors import DisplayError
from rig_adapters.stimulus.base import BLANK, ImagePixels, PlacedImage, Scene
from rig_adapters.stimulus.canvas import Canvas, Texture
from rig_adapters.stimulus.geometry import Box, degrees_at, framebuffer_box, placement
from rig_adapters.stimulus.photodiode import patch_box
from rig_adapters.stimulus.psychopy_display import PsychoPyDisplay
from rig_adapters.stimulus.screen import Screen
from rig_adapters.testing.display_contract import DisplayContract
from rig_adapters.wire import messages as m

from .by_definition import TIE, painted_by_definition

pytestmark = pytest.mark.screen

GEOMETRY = m.ScreenGeometry(size_px=(320, 240), width_cm=16.0, distance_cm=57.0, refresh_hz=60.0)
CONFIGURE = m.ConfigureDisplay(
    kind="psychopy",
    geometry=GEOMETRY,
    full_screen=False,
    background_grey=77,
    fixation=m.FixationSpot(diameter_deg=0.5, position_deg=(-2.0, 1.0)),
    light_endpoint=None,
)


@pytest.mark.usefixtures("screen")
class TestPsychoPyDisplay(DisplayContract):
    @pytest.fixture
    def kind(self) -> str:
        return "psychopy"

    @pytest.fixture
    def geometry(self) -> m.ScreenGeometry:
        # A virtual screen keeps no rate of its own, so a fast one makes the tests short.
        return GEOMETRY.model_copy(update={"refresh_hz": 240.0})

    @pytest.fixture
    def display(self) -> PsychoPyDisplay:
        return PsychoPyDisplay()


@pytest.fixture(scope="module")
def opened(screen: Screen) -> Iterator[tuple[PsychoPyDisplay, m.DisplayConfigured]]:
    assert screen.virtual
    display = PsychoPyDisplay()
    try:
        yield display, display.open(CONFIGURE)
    finally:
        display.close()


@pytest.fixture
def window(opened: tuple[PsychoPyDisplay, m.DisplayConfigured]) -> PsychoPyDisplay:
    return opened[0]


def one_to_one(first_px: int, side_px: int) -> PlacedImage:
    """Return image 1 in the square from `first_px` right and up of the middle, pixel for pixel."""
    low, high = (degrees_at(GEOMETRY, edge) for edge in (first_px, first_px + side_px))
    return PlacedImage(1, (low + high) / 2, (low + high) / 2, high - low)


def asymmetric_image(side_px: int) -> ImagePixels:
    """Return `(side, side, 3)` with all 256 levels in noise, and a corner that is marked."""
    image = np.random.default_rng(5).permuted(
        np.resize(np.arange(256), side_px * side_px * 3).reshape(side_px, side_px, 3), axis=0
    )
    image[: side_px // 4, : side_px // 4] = (255, 0, 128)
    assert set(image.ravel().tolist()) == set(range(256))
    return image.astype(np.uint8)


def loaded(window: PsychoPyDisplay, image: ImagePixels, placed: PlacedImage) -> PlacedImage:
    """Make `image` ready at a place, anew, so that a texture is used again."""
    window.upload(placed.image_id, image)
    window.prepare(placed)
    return placed


@pytest.mark.parametrize(("first_px", "side_px"), [(-32, 64), (20, 64), (20, 51), (-100, 40)])
@pytest.mark.parametrize("grey", [False, True])
def test_each_pixel_of_the_framebuffer_is_the_logged_one(
    window: PsychoPyDisplay, first_px: int, side_px: int, grey: bool
) -> None:
    image = asymmetric_image(side_px)
    if grey:
        image = np.repeat(image[:, :, :1], 3, axis=2)
    placed = loaded(window, image, one_to_one(first_px, side_px))

    framebuffer = window.read_back(Scene(fixation=False, image=placed))

    expected = np.full((240, 320, 3), 77, dtype=np.uint8)
    left, bottom = 160 + first_px, 120 - first_px
    expected[bottom - side_px : bottom, left : left + side_px] = image
    np.testing.assert_array_equal(framebuffer, expected)


def test_what_a_flip_shows_is_what_was_read_back(window: PsychoPyDisplay) -> None:
    scene = Scene(True, loaded(window, asymmetric_image(64), one_to_one(-30, 64)))
    framebuffer = window.read_back(scene)

    for shown, expected in ((scene, framebuffer), (BLANK, np.full_like(framebuffer, 77))):
        window.show(shown, 1)
        on_screen = np.asarray(PIL.ImageGrab.grab(xdisplay=os.environ["DISPLAY"]))
        np.testing.assert_array_equal(on_screen[:240, :320], expected)


def test_a_window_that_lost_focus_shows_the_same_pixels(window: PsychoPyDisplay) -> None:
    scene = Scene(True, loaded(window, asymmetric_image(64), one_to_one(-30, 64)))
    framebuffer = window.read_back(scene)

    take_focus_away()
    times_s = [window.show(scene, 1)[0] for _ in range(5)]

    on_screen = np.asarray(PIL.ImageGrab.grab(xdisplay=os.environ["DISPLAY"]))
    np.testing.assert_array_equal(on_screen[:240, :320], framebuffer)
    assert times_s == sorted(set(times_s))


def take_focus_away() -> None:
    """Have the X server send all input to nobody."""
    library = ctypes.CDLL("libX11.so.6")
    library.XOpenDisplay.restype = ctypes.c_void_p
    display = ctypes.c_void_p(library.XOpenDisplay(os.environ["DISPLAY"].encode()))
    nobody, revert_to_nobody, now = 0, 0, 0
    library.XSetInputFocus(display, ctypes.c_ulong(nobody), revert_to_nobody, ctypes.c_ulong(now))
    library.XSync(display, 0)
    library.XCloseDisplay(display)


def test_an_image_on_the_upper_right_appears_there_and_upright(window: PsychoPyDisplay) -> None:
    image = np.zeros((32, 32, 3), dtype=np.uint8)
    image[:16, :16], image[:16, 16:], image[16:, :16] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    # Twice as large as the image, so that it is interpolated too.
    placed = loaded(window, image, PlacedImage(1, 3.0, 2.0, 64 / 20))
    framebuffer = window.read_back(Scene(fixation=False, image=placed))

    rows, columns = framebuffer_box(GEOMETRY, placement(GEOMETRY, 3.0, 2.0, 64 / 20)).slices
    assert columns.start > 160
    assert rows.stop < 120
    inside = framebuffer[rows, columns]
    corners = [inside[y, x].tolist() for y in (5, -5) for x in (5, -5)]
    assert corners == [[255, 0, 0], [0, 255, 0], [0, 0, 255], [0, 0, 0]]
    framebuffer = framebuffer.copy()
    framebuffer[rows, columns] = 77
    assert (framebuffer == 77).all()


def test_the_fixation_spot_is_where_it_was_configured_and_over_the_image(
    window: PsychoPyDisplay,
) -> None:
    placed = loaded(window, np.zeros((32, 32, 3), dtype=np.uint8), PlacedImage(1, -2.0, 1.0, 2.0))

    bare = window.read_back(Scene(fixation=True, image=None))
    covered = window.read_back(Scene(fixation=True, image=placed))

    middles = np.stack(np.meshgrid(np.arange(320), np.arange(240)), axis=-1) + 0.5
    distance = np.linalg.norm(middles - (160 - 39.807, 120 - 19.899), axis=-1)
    for framebuffer in (bare, covered):
        spot = (framebuffer == 255).all(axis=2)
        assert spot[distance < 4.97 - 0.05].all()
        assert not spot[distance > 4.97 + 0.05].any()


def test_an_opened_window_says_what_it_is(
    opened: tuple[PsychoPyDisplay, m.DisplayConfigured],
) -> None:
    _, facts = opened

    assert facts.pixels_exact is True
    assert facts.readback_sha256 is not None
    assert {"python", "psychopy", "pyglet", "opengl", "graphics"} <= facts.versions.keys()
    assert facts.label.endswith("no timing")
    assert not facts.waits_for_vertical_blank
    assert facts.measured_refresh_hz is None


def test_textures_are_used_again_and_never_more_than_at_once(window: PsychoPyDisplay) -> None:
    image = asymmetric_image(32)
    before = window._canvas.n_textures
    for block in range(5):
        ids = range(100 * block + 10, 100 * block + 16)
        for image_id in ids:
            # Each block at another size.
            loaded(window, image, PlacedImage(image_id, 0.0, 0.0, 1.0 + block))
        window.forget(ids)

    assert window._canvas.n_textures <= max(before, 8)


@pytest.mark.parametrize(("lit", "level"), [(False, 0), (True, 255)])
def test_the_patch_is_black_or_white_to_the_pixel_and_nothing_else_changes(
    window: PsychoPyDisplay, lit: bool, level: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    patch = patch_box(GEOMETRY, m.PhotodiodePatch(size_px=24, corner="bottom_left"))
    monkeypatch.setattr(window, "_backdrop", replace(window._backdrop, patch=patch))
    framebuffer = window.read_back(Scene(fixation=False, image=None, patch_lit=lit))

    expected = np.full((240, 320, 3), CONFIGURE.background_grey, np.uint8)
    expected[-24:, :24] = level
    np.testing.assert_array_equal(framebuffer, expected)


def test_an_image_that_was_never_uploaded_is_refused_by_name(window: PsychoPyDisplay) -> None:
    nowhere = PlacedImage(4711, 0.0, 0.0, 1.0)
    with pytest.raises(DisplayError, match="image 4711 was never uploaded"):
        window.show(Scene(fixation=False, image=nowhere), 1)
    with pytest.raises(DisplayError, match="image 4711 was never uploaded"):
        window.prepare(nowhere)


def test_nothing_is_uploaded_in_the_frame_loop(window: PsychoPyDisplay) -> None:
    placed = loaded(window, asymmetric_image(32), PlacedImage(1, 0.0, 0.0, 1.0))
    elsewhere = replace(placed, x_deg=2.0)

    with pytest.raises(DisplayError, match="image 1 was not made ready for its place"):
        window.show(Scene(fixation=False, image=elsewhere), 1)


def test_an_image_beyond_the_edge_is_not_made_ready(window: PsychoPyDisplay) -> None:
    with pytest.raises(DisplayError, match="image 1 would lie partly outside the screen"):
        loaded(window, asymmetric_image(32), PlacedImage(1, 8.0, 0.0, 1.0))


APPEARANCES = (
    m.Appearance(interpolation="nearest"),
    m.Appearance(interpolation="linear", gamma=2.2),
    m.Appearance(interpolation="linear", mask="circle"),
    m.Appearance(interpolation="nearest", mask="soft", mask_edge=0.3, gamma=1.8),
)
PLACES = (
    # Larger, odd; smaller, off the middle; other than square, being far out.
    PlacedImage(1, 0.0, 0.0, 101 / 20),
    PlacedImage(1, 3.1, -2.3, 1.35),
    PlacedImage(1, -5.5, 3.9, 3.9),
)


@pytest.mark.usefixtures("screen")
@pytest.mark.parametrize("appearance", APPEARANCES)
def test_scaling_masks_and_gamma_reach_the_framebuffer_as_defined(
    appearance: m.Appearance,
) -> None:
    display, image = PsychoPyDisplay(), asymmetric_image(45)
    try:
        facts = display.open(CONFIGURE.model_copy(update={"appearance": appearance}))
        pictures = [
            display.read_back(Scene(False, loaded(display, image, placed))) for placed in PLACES
        ]
    finally:
        display.close()

    assert facts.pixels_exact is True
    background = 77.0 if appearance.gamma is None else 255 * (77 / 255) ** (1 / appearance.gamma)
    for picture, placed in zip(pictures, PLACES, strict=True):
        where = placement(GEOMETRY, placed.x_deg, placed.y_deg, placed.size_deg)
        expected = np.full((240, 320, 3), background)
        expected[framebuffer_box(GEOMETRY, where).slices] = painted_by_definition(
            appearance, 77, image, where.size_px
        )
        assert np.abs(picture - expected).max() <= 0.5 + TIE


@pytest.mark.usefixtures("screen")
def test_a_driver_that_changes_pixels_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    copy = Canvas.copy

    def copy_shifted(self: Canvas, texture: Texture, box: Box) -> None:
        copy(self, texture, replace(box, left=box.left + 1))

    monkeypatch.setattr(Canvas, "copy", copy_shifted)
    display = PsychoPyDisplay()
    try:
        assert display.open(CONFIGURE).pixels_exact is False
    finally:
        display.close()


@pytest.mark.usefixtures("screen")
@pytest.mark.parametrize("corner", [(0, 0), (310, 230)])
def test_a_window_that_is_covered_is_noticed_when_the_scene_changes(
    corner: tuple[int, int],
) -> None:
    display = PsychoPyDisplay()
    try:
        display.open(CONFIGURE)
        for _ in range(5):
            display.show(BLANK, 1)
        with covering_window(corner):
            pass
        display.show(BLANK, 1)
        # It is gone again, but was there.
        with pytest.raises(DisplayError, match="the window was covered"):
            display.show(replace(BLANK, fixation=True), 1)
    finally:
        display.close()


@pytest.mark.usefixtures("screen")
def test_a_window_beside_it_covers_nothing() -> None:
    display = PsychoPyDisplay()
    try:
        display.open(CONFIGURE)
        with covering_window((330, 250)):
            scenes = (BLANK, replace(BLANK, fixation=True), BLANK)
            times_s = [display.show(scene, 1)[0] for scene in scenes]
    finally:
        display.close()

    assert len(times_s) == 3


@contextlib.contextmanager
def covering_window(corner: tuple[int, int]) -> Iterator[None]:
    """Lay a window of 20 x 20 pixels over all others, as another program does."""
    library = ctypes.CDLL("libX11.so.6")
    for function in (library.XOpenDisplay, library.XDefaultRootWindow, library.XCreateSimpleWindow):
        function.restype = ctypes.c_void_p
    display = ctypes.c_void_p(library.XOpenDisplay(os.environ["DISPLAY"].encode()))
    root = ctypes.c_ulong(library.XDefaultRootWindow(display))
    nothing = ctypes.c_ulong(0)
    made = library.XCreateSimpleWindow(display, root, *corner, 20, 20, 0, nothing, nothing)
    library.XMapRaised(display, ctypes.c_ulong(made))
    library.XSync(display, 0)
    try:
        yield
    finally:
        library.XCloseDisplay(display)


@pytest.mark.usefixtures("screen")
def test_a_screen_of_another_size_than_configured_is_refused() -> None:
    geometry = GEOMETRY.model_copy(update={"size_px": (300, 200)})
    display = PsychoPyDisplay()
    try:
        with pytest.raises(DisplayError, match="pixels, but the config says 300 x 200"):
            display.open(CONFIGURE.model_copy(update={"geometry": geometry, "full_screen": True}))
    finally:
        display.close()
