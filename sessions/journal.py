"""The journal of a block: facts appended as they happen, each checked when read back.

One file for each block, `journal/block-000012.nlj` in the session's folder. An entry is

    magic "NLJ1" · length of the payload (u64) · CRC-32 of the payload (u32) · payload

little endian, the payload made by `sessions.record_codec`. A process that dies leaves at most a
torn last entry, which is tolerated; damage before the end is an error that names the place.

`append` hands the bytes to the operating system, which a killed process cannot take back; `sync`
waits until the disk has them, which a power cut cannot take back. After a failed write or sync
nothing that was handed over before can be relied on, also where a later sync succeeds (a disk
forgets what it could not write): the journal refuses more until it is written anew, as a whole.
"""

from __future__ import annotations

import contextlib
import os
import struct
import threading
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sessions.errors import JournalError
from sessions.record_codec import decode, encode
from sessions.storage import sync_directory

FOLDER = "journal"
MAGIC = b"NLJ1"
_HEAD = struct.Struct("<4sQI")
_SUFFIX = ".nlj"


class Journal:
    """Writer of one block's journal; the file is made when the first entry is written.

    A journal that a former process left is gone on with. One thread appends; syncing and closing
    may be another's.
    """

    def __init__(self, session_folder: Path, block: int) -> None:
        self.path = segment_path(session_folder, block)
        self.block = block
        self.records: list[Any] = read_journal(self.path) if self.path.exists() else []
        """Everything that was appended, also where the disk did not take it."""
        self._fd: int | None = None
        self._fault: OSError | None = None
        self._syncing = threading.Lock()

    @property
    def is_spoilt(self) -> bool:
        """Whether the disk did not take something, so that it must be written anew."""
        return self._fault is not None

    def append(self, *records: Any) -> None:
        """Append records; they survive the death of this process from here on.

        Raises:
            OSError: the disk did not take them, or failed before; `rewrite` helps.

        """
        self.records += records
        with self._marking_faults():
            if self._fd is None:
                self._fd = self._open()
            _write(self._fd, records)

    def sync(self) -> None:
        """Return when everything appended so far is on disk.

        Raises:
            OSError: it is not, or not all of it was ever appended; `rewrite` helps.

        """
        with self._syncing, self._marking_faults():
            if self._fd is not None:
                os.fdatasync(self._fd)

    def rewrite(self) -> None:
        """Write everything anew, synced, in the place of the file; for after a fault."""
        draft = self.path.with_suffix(".new")
        with self._syncing:
            make_folder(self.path.parent)
            fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
            try:
                for record in list(self.records):
                    _write(fd, [record])
                os.fdatasync(fd)
                draft.replace(self.path)
                sync_directory(self.path.parent)
            except BaseException:
                os.close(fd)
                raise
            self._close()
            self._fd, self._fault = fd, None

    def close(self) -> None:
        """Close the file; it stays."""
        with self._syncing:
            self._close()

    def remove(self) -> None:
        """Close the file and remove it: what it says is in the log."""
        self.close()
        self.path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _marking_faults(self) -> Iterator[None]:
        """Let nothing more be written after a fault, and raise it again for whoever tries."""
        if self._fault is not None:
            raise OSError(self._fault.errno, self._fault.strerror, str(self.path))
        try:
            yield
        except OSError as error:
            self._fault = error
            raise

    def _open(self) -> int:
        make_folder(self.path.parent)
        fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        # What a former process left torn at the end must not stand before what follows.
        os.ftruncate(fd, sound_length(self.path))
        sync_directory(self.path.parent)
        return fd

    def _close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def _write(fd: int, records: Sequence[Any]) -> None:
    entries = memoryview(b"".join(map(_entry, records)))
    while entries:
        entries = entries[os.write(fd, entries) :]


def _entry(record: Any) -> bytes:
    payload = encode(record)
    return _HEAD.pack(MAGIC, len(payload), zlib.crc32(payload)) + payload


def make_folder(folder: Path) -> None:
    """Make the journal's folder, durably."""
    if not folder.is_dir():
        folder.mkdir(exist_ok=True)
        sync_directory(folder.parent)


def remove_empty_folder(session_folder: Path) -> None:
    """Remove the journal's folder where nothing is left in it."""
    with contextlib.suppress(OSError):
        (session_folder / FOLDER).rmdir()


def segment_path(session_folder: Path, block: int) -> Path:
    """Return the path of a block's journal."""
    return session_folder / FOLDER / f"block-{block:06d}{_SUFFIX}"


def blocks_with_journals(session_folder: Path) -> list[int]:
    """Return the blocks that have a journal, in order."""
    paths = (session_folder / FOLDER).glob(f"block-*{_SUFFIX}")
    return sorted(int(path.stem.removeprefix("block-")) for path in paths)


def read_journal(path: Path) -> list[Any]:
    """Return the records of a journal; a torn last entry is left out.

    Raises:
        JournalError: an entry before the last one is damaged.

    """
    return [decode(payload) for payload, _ in _entries(path)]


def sound_length(path: Path) -> int:
    """Return how many bytes of a journal are whole entries."""
    return max((end for _, end in _entries(path)), default=0)


def _entries(path: Path) -> Iterator[tuple[bytes, int]]:
    """Yield each payload and where its entry ends."""
    data = path.read_bytes()
    offset = 0
    while offset < len(data):
        head = data[offset : offset + _HEAD.size]
        if len(head) < _HEAD.size:
            return
        magic, length, checksum = _HEAD.unpack(head)
        end = offset + _HEAD.size + length
        payload = data[offset + _HEAD.size : end]
        sound = magic == MAGIC and len(payload) == length and zlib.crc32(payload) == checksum
        if not sound:
            # Only the last entry can be torn; nothing may follow a damaged one.
            if magic == MAGIC and end >= len(data):
                return
            raise JournalError(
                f"{path} is damaged at byte {offset}: copy the session folder before anything "
                "else, then restore this file from a backup or move it away to go on without it."
            )
        yield payload, end
        offset = end
