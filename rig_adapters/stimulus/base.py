"""The role of a display, and what it shows: one scene at a time.

A display shows frames and says when they appeared. Trials, blocks and messages are the presenter's
business, and what happened to a presentation is worked out there, the same for every display.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from rig_adapters.wire.messages import ConfigureDisplay, DisplayConfigured, Message

ImagePixels = npt.NDArray[np.uint8]
"""`(h, w, 3)` RGB, row 0 at the top."""


@dataclass(frozen=True, slots=True)
class PlacedImage:
    """An uploaded image at a place: degrees right and up of the middle of the screen."""

    image_id: int
    x_deg: float
    y_deg: float
    size_deg: float


@dataclass(frozen=True, slots=True)
class Scene:
    """What stands on the background: the fixation spot, over at most one image; and the patch."""

    fixation: bool
    image: PlacedImage | None
    patch_lit: bool = False
    """Whether the patch for the photodiode is white, where there is one."""


BLANK = Scene(fixation=False, image=None)


class Display(Protocol):
    """Something that shows scenes, at a fixed refresh rate."""

    @property
    def waited_s(self) -> float:
        """Wall-clock seconds spent waiting for the screen since it was opened."""
        ...

    def open(self, configure: ConfigureDisplay) -> DisplayConfigured:
        """Open the screen, blank, and say what it turned out to be.

        Raises DisplayError where it is not the screen that was asked for.
        """
        ...

    def upload(self, image_id: int, image: ImagePixels) -> None:
        """Take `image` `(h, w, 3)`; an older one with this id is replaced."""
        ...

    def prepare(self, placed: PlacedImage) -> None:
        """Make an uploaded image ready to be shown at this place without delay.

        Does nothing where it is ready.
        """
        ...

    def forget(self, image_ids: Iterable[int]) -> None:
        """Free what was uploaded under these ids."""
        ...

    def show(self, scene: Scene, frames: int) -> Sequence[float]:
        """Show `scene` from the next refresh on; return the times in s of the flips that were made.

        At least one flip and at most `frames`. A display that waits for its screen makes one, so
        that its caller can listen in between; one in virtual time makes them all at once.
        """
        ...

    def close(self) -> None:
        """Give the screen back, whether or not it was opened completely."""
        ...


class Wire(Protocol):
    """The part of a `Listener` that the presenter uses."""

    def receive(self, timeout_s: float) -> Message | None:
        """Return the daemon's next message, or None after `timeout_s` without one."""
        ...

    def send(self, message: Message) -> None:
        """Send `message` to the daemon."""
        ...
