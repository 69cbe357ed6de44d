"""A display in virtual time: no screen, no waiting, and each frame takes exactly one refresh.

Its clock counts refreshes and stands still between blocks, so a session on it is the same each
time. It shows no pixels; what a simulated rig sees of it, the presenter tells.
"""

import platform
from collections.abc import Iterable, Sequence

from rig_adapters.errors import DisplayError
from rig_adapters.stimulus.base import ImagePixels, PlacedImage, Scene
from rig_adapters.wire.messages import ConfigureDisplay, DisplayConfigured


class VirtualDisplay:
    """Implements `Display`; never waits and never drops a frame."""

    def __init__(self) -> None:
        self.waited_s = 0.0
        self._refresh_hz = 0.0
        self._refreshes = 0
        self._image_ids: set[int] = set()
        self._ready: set[PlacedImage] = set()

    def open(self, configure: ConfigureDisplay) -> DisplayConfigured:
        """Start the virtual clock."""
        self._refresh_hz = configure.geometry.refresh_hz
        self._refreshes = round(configure.clock_start_s * self._refresh_hz)
        return DisplayConfigured(
            label="virtual time: no screen",
            waits_for_vertical_blank=False,
            measured_refresh_hz=None,
            pixels_exact=None,
            versions={"python": platform.python_version()},
        )

    def upload(self, image_id: int, image: ImagePixels) -> None:  # noqa: ARG002 - no pixels here
        """Note that the image is there."""
        self.forget([image_id])
        self._image_ids.add(image_id)

    def prepare(self, placed: PlacedImage) -> None:
        """Note that the image may be shown there."""
        if placed.image_id not in self._image_ids:
            raise DisplayError(f"image {placed.image_id} was never uploaded")
        self._ready.add(placed)

    def forget(self, image_ids: Iterable[int]) -> None:
        """Note that the images may not be shown any more."""
        gone = set(image_ids)
        self._image_ids -= gone
        self._ready = {placed for placed in self._ready if placed.image_id not in gone}

    def show(self, scene: Scene, frames: int) -> Sequence[float]:
        """Let `frames` refreshes pass; return their times in s."""
        if scene.image is not None and scene.image not in self._ready:
            raise DisplayError(f"image {scene.image.image_id} was not made ready for its place")
        first = self._refreshes + 1
        self._refreshes += frames
        # Counted, not summed up: the thousandth flip is as exact as the first.
        return [k / self._refresh_hz for k in range(first, first + frames)]

    def close(self) -> None:
        """Forget everything."""
        self._ready.clear()
        self._image_ids.clear()
