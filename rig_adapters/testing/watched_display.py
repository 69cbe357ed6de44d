"""A display that remembers what it was asked for, around any other one."""

from collections.abc import Iterable, Sequence

from rig_adapters.stimulus.base import Display, ImagePixels, PlacedImage, Scene
from rig_adapters.wire import messages as m


class WatchedDisplay:
    """Passes everything on to a display and remembers what it was asked for."""

    def __init__(self, display: Display) -> None:
        self.scenes: list[tuple[Scene, int]] = []
        """Scenes in order, each with the number of flips that it got."""
        self.flips_s: list[float] = []
        self.uploaded: set[int] = set()
        self.closed = False
        self._display = display

    @property
    def waited_s(self) -> float:
        return self._display.waited_s

    def open(self, configure: m.ConfigureDisplay) -> m.DisplayConfigured:
        return self._display.open(configure)

    def upload(self, image_id: int, image: ImagePixels) -> None:
        self.uploaded.add(image_id)
        self._display.upload(image_id, image)

    def prepare(self, placed: PlacedImage) -> None:
        self._display.prepare(placed)

    def forget(self, image_ids: Iterable[int]) -> None:
        gone = set(image_ids)
        self.uploaded -= gone
        self._display.forget(gone)

    def show(self, scene: Scene, frames: int) -> Sequence[float]:
        flips_s = self._display.show(scene, frames)
        assert 1 <= len(flips_s) <= frames
        self.flips_s.extend(flips_s)
        if self.scenes and self.scenes[-1][0] == scene:
            self.scenes[-1] = (scene, self.scenes[-1][1] + len(flips_s))
        else:
            self.scenes.append((scene, len(flips_s)))
        return flips_s

    def close(self) -> None:
        self.closed = True
        self._display.close()
