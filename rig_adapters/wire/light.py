"""What a simulated rig sees of the screen, as messages from a display to it.

Light carries no ids: a simulated animal gets pixels, places and moments, as a real one does, and
the daemon has to find out which presentation was which from the sync edges alone. Pixels travel
once, when they are uploaded; the frame loop then sends only their hash. Nothing here does I/O.
"""

from typing import Literal

from rig_adapters.wire.messages import Images, Message, Sha256


class ImagesUploaded(Message):
    """The pixels `(n, h, w, 3)` that can appear from now on, under their hashes."""

    sha256s: tuple[Sha256, ...]
    images: Images


class ImagesForgotten(Message):
    """Pixels that will not appear any more."""

    sha256s: tuple[Sha256, ...]


Change = Literal[
    "fixation_on",
    "image_on",
    "image_off",
    "fixation_off",
    "patch_lit",
    "patch_dark",
    "dark_until",
]


class LightChanged(Message):
    """The screen changed at `host_time_s`.

    `image_on` carries the image's hash, place and size. `patch_lit` and `patch_dark` are all that a
    photodiode sees. `dark_until` says that nothing will change before `host_time_s` (in virtual
    time nothing else makes the clock go on).
    """

    what: Change
    host_time_s: float
    image_sha256: Sha256 | None = None
    x_deg: float = 0.0
    y_deg: float = 0.0
    size_deg: float = 0.0


LIGHT_MESSAGES: tuple[type[Message], ...] = (ImagesUploaded, ImagesForgotten, LightChanged)
