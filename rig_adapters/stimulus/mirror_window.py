"""A window that shows pictures and can be closed: pyglet, without anything of the experiment's.

It is the operator's, on the operator's desktop. Imported only where a window is wanted, since
pyglet needs a screen.
"""

from typing import Any

from rig_adapters.errors import DisplayError
from rig_adapters.stimulus.base import ImagePixels


class MirrorWindow:
    """A window of `size_px`."""

    def __init__(self, title: str, size_px: tuple[int, int]) -> None:
        try:
            import pyglet

            pyglet.options["shadow_window"] = False
            self._window: Any = pyglet.window.Window(*size_px, caption=title, vsync=False)
        except Exception as error:  # each window system has errors of its own
            raise DisplayError(
                f"the mirror's window cannot be opened ({type(error).__name__}: {error}): start it "
                "on a desktop, or save a picture with --save"
            ) from error
        self._image: Any = pyglet.image
        self.closed = False
        self._window.push_handlers(on_close=self._on_close)

    def show(self, picture: ImagePixels) -> None:
        """Show `picture` `(height, width, 3)`, and take in what the user did."""
        self._window.switch_to()
        self._window.dispatch_events()
        if self.closed:
            return
        height, width = picture.shape[:2]
        data = self._image.ImageData(width, height, "RGB", picture.tobytes(), pitch=-3 * width)
        data.blit(0, 0)
        self._window.flip()

    def close(self) -> None:
        """Close the window."""
        self._window.close()

    def _on_close(self) -> bool:
        self.closed = True
        return True
