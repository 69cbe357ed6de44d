"""Images as the daemon sends them: each is what its hash says, or none of them is shown."""

import hashlib

import numpy as np
import numpy.typing as npt

from rig_adapters.errors import DisplayError
from rig_adapters.wire.messages import LoadImages


def image_sha256(image: npt.NDArray[np.uint8]) -> str:
    """Return the SHA-256 (hex) of the bytes of `image` `(h, w, 3)` in C order."""
    return hashlib.sha256(image.data.cast("B")).hexdigest()


def require_images(message: LoadImages) -> None:
    """Refuse what are no images, or not each with an id and a hash of its own: DisplayError."""
    image_ids = message.image_ids.tolist()
    if not len(image_ids) == len(message.sha256s) == len(message.images):
        raise DisplayError(
            f"the daemon sent {len(message.images)} images with {len(image_ids)} ids and "
            f"{len(message.sha256s)} hashes; this is a fault in the daemon"
        )
    if len(set(image_ids)) != len(image_ids):
        raise DisplayError(
            "the daemon sent two images with the same id in one message; "
            "this is a fault in the daemon"
        )
    if image_ids and (message.images.shape[3] != 3 or min(message.images.shape[1:3]) < 2):
        raise DisplayError(
            f"images of shape {message.images.shape[1:]} cannot be shown; "
            "the daemon has to send (height, width, 3), at least two pixels each way"
        )


def require_as_sent(message: LoadImages) -> None:
    """Refuse images that were changed on their way, or are none, with DisplayError."""
    require_images(message)
    rows = zip(message.image_ids.tolist(), message.sha256s, message.images, strict=True)
    for image_id, sha256, image in rows:
        if image_sha256(image) != sha256:
            raise DisplayError(
                f"image {image_id} does not match its SHA-256, so it was changed on its way; "
                "it was not shown, and the session has to be started again"
            )
