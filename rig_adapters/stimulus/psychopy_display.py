"""A real screen (or a virtual X screen) through PsychoPy; the only file that imports it.

PsychoPy is imported when the display is opened, since its import needs a screen. Colours: pixel
values reach the framebuffer as they are, and what light a monitor makes of them (gamma) is left as
the operating system has it. Images go over as PIL images, because PsychoPy turns arrays upside
down and scales them (checked with 2026.2.5); the read-back at opening would notice.

A process opens one such display in its life.
"""

import contextlib
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
import PIL.Image

from rig_adapters.errors import DisplayError
from rig_adapters.stimulus.base import BLANK, ImagePixels, PlacedImage, Scene
from rig_adapters.stimulus.desktop import suspicions
from rig_adapters.stimulus.geometry import degrees_at, framebuffer_box, pixels_at, placement
from rig_adapters.stimulus.images import image_sha256
from rig_adapters.stimulus.photodiode import DARK, LIT, patch_box
from rig_adapters.stimulus.readback import SIDE_PX, readback_image
from rig_adapters.stimulus.refresh import SoftwareBlank, judge_refresh
from rig_adapters.stimulus.screen import Screen, open_screen
from rig_adapters.wire.messages import (
    ConfigureDisplay,
    DisplayConfigured,
    PhotodiodePatch,
    ScreenGeometry,
)

FREE_FLIPS = 60
_READBACK_ID = -1
_LIGHT_GREY = 192
"""On a background as light as this, the fixation spot is black; else it is white."""


class PsychoPyDisplay:
    """Implements `Display`."""

    def __init__(self) -> None:
        self._screen: Screen | None = None
        self._window: Any = None
        self._visual: Any = None
        self._spot: Any = None
        self._underlay: Any = None
        self._blank: SoftwareBlank | None = None
        self._waited_for_flips_s = 0.0
        self._flipped_s = 0.0
        # Stimuli are used again for other images: PsychoPy 2026.2.5 leaks a pixel buffer with each
        # one that is deleted.
        self._spare: list[Any] = []
        self._loaded: dict[int, Any] = {}

    @property
    def waited_s(self) -> float:
        """Wall-clock seconds spent waiting for the screen since it was opened."""
        return self._blank.waited_s if self._blank is not None else self._waited_for_flips_s

    def open(self, configure: ConfigureDisplay) -> DisplayConfigured:
        """Open the window, read a test image back, and measure the refresh rate.

        Raises DisplayError where there is no screen, or it has another size or rate.
        """
        self._geometry = configure.geometry
        self._screen = open_screen(configure.geometry.size_px)
        self._visual = _import_psychopy()
        self._window = self._open_window(configure)
        self._spot = self._make_spot(configure)
        self._patch = configure.photodiode
        self._background_grey = configure.background_grey
        pixels_exact, readback_sha256 = self._read_back_test_image()
        refresh = judge_refresh(
            self._free_flips(), configure.geometry.refresh_hz, self._screen.virtual
        )
        if not refresh.waits_for_vertical_blank:
            self._blank = SoftwareBlank(configure.geometry.refresh_hz)
        return DisplayConfigured(
            label=refresh.label,
            waits_for_vertical_blank=refresh.waits_for_vertical_blank,
            measured_refresh_hz=refresh.measured_hz,
            pixels_exact=pixels_exact,
            readback_sha256=readback_sha256,
            flip_interval_sd_s=refresh.interval_sd_s,
            monitor=self._screen.monitor.name,
            monitor_width_cm=None if self._screen.virtual else self._screen.monitor.width_cm,
            suspicions=suspicions(
                os.environ, self._screen.composed, configure.geometry.size_px, self._buffer_px()
            ),
            versions=_versions(self._window),
        )

    def upload(self, image_id: int, image: ImagePixels) -> None:
        """Put `image` on the graphics card."""
        stimulus = self._loaded.pop(image_id, None) or (self._spare.pop() if self._spare else None)
        picture = PIL.Image.fromarray(image)
        if stimulus is None:
            # Linear interpolation changes nothing where a pixel of the image meets one of the
            # screen (the read-back checks that), and is better than nearest where it does not.
            stimulus = self._visual.ImageStim(
                self._window, image=picture, units="pix", interpolate=True, autoLog=False
            )
        else:
            stimulus.setImage(picture, log=False)
        # Drivers may put an upload off until something is drawn.
        stimulus.draw()
        self._window.clearBuffer()
        self._loaded[image_id] = stimulus

    def forget(self, image_ids: Iterable[int]) -> None:
        """Free the places of these images for others."""
        self._spare.extend(self._loaded.pop(image_id) for image_id in image_ids)

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
        self._underlay = self._visual.ImageStim(
            self._window,
            image=PIL.Image.fromarray(picture),
            size=self._geometry.size_px,
            units="pix",
            autoLog=False,
        )

    def key_was_pressed(self) -> bool:
        """Whether somebody has pressed a key at the window."""
        from psychopy import event

        return bool(event.getKeys())

    def close(self) -> None:
        """Close the window and let go of the screen."""
        self._spare.clear()
        self._loaded.clear()
        self._spot = self._underlay = None
        if self._window is not None:
            self._window.close()
            self._window = None
        if self._screen is not None:
            self._screen.close()
            self._screen = None

    def _open_window(self, configure: ConfigureDisplay) -> Any:
        grey = configure.background_grey
        window = self._visual.Window(
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
        size_px = tuple(int(extent) for extent in window.size)
        if size_px != configure.geometry.size_px:
            window.close()
            raise DisplayError(
                f"the screen has {size_px[0]} x {size_px[1]} pixels, but the config says "
                f"{configure.geometry.size_px[0]} x {configure.geometry.size_px[1]}; "
                "set the screen's mode or correct size_px"
            )
        return window

    def _make_spot(self, configure: ConfigureDisplay) -> Any:
        fixation = configure.fixation
        x_px, y_px = (pixels_at(self._geometry, angle) for angle in fixation.position_deg)
        return self._visual.Circle(
            self._window,
            radius=pixels_at(self._geometry, fixation.diameter_deg / 2),
            pos=(x_px, y_px),
            edges=64,
            units="pix",
            fillColor="black" if configure.background_grey >= _LIGHT_GREY else "white",
            lineColor=None,
            autoLog=False,
        )

    def _draw(self, scene: Scene) -> None:
        if self._underlay is not None:
            self._underlay.draw()
        if scene.image is not None:
            self._draw_image(scene.image)
        if scene.fixation:
            self._spot.draw()
        if self._patch is not None:
            self._draw_patch(self._patch, LIT if scene.patch_lit else DARK)

    def _draw_image(self, image: PlacedImage) -> None:
        stimulus = self._loaded.get(image.image_id)
        if stimulus is None:
            raise DisplayError(f"image {image.image_id} was never uploaded")
        where = placement(self._geometry, image.x_deg, image.y_deg, image.size_deg)
        stimulus.pos, stimulus.size = where.centre_px, where.size_px
        stimulus.draw()

    def _draw_patch(self, patch: PhotodiodePatch, level: int) -> None:
        from pyglet import gl

        rows, columns = patch_box(self._geometry, patch)
        gl.glEnable(gl.GL_SCISSOR_TEST)
        bottom = self._geometry.size_px[1] - rows.stop
        gl.glScissor(columns.start, bottom, patch.size_px, patch.size_px)
        gl.glClearColor(*[level / 255] * 3, 1.0)
        gl.glClear(gl.GL_COLOR_BUFFER_BIT)
        gl.glScissor(0, 0, *self._geometry.size_px)
        gl.glClearColor(*[self._background_grey / 255] * 3, 1.0)

    def _flip(self) -> None:
        self._window.callOnFlip(self._note_flip)
        self._window.flip()

    def _note_flip(self) -> None:
        # PsychoPy's own clock may be another one, depending on what is installed beside it.
        self._flipped_s = time.monotonic()

    def _buffer_px(self) -> tuple[int, int]:
        width_px, height_px = self._window.winHandle.get_framebuffer_size()
        return int(width_px), int(height_px)

    def _read_back_test_image(self) -> tuple[bool, str]:
        """Return whether a test image comes back unchanged, and the hash of what comes back."""
        image = readback_image()
        size_deg = 2 * degrees_at(self._geometry, SIDE_PX / 2)
        placed = PlacedImage(_READBACK_ID, 0.0, 0.0, size_deg)
        expected = self.read_back(BLANK).copy()
        box = framebuffer_box(self._geometry, placement(self._geometry, 0, 0, size_deg))
        expected[box] = image
        self.upload(_READBACK_ID, image)
        framebuffer = self.read_back(Scene(fixation=False, image=placed))
        self.forget([_READBACK_ID])
        came_back = np.ascontiguousarray(framebuffer[box])
        return bool(np.array_equal(framebuffer, expected)), image_sha256(came_back)

    def _free_flips(self) -> list[float]:
        times_s = []
        for _ in range(FREE_FLIPS + 1):
            self._flip()
            times_s.append(self._flipped_s)
        return [after - before for before, after in pairwise(times_s)]


def _import_psychopy() -> Any:
    """Return `psychopy.visual`, imported without its side effects on home, argv and environment."""
    try:
        with _scratch_home(), _no_arguments(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Without this, PsychoPy changes the search paths of this and of child processes.
            os.environ["PSYCHOPYNOPACKAGES"] = "1"
            from psychopy import logging

            logging.console.setLevel(logging.CRITICAL)
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
