"""The images that can be shown now: checked against their hashes, uploaded, forgotten in time.

Images live for one block (until images for the next one come) or, when kept, for the session.
"""

from rig_adapters.sent_images import require_as_sent, require_images
from rig_adapters.stimulus.base import Display, PlacedImage
from rig_adapters.stimulus.shine import Shine
from rig_adapters.wire.messages import LoadImages


class LoadedImages:
    """Which images are uploaded, under which hash.

    `sent`: they come from another process, so that they may have been changed on their way.
    """

    def __init__(self, display: Display, shine: Shine, *, sent: bool = True) -> None:
        self._display = display
        self._shine = shine
        self._sha256s: dict[int, str] = {}
        self._of_block: set[int] = set()
        self._block_was_shown = False
        self._sent = sent

    def load(self, message: LoadImages) -> None:
        """Check and upload the images of `message`.

        The first images for a new block make those of the last one be forgotten. Raises
        DisplayError, before anything is uploaded, where an image is not what its hash says.
        """
        image_ids = [int(image_id) for image_id in message.image_ids]
        require = require_as_sent if self._sent else require_images
        require(message)
        outdated = self._sha256s.keys() & set(image_ids)
        if not message.keep and self._block_was_shown:
            outdated |= self._of_block
            self._block_was_shown = False
        self._forget(outdated)
        for image_id, image in zip(image_ids, message.images, strict=True):
            self._display.upload(image_id, image)
            for place in message.places:
                placed = PlacedImage(image_id, place.x_deg, place.y_deg, place.size_deg)
                self._display.prepare(placed)
        self._sha256s.update(zip(image_ids, message.sha256s, strict=True))
        if not message.keep:
            self._of_block.update(image_ids)
        self._shine.uploaded(message.sha256s, message.images)

    def sha256(self, image_id: int) -> str | None:
        """Return the hash of an uploaded image, or None where there is none with this id."""
        return self._sha256s.get(image_id)

    def block_begins(self) -> None:
        """Note that from now on, new images are images for another block."""
        self._block_was_shown = True

    def _forget(self, image_ids: set[int]) -> None:
        gone = [self._sha256s.pop(image_id) for image_id in image_ids]
        self._of_block -= image_ids
        self._display.forget(image_ids)
        self._shine.forgotten(set(gone) - set(self._sha256s.values()))
