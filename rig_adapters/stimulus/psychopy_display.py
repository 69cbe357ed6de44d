"""A real screen (or a virtual X screen) through PsychoPy, which opens the window and flips it.

The pixels are ours: painted as `painting` says, before the block, and copied by the `canvas`,
because PsychoPy turns arrays upside down, scales them, and leaves the filter for other sizes to the
graphics card (checked with 2026.2.5).

A process opens one such display in its life.
"""

import logging
import os
import time
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from rig_adapters.errors import DisplayError
from rig_adapters.stimulus.base import BLANK, ImagePixels, PlacedImage, Scene
from rig_adapters.stimulus.canvas import Canvas, Texture
from rig_adapters.stimulus.cover import CoverWatch
from rig_adapters.stimulus.desktop import suspicions
from rig_adapters.stimulus.geometry import Box, framebuffer_box, off_screen, pixels_at, placement
from rig_adapters.stimulus.painting import Painter, disc, spot_level
from rig_adapters.stimulus.photodiode import patch_box
from rig_adapters.stimulus.privileges import keep_to, raise_priority
from rig_adapters.stimulus.psychopy_window import a_key_was_pressed, open_window, versions
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
from rig_adapters.wire.messages import ConfigureDisplay, DisplayConfigured

logger = logging.getLogger(__name__)

FREE_FLIPS = 60


class PsychoPyDisplay:
    """Implements `Display`."""

    def __init__(self) -> None:
        self._screen: Screen | None = None
        self._window: Any = None
        self._underlay: Texture | None = None
        self._hidden = False
        self._cover: CoverWatch | None = None
        self._scene: Scene | None = None
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
        self._backdrop = _backdrop(configure, self._painter.background_level)
        self._window = open_window(configure.geometry, self._backdrop.level, configure.full_screen)
        self._window.winHandle.push_handlers(on_hide=self._note_hidden)
        self._canvas = Canvas(configure.geometry.size_px)
        pixels_exact, readback_sha256 = self._read_back_tests()
        refresh = judge_refresh(
            self._free_flips(), configure.geometry.refresh_hz, self._screen.virtual
        )
        if not refresh.waits_for_vertical_blank:
            self._blank = SoftwareBlank(configure.geometry.refresh_hz)
        # Only now: until it has come to the front, a window may be covered.
        self._cover = self._watch_cover(self._screen)
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
            versions=versions(self._window),
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
        self._check_seen(scene)
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
        # Whoever looks at it may have other windows there.
        self._cover = None

    def key_was_pressed(self) -> bool:
        """Whether somebody has pressed a key at the window."""
        return a_key_was_pressed()

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

    def _watch_cover(self, screen: Screen) -> CoverWatch | None:
        # Windows of other systems have no such number.
        x_window = getattr(self._window.winHandle.canvas, "x_window", None)
        return None if x_window is None else screen.watch(int(x_window))

    def _check_seen(self, scene: Scene) -> None:
        """Raise DisplayError where the window, or a part of it, is not seen any more."""
        if self._hidden:
            raise DisplayError(
                "the window is not on the screen any more: it was hidden, minimised or moved to "
                "another desktop; leave it alone while a session runs"
            )
        # Not at every frame: it is a call of the system, and nothing is forgotten until then.
        is_new, self._scene = scene is not self._scene, scene
        if is_new and self._cover is not None and self._cover.was_covered():
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
        spot_level=spot_level(level),
        patch=patch_box(geometry, patch) if patch is not None else None,
    )
