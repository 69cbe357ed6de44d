"""A real screen (or a virtual X screen) through PsychoPy; the only file that imports it.

PsychoPy is imported when the display is opened, since its import needs a screen. It opens the
window and flips it. The pixels are ours: painted as `painting` says, before the block, and copied
by the `canvas`, because PsychoPy turns arrays upside down, scales them, and leaves the filter for
other sizes to the graphics card (checked with 2026.2.5).

A process opens one such display in its life.
"""

import contextlib
import logging
import os
import platform
import sys
import tempfile
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from rig_adapters.errors import DisplayError
from rig_adapters.stimulus.base import BLANK, ImagePixels, PlacedImage, Scene
from rig_adapters.stimulus.canvas import Canvas, Texture
from rig_adapters.stimulus.cover import CoverWatch
from rig_adapters.stimulus.desktop import suspicions
from rig_adapters.stimulus.geometry import Box, framebuffer_box, off_screen, pixels_at, placement
from rig_adapters.stimulus.painting import Painter, disc
from rig_adapters.stimulus.photodiode import patch_box
from rig_adapters.stimulus.privileges import keep_to, raise_priority
from rig_adapters.stimulus.readback import (
    READBACK_ID,
    Backdrop,
    expected_framebuffer,
    patch_level,
    pictures_sha256,
    readback_image,
    readback_scenes,
)
from rig_adapters.stimulus.refresh import SoftwareBlank, judge_refresh
from rig_adapters.stimulus.screen import Screen, open_screen
from rig_adapters.wire.messages import (
    ConfigureDisplay,
    DisplayConfigured,
    ScreenGeometry,
)

logger = logging.getLogger(__name__)

FREE_FLIPS = 60
_LIGHT_GREY = 192
"""On a background as light as this, the fixation spot is black; else it is white."""


class PsychoPyDisplay:
    """Implements `Display`."""

    def __init__(self) -> None:
        self._screen: Screen | None = None
        self._window: Any = None
        self._underlay: Texture | None = None
        self._hidden = False
        self._cover: CoverWatch | None = None
        self._blank: SoftwareBlank | None = None
        self._waited_for_flips_s = 0.0
        self._flipped_s = 0.0
        self._images: dict[int, ImagePixels] = {}
        self._ready: dict[int, dict[PlacedImage, tuple[Texture, Box]]] = {}

    @property
    def waited_s(self) -> float:
        """Wall-clock seconds spent waiting for the screen since it was opened."""
        return self._blank.waited_s if self._blank is not None else self._waited_for_flips_s

    def open(self, configure: ConfigureDisplay) -> DisplayConfigured:
        """Open the window, read test images back, and measure the refresh rate.

        Raises DisplayError where there is no screen, or it has another size or rate.
        """
        self._geometry = configure.geometry
        self._screen = open_screen(configure.geometry.size_px)
        self._painter = Painter(configure.appearance, configure.background_grey)
        self._backdrop = _backdrop(configure, self._painter.level(configure.background_grey))
        self._window = self._open_window(configure)
        self._canvas = Canvas(configure.geometry.size_px)
        pixels_exact, readback_sha256 = self._read_back_tests()
        refresh = judge_refresh(
            self._free_flips(), configure.geometry.refresh_hz, self._screen.virtual
        )
        if not refresh.waits_for_vertical_blank:
            self._blank = SoftwareBlank(configure.geometry.refresh_hz)
        if isinstance(x_window := getattr(self._window.winHandle.canvas, "x_window", None), int):
            # Only now: until it has come to the front, a window may be covered.
            self._cover = self._screen.watch(x_window)
        return DisplayConfigured(
            label=refresh.label,
            waits_for_vertical_blank=refresh.waits_for_vertical_blank,
            measured_refresh_hz=refresh.measured_hz,
            pixels_exact=pixels_exact,
            readback_sha256=readback_sha256,
            # Last, since what was started until now should have none of it.
            priority=raise_priority() if configure.priority == "high" else "normal",
            cpus=keep_to(configure.cpus) if configure.cpus else "any",
            flip_interval_sd_s=refresh.interval_sd_s,
            gamma_is_linear=self._screen.gamma_is_linear,
            monitor=self._screen.monitor.name,
            monitor_width_cm=None if self._screen.virtual else self._screen.monitor.width_cm,
            suspicions=suspicions(
                os.environ, self._screen.composed, configure.geometry.size_px, self._buffer_px()
            ),
            versions=_versions(self._window),
        )

    def upload(self, image_id: int, image: ImagePixels) -> None:
        """Take `image`, for `prepare` to paint it."""
        self.forget([image_id])
        self._images[image_id], self._ready[image_id] = image, {}

    def prepare(self, placed: PlacedImage) -> None:
        """Paint the image for this place and put it on the graphics card."""
        if placed in self._ready_of(placed):
            return
        if off_screen(self._geometry, placed.x_deg, placed.y_deg, placed.size_deg):
            raise DisplayError(f"image {placed.image_id} would lie partly outside the screen")
        where = placement(self._geometry, placed.x_deg, placed.y_deg, placed.size_deg)
        painted = self._painter.paint(self._images[placed.image_id], where.size_px)
        texture = self._canvas.upload(painted)
        box = framebuffer_box(self._geometry, where)
        # Drivers may put an upload off until something is drawn.
        self._canvas.copy(texture, box)
        self._canvas.finish()
        self._window.clearBuffer()
        self._ready_of(placed)[placed] = texture, box

    def forget(self, image_ids: Iterable[int]) -> None:
        """Free the places of these images for others."""
        for image_id in image_ids:
            self._images.pop(image_id, None)
            for texture, _ in self._ready.pop(image_id, {}).values():
                self._canvas.give_back(texture)

    def show(self, scene: Scene, frames: int) -> Sequence[float]:  # noqa: ARG002 - one at a time
        """Show `scene` for one refresh; return the time in s (monotonic clock) of its flip."""
        self._draw(scene)
        if self._blank is not None:
            self._blank.wait()
            self._flip()
        else:
            began_s = time.monotonic()
            self._flip()
            self._waited_for_flips_s += time.monotonic() - began_s
        self._check_seen()
        return (self._flipped_s,)

    def read_back(self, scene: Scene) -> ImagePixels:
        """Draw `scene` without showing it; return the framebuffer `(h, w, 3)`, top row first."""
        self._draw(scene)
        picture = self._window.getMovieFrame(buffer="back")
        self._window.movieFrames.clear()
        self._window.clearBuffer()
        return np.asarray(picture)

    def lay_under(self, picture: ImagePixels) -> None:
        """Show `picture` `(height, width, 3)` of the whole screen in place of the background."""
        self._underlay = self._canvas.upload(picture)

    def key_was_pressed(self) -> bool:
        """Whether somebody has pressed a key at the window."""
        from psychopy import event

        return bool(event.getKeys())

    def close(self) -> None:
        """Close the window and let go of the screen."""
        self._ready.clear()
        self._images.clear()
        self._underlay = self._cover = None
        if self._window is not None:
            logger.info("the graphics card held %d textures", self._canvas.n_textures)
            self._window.close()
            self._window = None
        if self._screen is not None:
            self._screen.close()
            self._screen = None

    def _open_window(self, configure: ConfigureDisplay) -> Any:
        grey = self._backdrop.level
        window = _import_psychopy().Window(
            size=configure.geometry.size_px,
            pos=(0, 0),
            monitor=_monitor(configure.geometry),
            units="pix",
            color=(grey, grey, grey),
            colorSpace="rgb255",
            fullscr=configure.full_screen,
            winType="pyglet",
            useFBO=False,
            allowStencil=False,
            multiSample=False,
            waitBlanking=True,
            checkTiming=False,
            allowGUI=False,
            autoLog=False,
        )
        window.mouseVisible = False
        window.winHandle.push_handlers(on_hide=self._note_hidden)
        size_px = tuple(int(extent) for extent in window.size)
        if size_px != configure.geometry.size_px:
            window.close()
            raise DisplayError(
                f"the screen has {size_px[0]} x {size_px[1]} pixels, but the config says "
                f"{configure.geometry.size_px[0]} x {configure.geometry.size_px[1]}; "
                "set the screen's mode or correct size_px"
            )
        return window

    def _draw(self, scene: Scene) -> None:
        if self._underlay is not None:
            self._canvas.copy(self._underlay, Box(0, 0, *self._geometry.size_px))
        if scene.image is not None:
            ready = self._ready_of(scene.image).get(scene.image)
            if ready is None:
                raise DisplayError(f"image {scene.image.image_id} was not made ready for its place")
            self._canvas.copy(*ready)
        if scene.fixation:
            self._canvas.fill(self._backdrop.spot, self._backdrop.spot_level, self._backdrop.level)
        if self._backdrop.patch is not None:
            self._canvas.fill([self._backdrop.patch], patch_level(scene), self._backdrop.level)

    def _ready_of(self, placed: PlacedImage) -> dict[PlacedImage, tuple[Texture, Box]]:
        ready = self._ready.get(placed.image_id)
        if ready is None:
            raise DisplayError(f"image {placed.image_id} was never uploaded")
        return ready

    def _check_seen(self) -> None:
        """Raise DisplayError where the window, or a part of it, is not seen any more."""
        if self._hidden:
            raise DisplayError(
                "the window is not on the screen any more: it was hidden, minimised or moved to "
                "another desktop; leave it alone while a session runs"
            )
        if self._cover is not None and self._cover.was_covered():
            raise DisplayError(
                "the window was covered, by another one or by the edge of the desktop; close or "
                "move what lies over it, and leave it alone while a session runs"
            )

    def _note_hidden(self) -> None:
        self._hidden = True

    def _flip(self) -> None:
        self._window.callOnFlip(self._note_flip)
        self._window.flip()

    def _note_flip(self) -> None:
        # PsychoPy's own clock may be another one, depending on what is installed beside it.
        self._flipped_s = time.monotonic()

    def _buffer_px(self) -> tuple[int, int]:
        width_px, height_px = self._window.winHandle.get_framebuffer_size()
        return int(width_px), int(height_px)

    def _read_back_tests(self) -> tuple[bool, str]:
        """Return whether each test scene came back as it should, and the hash of what came."""
        image = readback_image()
        exact, pictures = True, []
        for scene in (BLANK, *readback_scenes(self._geometry)):
            if scene.image is not None:
                # Each of them anew, so that textures are used again.
                self.upload(READBACK_ID, image)
                self.prepare(scene.image)
            pictures.append(self.read_back(scene).copy())
            expected = expected_framebuffer(
                self._geometry, self._painter, self._backdrop, scene, image
            )
            exact = exact and bool(np.array_equal(pictures[-1], expected))
        self.forget([READBACK_ID])
        return exact, pictures_sha256(pictures)

    def _free_flips(self) -> list[float]:
        times_s = []
        for _ in range(FREE_FLIPS + 1):
            self._flip()
            times_s.append(self._flipped_s)
        return [after - before for before, after in pairwise(times_s)]


def _backdrop(configure: ConfigureDisplay, level: int) -> Backdrop:
    """Return what stands beside images: a background of `level`, and a disc for the fixation."""
    geometry, fixation = configure.geometry, configure.fixation
    x_px, y_px = (pixels_at(geometry, angle) for angle in fixation.position_deg)
    centre_px = (geometry.size_px[0] / 2 + x_px, geometry.size_px[1] / 2 - y_px)
    diameter_px = 2 * pixels_at(geometry, fixation.diameter_deg / 2)
    patch = configure.photodiode
    return Backdrop(
        level=level,
        spot=disc(centre_px, diameter_px),
        spot_level=0 if level >= _LIGHT_GREY else 255,
        patch=patch_box(geometry, patch) if patch is not None else None,
    )


def _import_psychopy() -> Any:
    """Return `psychopy.visual`, imported without its side effects on home, argv and environment."""
    try:
        with _scratch_home(), _no_arguments(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Without this, PsychoPy changes the search paths of this and of child processes.
            os.environ["PSYCHOPYNOPACKAGES"] = "1"
            from psychopy.logging import CRITICAL, console

            console.setLevel(CRITICAL)
            from psychopy import monitors, visual

            # Named here, or the windows' own import of it would write into the home later.
            _ = monitors
    except ImportError as error:
        raise DisplayError(
            f"PsychoPy cannot be imported ({error}); run scripts/setup, or choose the virtual "
            "display"
        ) from error
    return visual


@contextlib.contextmanager
def _scratch_home() -> Iterator[None]:
    """Lend a passing home; PsychoPy would leave its preferences in the user's."""
    home = os.environ.get("HOME")
    if home is None:
        yield
        return
    os.environ.setdefault("XAUTHORITY", str(Path(home) / ".Xauthority"))
    with tempfile.TemporaryDirectory(prefix="neuroloop-") as scratch:
        os.environ["HOME"] = scratch
        try:
            yield
        finally:
            os.environ["HOME"] = home


@contextlib.contextmanager
def _no_arguments() -> Iterator[None]:
    """Hide the command line, which PsychoPy would read as its own."""
    arguments = sys.argv[1:]
    del sys.argv[1:]
    try:
        yield
    finally:
        sys.argv[1:] = arguments


def _monitor(geometry: ScreenGeometry) -> Any:
    from psychopy import monitors

    monitor = monitors.Monitor("neuroloop", autoLog=False)
    monitor.setSizePix(geometry.size_px)
    monitor.setWidth(geometry.width_cm)
    monitor.setDistance(geometry.distance_cm)
    return monitor


def _versions(window: Any) -> dict[str, str]:
    import psychopy
    import pyglet

    graphics = window.winHandle.context.get_info()
    return {
        "python": platform.python_version(),
        "psychopy": psychopy.__version__,
        "pyglet": pyglet.version,
        "opengl": graphics.get_version(),
        "graphics": graphics.get_renderer(),
    }
