"""Messages between the daemon and the process at the folders of another program's rig.

That program shows the images that it finds in one folder, and reports its responses in another, as
XDream's rigs do. There are no flips, spikes or clocks: what was shown is its word. Images come with
`LoadImages`, and are written as a block of files; see `conversation` for the order.
"""

from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from rig_adapters.wire.messages import Ids, Message, Sentence, Sha256, Value, array_of

_bytes, _bytes_check = array_of("uint8", 1)
Bytes = Annotated[npt.NDArray[np.uint8], _bytes, _bytes_check]

FileName = Annotated[str, Field(min_length=1, max_length=128)]


class OpenFolders(Message):
    """Look at both folders. `settings` is the table `[rig.settings]` of the config."""

    settings: dict[str, Any]
    first_block: int = Field(ge=0)
    """The number by which the folders will know the next block; more than 0 in a session that goes
    on, of which older blocks may still lie there."""


class WriteBlock(Message):
    """Write loaded images under these names, in the order in which they are to be shown."""

    folder_block: int = Field(ge=0)
    image_ids: Ids
    names: tuple[FileName, ...]


class WrittenImage(Value):
    """An image file as it lies in the folder; its time is by the clock of the file server."""

    name: FileName
    sha256: Sha256
    image_sha256: Sha256
    """Of the pixels that the file holds."""


class BlockWritten(Message):
    """All images lie in the folder, and the marker that says so."""

    images: tuple[WrittenImage, ...]


class ReplyArrived(Message):
    """The reply to the block, as it lies in the folder of replies; again where it changed since."""

    name: FileName
    format: Literal["mat", "h5"]
    sha256: Sha256
    modified_ns: int
    data: Bytes


class ReplyLate(Message):
    """No whole reply came in time; why, as far as the folders tell."""

    why: Sentence


class CloseBlock(Message):
    """The reply was read, or is waited for no more: take the images of the block away."""


class BlockClosed(Message):
    """The images are gone."""
