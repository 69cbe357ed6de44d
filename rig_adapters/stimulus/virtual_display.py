"""A display in virtual time: no screen, no waiting, and each frame takes exactly one refresh.

Its clock counts refreshes and stands still between blocks, so a session on it is the same each
time. It shows no pixels; what a simulated rig sees of it, the presenter tells.
"""

import platform
from collections.abc import Iterable, Sequence

from rig_adapters.errors import DisplayError
from rig_adapters.stimulus.base import ImagePixels, Scene
from rig_adapters.wire.messages import ConfigureDisplay, DisplayConfigured


class VirtualDisplay:
    """Implements `Display`; never waits and never drops a frame."""

    def __init__(self) -> None:
        self.waited_s = 0.0
        self._refresh_hz = 0.0
        self._refreshes = 0
        self._image_ids: set[int] = set()

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
        """Note that the image may be shown."""
        self._image_ids.add(image_id)

    def forget(self, image_ids: Iterable[int]) -> None:
        """Note that the images may not be shown any more."""
        self._image_ids.difference_update(image_ids)

    def show(self, scene: Scene, frames: int) -> Sequence[float]:
        """Let `frames` refreshes pass; return their times in s."""
        if scene.image is not None and scene.image.image_id not in self._image_ids:
            raise DisplayError(f"image {scene.image.image_id} was never uploaded")
        first = self._refreshes + 1
        self._refreshes += frames
        # Counted, not summed up: the thousandth flip is as exact as the first.
        return [k / self._refresh_hz for k in range(first, first + frames)]

    def close(self) -> None:
        """Forget everything."""
        self._image_ids.clear()
