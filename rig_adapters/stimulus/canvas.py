"""Puts finished pixels into the back buffer of an OpenGL window: copies, even boxes, nothing else.

No shader, no filter, no blending: a texture is copied pixel by pixel, so every graphics card makes
the same of it. Textures are used again for other pixels, so there are never more of them than were
needed at once. Opening windows and flipping are the display's; a context has to be current.
"""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rig_adapters.errors import DisplayError
from rig_adapters.stimulus.base import ImagePixels
from rig_adapters.stimulus.geometry import Box


@dataclass
class Texture:
    """Pixels on the graphics card, with the framebuffer object through which they are copied."""

    name: int
    framebuffer: int
    size_px: tuple[int, int]


class Canvas:
    """The back buffer of the window whose context is current, `size_px` wide and high."""

    def __init__(self, size_px: tuple[int, int]) -> None:
        # Imported here, since pyglet needs a screen.
        from pyglet import gl

        self._gl: Any = gl
        self._size_px = size_px
        self._spare: list[Texture] = []
        self.n_textures = 0
        """How many there are on the graphics card, spare ones too."""

    def upload(self, pixels: ImagePixels) -> Texture:
        """Put `pixels` `(h, w, 3)` on the graphics card."""
        gl = self._gl
        height, width = pixels.shape[:2]
        texture = self._blank_texture((width, height))
        gl.glBindTexture(gl.GL_TEXTURE_2D, texture.name)
        gl.glPixelStorei(gl.GL_UNPACK_ALIGNMENT, 1)
        area = (0, 0, width, height)
        data = (gl.GL_RGB, gl.GL_UNSIGNED_BYTE, pixels.ctypes.data_as(ctypes.c_void_p))
        gl.glTexSubImage2D(gl.GL_TEXTURE_2D, 0, *area, *data)
        gl.glBindTexture(gl.GL_TEXTURE_2D, 0)
        return texture

    def give_back(self, texture: Texture) -> None:
        """Have the texture used again for other pixels."""
        self._spare.append(texture)

    def copy(self, texture: Texture, box: Box) -> None:
        """Put the texture's pixels where `box` is, which has its size."""
        gl = self._gl
        width, height = texture.size_px
        left, bottom = box.left, self._size_px[1] - box.top - box.height
        gl.glBindFramebuffer(gl.GL_READ_FRAMEBUFFER, texture.framebuffer)
        # The texture's first row is the upper one, and the buffer's the lower one.
        target = (left, bottom + height, left + width, bottom)
        gl.glBlitFramebuffer(0, 0, width, height, *target, gl.GL_COLOR_BUFFER_BIT, gl.GL_NEAREST)
        gl.glBindFramebuffer(gl.GL_READ_FRAMEBUFFER, 0)

    def fill(self, boxes: Sequence[Box], level: int, background_level: int) -> None:
        """Fill the boxes evenly with the grey `level`; clearing goes on with the background's."""
        gl = self._gl
        gl.glEnable(gl.GL_SCISSOR_TEST)
        gl.glClearColor(*[level / 255] * 3, 1.0)
        for box in boxes:
            bottom = self._size_px[1] - box.top - box.height
            gl.glScissor(box.left, bottom, box.width, box.height)
            gl.glClear(gl.GL_COLOR_BUFFER_BIT)
        # PsychoPy leaves the test on, for the whole window.
        gl.glScissor(0, 0, *self._size_px)
        gl.glClearColor(*[background_level / 255] * 3, 1.0)

    def finish(self) -> None:
        """Return when the graphics card has done all that it was told to.

        Raises DisplayError where it could not.
        """
        self._gl.glFinish()
        error = self._gl.glGetError()
        if error:
            raise DisplayError(
                f"the graphics card failed (OpenGL error {error:#06x}): look at its memory and its "
                "driver"
            )

    def _blank_texture(self, size_px: tuple[int, int]) -> Texture:
        """Return a texture of this size, a spare one if there is any."""
        same = [spare for spare in self._spare if spare.size_px == size_px]
        if same:
            self._spare.remove(same[-1])
            return same[-1]
        texture = self._spare.pop() if self._spare else self._new_texture()
        gl = self._gl
        texture.size_px = size_px
        gl.glBindTexture(gl.GL_TEXTURE_2D, texture.name)
        kind = (gl.GL_RGB8, *size_px, 0, gl.GL_RGB, gl.GL_UNSIGNED_BYTE, None)
        gl.glTexImage2D(gl.GL_TEXTURE_2D, 0, *kind)
        gl.glBindFramebuffer(gl.GL_READ_FRAMEBUFFER, texture.framebuffer)
        where = (gl.GL_READ_FRAMEBUFFER, gl.GL_COLOR_ATTACHMENT0, gl.GL_TEXTURE_2D)
        gl.glFramebufferTexture2D(*where, texture.name, 0)
        complete = gl.glCheckFramebufferStatus(gl.GL_READ_FRAMEBUFFER)
        gl.glBindFramebuffer(gl.GL_READ_FRAMEBUFFER, 0)
        if complete != gl.GL_FRAMEBUFFER_COMPLETE:
            raise DisplayError(
                f"the graphics card takes no image of {size_px[0]} x {size_px[1]} pixels; "
                "images must be smaller than its largest texture"
            )
        return texture

    def _new_texture(self) -> Texture:
        gl = self._gl
        name, framebuffer = gl.GLuint(), gl.GLuint()
        gl.glGenTextures(1, ctypes.byref(name))
        gl.glGenFramebuffers(1, ctypes.byref(framebuffer))
        self.n_textures += 1
        gl.glBindTexture(gl.GL_TEXTURE_2D, name)
        # Without it the texture counts as incomplete, since it has no smaller copies of itself.
        gl.glTexParameteri(gl.GL_TEXTURE_2D, gl.GL_TEXTURE_MIN_FILTER, gl.GL_NEAREST)
        gl.glTexParameteri(gl.GL_TEXTURE_2D, gl.GL_TEXTURE_MAG_FILTER, gl.GL_NEAREST)
        return Texture(name.value, framebuffer.value, (0, 0))
