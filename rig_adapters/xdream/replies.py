"""Waits for the reply to a block: one file, whole, new, and in time.

Rigs write replies where they lie, for as long as that takes; so a file is read when neither its
size nor its time has changed for a while. Whether HDF5 can open it is found out by whoever reads
it: one that cannot be opened yet may be waited for again. Reads no clock; is told the time.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rig_adapters.xdream.names import (
    REPLY_FORMATS,
    FolderError,
    ReplyFormat,
    block_of_reply,
    reply_name,
)

MOST_BYTES = 256 * 2**20
_HDF5 = b"\x89HDF\r\n\x1a\n"
_SIGNATURE_AT = (0, 512)
"""MATLAB has a block of its own before it."""


class ReplyLate(FolderError):
    """No whole reply came before the deadline."""


@dataclass(frozen=True)
class Reply:
    """A reply as it lies on disk."""

    block: int
    name: str
    format: ReplyFormat
    data: bytes
    sha256: str
    mtime_ns: int


@dataclass(frozen=True)
class _Look:
    """What a file looked like, and since when."""

    n_bytes: int
    mtime_ns: int
    inode: int
    since_s: float

    def same_file(self, other: "_Look") -> bool:
        mine, others = ((look.n_bytes, look.mtime_ns, look.inode) for look in (self, other))
        return mine == others


class ReplyWatch:
    """Looks for the reply to one block.

    settled_s: for how long a file must not have changed. deadline_s: until when it must be there,
    on the clock of `look`. Made before the block is written: what is there by then is no reply.
    """

    def __init__(self, folder: Path, block: int, settled_s: float) -> None:
        self._folder = folder
        self._block = block
        self._settled_s = settled_s
        self._looks: Mapping[ReplyFormat, _Look] = {}
        self._handed_over: _Look | None = None
        old = [name for name in self._names().values() if (folder / name).exists()]
        if old:
            raise FolderError(
                f"{folder / old[0]} is there before block {block} was shown: it is of another "
                "session; move it away"
            )

    def look(self, now_s: float, deadline_s: float) -> Reply | None:
        """Return the reply once it has settled; None while it has not.

        Raises ReplyLate after the deadline, FolderError where the reply is not one.
        """
        looks = {
            format: look
            for format, name in self._names().items()
            if (look := self._look_at(name, now_s)) is not None
        }
        if len(looks) > 1:
            raise FolderError(
                f"block {self._block} has two replies in {self._folder}, "
                f"{' and '.join(self._names().values())}: let the rig write one"
            )
        self._looks = {
            format: last if (last := self._looks.get(format)) and last.same_file(look) else look
            for format, look in looks.items()
        }
        for format, look in self._looks.items():
            settled = now_s - look.since_s >= self._settled_s
            if settled and look.n_bytes and look != self._handed_over:
                reply = self._read(format, look)
                if reply is not None:
                    return reply
        if now_s > deadline_s:
            raise ReplyLate(self._why_late())
        return None

    def handed_over(self) -> None:
        """Take note that the reply was handed over: if it could not be opened, it will change."""
        self._handed_over = next(iter(self._looks.values()), None)

    def strays(self) -> list[str]:
        """Return replies to later blocks: the rig counts otherwise than this session."""
        found = [(block_of_reply(each.name), each.name) for each in self._folder.iterdir()]
        return sorted(name for block, name in found if block is not None and block > self._block)

    def _names(self) -> dict[ReplyFormat, str]:
        return {format: reply_name(self._block, format) for format in REPLY_FORMATS}

    def _look_at(self, name: str, now_s: float) -> _Look | None:
        try:
            status = (self._folder / name).stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise FolderError(
                f"{self._folder / name} cannot be looked at: {error.strerror}; see whether the "
                "folder of replies is still connected"
            ) from error
        return _Look(status.st_size, status.st_mtime_ns, status.st_ino, now_s)

    def _read(self, format: ReplyFormat, look: _Look) -> Reply | None:
        name = reply_name(self._block, format)
        if look.n_bytes > MOST_BYTES:
            raise FolderError(f"{name} has {look.n_bytes} bytes, and no reply has so many")
        try:
            data = (self._folder / name).read_bytes()
        except OSError:
            # Whoever writes it may keep it locked; the deadline ends that.
            return None
        after = self._look_at(name, look.since_s)
        if after is None or not after.same_file(look) or len(data) != look.n_bytes:
            return None
        if not any(data[at : at + len(_HDF5)] == _HDF5 for at in _SIGNATURE_AT):
            raise FolderError(f"{name} is no HDF5: save it in MATLAB with '-v7.3', or as .h5")
        digest = hashlib.sha256(data).hexdigest()
        return Reply(self._block, name, format, data, digest, look.mtime_ns)

    def _why_late(self) -> str:
        names = " or ".join(self._names().values())
        if self._handed_over is not None:
            what = "a reply came, but HDF5 cannot open it, as where it was cut off"
        elif self._looks:
            what = "a reply came, but was empty or still changing"
        elif strays := self.strays():
            what = f"but {strays[0]} is there, so the rig counts blocks otherwise"
        else:
            what = "see that the rig runs and writes there"
        return f"no {names} came to {self._folder} in time: {what}"
