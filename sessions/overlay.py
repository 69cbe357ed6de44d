"""A file as HDF5 sees it while it is changed: what it writes stays in memory until it is done.

HDF5 cannot be trusted once a write to the disk has failed: it crashes the process later, where it
lets go of the file. So it is given this object instead of a file. It reads what is on disk, keeps
what is written as pages, and never fails; a fault of the disk is kept in `fault`. The pages are
written by whoever made it, who can meet a fault in order.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer

PAGE_BYTES = 2**16
HEAD_BYTES = 2**20
"""Read before HDF5 sees the file, since h5py crashes later where it fails to open one."""


@dataclass(frozen=True)
class Pages:
    """What was written, by the number of the page, and how long the file is then."""

    pages: Mapping[int, bytearray]
    size: int

    def write_to(self, fd: int) -> None:
        """Write them to a file that is otherwise as it was when the change was made."""
        os.ftruncate(fd, self.size)
        for number in sorted(self.pages):
            start = number * PAGE_BYTES
            rest = memoryview(self.pages[number])[: self.size - start]
            while rest:
                written = os.pwrite(fd, rest, start)
                rest, start = rest[written:], start + written


class Overlay(io.RawIOBase):
    """A seekable file: the one open at `base` (None: an empty one), with what is written on top.

    Raises OSError where the beginning of the file cannot be read.
    """

    def __init__(self, base: int | None) -> None:
        self.fault: OSError | None = None
        """What the disk answered where it could not be read."""
        self._base = base
        self._head = b"" if base is None else os.pread(base, HEAD_BYTES, 0)
        self._pages: dict[int, bytearray] = {}
        self._size = 0 if base is None else os.fstat(base).st_size
        self._position = 0

    @property
    def changes(self) -> Pages:
        """What was written so far."""
        return Pages(self._pages, self._size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As for any file."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = start + offset
        return self._position

    def readinto(self, buffer: Buffer) -> int:
        """Fill the buffer; beyond the end with zeros, as HDF5 expects of space it has taken."""
        target = memoryview(buffer).cast("B")
        done = 0
        for number, within, n_bytes in self._pieces(len(target)):
            page = self._pages.get(number)
            piece = (
                self._on_disk(number * PAGE_BYTES + within, n_bytes)
                if page is None
                else page[within : within + n_bytes]
            )
            target[done : done + n_bytes] = piece
            done += n_bytes
        self._position += done
        return done

    def write(self, data: Buffer) -> int:
        """Keep the bytes."""
        source = memoryview(data).cast("B")
        done = 0
        for number, within, n_bytes in self._pieces(len(source)):
            if number not in self._pages:
                whole = n_bytes == PAGE_BYTES
                start = number * PAGE_BYTES
                old = bytes(PAGE_BYTES) if whole else self._on_disk(start, PAGE_BYTES)
                self._pages[number] = bytearray(old)
            self._pages[number][within : within + n_bytes] = source[done : done + n_bytes]
            done += n_bytes
        self._position += done
        self._size = max(self._size, self._position)
        return done

    def truncate(self, size: int | None = None) -> int:
        """Set the length; what lies beyond is zeros when the file grows again."""
        self._size = self._position if size is None else size
        last, within = divmod(self._size, PAGE_BYTES)
        for number in [n for n in self._pages if n > last]:
            del self._pages[number]
        if last in self._pages:
            self._pages[last][within:] = bytes(PAGE_BYTES - within)
        return self._size

    def _pieces(self, n_bytes: int) -> list[tuple[int, int, int]]:
        """Split bytes from here on into (page, offset within the page, bytes)."""
        pieces, position = [], self._position
        while n_bytes > 0:
            number, within = divmod(position, PAGE_BYTES)
            size = min(n_bytes, PAGE_BYTES - within)
            pieces.append((number, within, size))
            position, n_bytes = position + size, n_bytes - size
        return pieces

    def _on_disk(self, start: int, n_bytes: int) -> bytes:
        if self._base is None:
            return bytes(n_bytes)
        if start + n_bytes <= len(self._head):
            return self._head[start : start + n_bytes]
        try:
            found = os.pread(self._base, n_bytes, start)
        except OSError as error:
            self.fault = error
            found = b""
        return found.ljust(n_bytes, b"\0")
