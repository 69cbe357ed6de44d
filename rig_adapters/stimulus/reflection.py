"""What a mirror shows: the animal's screen as it was told of, smaller. Pure; no window.

Images are scaled by PIL, not by the display's own rule, without mask and gamma, so pixels differ;
places, order and moments do not. An image whose pixels the mirror has not got yet is a crossed box.
"""

from collections import OrderedDict

import numpy as np
import PIL.Image
import PIL.ImageDraw

from rig_adapters.stimulus.base import ImagePixels
from rig_adapters.stimulus.geometry import Box, framebuffer_box, pixels_at, placement
from rig_adapters.stimulus.painting import Painter, spot_level
from rig_adapters.stimulus.photodiode import DARK, LIT, patch_box
from rig_adapters.wire.light import ImagesForgotten, ImagesUploaded, LightChanged
from rig_adapters.wire.messages import ConfigureDisplay, Message

_CROSSED = (200, 60, 60)


class Reflection:
    """Follows one display, and paints it `width_px` wide."""

    def __init__(self, configure: ConfigureDisplay, width_px: int) -> None:
        self._configure = configure
        screen_width, screen_height = configure.geometry.size_px
        self._scale = width_px / screen_width
        self.size_px = (width_px, max(1, round(screen_height * self._scale)))
        painter = Painter(configure.appearance, configure.background_grey)
        self._spot_level = spot_level(painter.background_level)
        self._pixels: OrderedDict[str, ImagePixels] = OrderedDict()
        self._image: LightChanged | None = None
        self._fixation = False
        self._lit = False

    @property
    def shows_an_image(self) -> bool:
        """Whether an image is on whose pixels are known."""
        return self._image is not None and self._image.image_sha256 in self._pixels

    def see(self, message: Message) -> None:
        """Take in what the display told."""
        match message:
            case ImagesUploaded():
                self._pixels.update(zip(message.sha256s, message.images, strict=False))
            case ImagesForgotten():
                for sha256 in message.sha256s:
                    self._pixels.pop(sha256, None)
            case LightChanged():
                self._change(message)

    def paint(self) -> ImagePixels:
        """Return the screen as it is now, `(height, width, 3)`."""
        picture = PIL.Image.new("RGB", self.size_px, (self._configure.background_grey,) * 3)
        draw = PIL.ImageDraw.Draw(picture)
        if self._image is not None:
            self._paint_image(picture, draw, self._image)
        if self._fixation:
            self._paint_spot(draw)
        if self._configure.photodiode is not None:
            patch = patch_box(self._configure.geometry, self._configure.photodiode)
            level = LIT if self._lit else DARK
            draw.rectangle(self._box(patch), fill=(level,) * 3)
        return np.array(picture)

    def _change(self, change: LightChanged) -> None:
        match change.what:
            case "image_on":
                self._image = change if change.size_deg > 0 else None
            case "image_off":
                self._image = None
            case "fixation_on" | "fixation_off":
                self._fixation = change.what == "fixation_on"
            case "patch_lit" | "patch_dark":
                self._lit = change.what == "patch_lit"

    def _paint_image(
        self, picture: PIL.Image.Image, draw: PIL.ImageDraw.ImageDraw, shown: LightChanged
    ) -> None:
        where = placement(self._configure.geometry, shown.x_deg, shown.y_deg, shown.size_deg)
        left, top, right, bottom = self._box(framebuffer_box(self._configure.geometry, where))
        pixels = self._pixels.get(shown.image_sha256 or "")
        if pixels is None:
            draw.rectangle((left, top, right, bottom), outline=_CROSSED)
            draw.line((left, top, right, bottom), fill=_CROSSED)
            draw.line((left, bottom, right, top), fill=_CROSSED)
            return
        size = (right - left + 1, bottom - top + 1)
        picture.paste(PIL.Image.fromarray(pixels).resize(size), (left, top))

    def _paint_spot(self, draw: PIL.ImageDraw.ImageDraw) -> None:
        geometry, fixation = self._configure.geometry, self._configure.fixation
        x, y = (pixels_at(geometry, angle) for angle in fixation.position_deg)
        radius = max(1.5, pixels_at(geometry, fixation.diameter_deg / 2) * self._scale)
        centre = (
            (geometry.size_px[0] / 2 + x) * self._scale,
            (geometry.size_px[1] / 2 - y) * self._scale,
        )
        draw.ellipse(
            (centre[0] - radius, centre[1] - radius, centre[0] + radius, centre[1] + radius),
            fill=(self._spot_level,) * 3,
        )

    def _box(self, box: Box) -> tuple[int, int, int, int]:
        """Return left, top, right and bottom, all within, of a box of the screen here."""
        left, top = round(box.left * self._scale), round(box.top * self._scale)
        right = max(left, round((box.left + box.width) * self._scale) - 1)
        return left, top, right, max(top, round((box.top + box.height) * self._scale) - 1)
