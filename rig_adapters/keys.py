"""The folder of keys by which two machines know each other: made, checked, read.

    FOLDER/NAME.key_secret   proves who this machine is; never leaves it, only its owner reads it
    FOLDER/NAME.key          its public half, to be copied to the other machine …
    FOLDER/allowed/*.key     … which keeps there whom it talks with, and talks with nobody else

The same on both sides, in the file format of pyzmq. Files are refused where another user of the
machine could read the secret or add somebody to the list. Sockets are left to `admission` and
`link`.
"""

import os
import re
import stat
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import zmq.auth
from zmq.utils import z85

from rig_adapters.errors import RigError

ALLOWED = "allowed"
PUBLIC = ".key"
SECRET = ".key_secret"  # noqa: S105 - the end of a file name
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_KEY_BYTES = 32


class KeysRefused(RigError):
    """A folder of keys that is not complete, or not safe."""


@dataclass(frozen=True)
class Keys:
    """One machine's pair, and the public keys of those that it talks with, by name."""

    folder: Path
    name: str
    public: bytes
    secret: bytes = field(repr=False)
    allowed: Mapping[str, bytes]

    @property
    def other(self) -> bytes:
        """The one public key of `connecting_keys`."""
        (key,) = self.allowed.values()
        return key


def listening_keys(folder: Path) -> Keys:
    """Read the keys of who is connected to; KeysRefused where nobody could connect, or anybody."""
    keys = read_keys(folder)
    if not keys.allowed:
        raise KeysRefused(
            f"{folder / ALLOWED} is empty, so nobody could connect: copy the file NAME{PUBLIC} of "
            "each machine that may"
        )
    return keys


def connecting_keys(folder: Path) -> Keys:
    """Read the keys of who connects, which must know exactly one other."""
    keys = read_keys(folder)
    if len(keys.allowed) != 1:
        raise KeysRefused(
            f"{folder / ALLOWED} must hold one public key, that of the machine to connect to, but "
            f"it holds {len(keys.allowed)}: keep a folder of keys for each machine"
        )
    return keys


def read_keys(folder: Path) -> Keys:
    """Read a folder of keys, the list possibly empty; KeysRefused where it is not safe."""
    folder = folder.expanduser().resolve()
    if not folder.is_dir():
        raise KeysRefused(f"there is no folder of keys {folder}: make it with neuroloop keys new")
    _refuse_writable(folder)
    secrets = sorted(folder.glob(f"*{SECRET}"))
    if len(secrets) != 1:
        raise KeysRefused(
            f"{folder} must hold one file NAME{SECRET}, but it holds {len(secrets)}: make a pair "
            "with neuroloop keys new, in a folder of its own"
        )
    mine = secrets[0]
    _refuse_readable(mine)
    public, secret = _load(mine)
    if secret is None:
        raise KeysRefused(f"{mine} holds no secret key: make a new pair with neuroloop keys new")
    name = mine.name.removesuffix(SECRET)
    return Keys(folder, name, public, secret, _read_allowed(folder / ALLOWED))


def make_keys(folder: Path, name: str) -> Path:
    """Make a pair called `name` and an empty list in `folder`; return the file to be copied."""
    if _NAME.fullmatch(name) is None:
        raise KeysRefused(f"{name!r} is no name for keys: use letters, digits, - and _")
    folder = folder.expanduser().resolve()
    before = os.umask(0o077)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _refuse_writable(folder)
        there = sorted(folder.glob(f"*{SECRET}"))
        if there:
            raise KeysRefused(
                f"{folder} holds the pair {there[0].name.removesuffix(SECRET)} already: choose "
                "another folder, or remove that pair to replace it"
            )
        (folder / ALLOWED).mkdir(exist_ok=True)
        public, _ = zmq.auth.create_certificates(folder, name)
    finally:
        os.umask(before)
    return Path(public)


def _read_allowed(folder: Path) -> dict[str, bytes]:
    if not folder.is_dir():
        return {}
    _refuse_writable(folder)
    if list(folder.glob(f"*{SECRET}")):
        raise KeysRefused(
            f"a secret key was copied to {folder}, so it is secret no more: remove it, and make a "
            "new pair on the machine that it came from"
        )
    found = {}
    for path in sorted(folder.glob(f"*{PUBLIC}")):
        _refuse_writable(path)
        public, secret = _load(path)
        if secret is not None:
            raise KeysRefused(
                f"{path} holds a secret key, which is secret no more: remove it, and make a new "
                "pair on the machine that it came from"
            )
        found[path.name.removesuffix(PUBLIC)] = public
    return found


def _load(path: Path) -> tuple[bytes, bytes | None]:
    try:
        public, secret = zmq.auth.load_certificate(path)
        for key in (public, secret):
            if key is not None and len(z85.decode(key)) != _KEY_BYTES:
                raise ValueError("a key of another length")
    except (OSError, ValueError, LookupError, struct.error) as error:
        raise KeysRefused(
            f"{path} cannot be read as a key: copy it again, or make a new pair with neuroloop "
            "keys new"
        ) from error
    return public, secret


def _refuse_readable(path: Path) -> None:
    status = _status(path)
    if status.st_mode & 0o077:
        raise KeysRefused(f"{path} can be read by others; type: chmod 600 '{path}'")


def _refuse_writable(path: Path) -> None:
    status = _status(path)
    if status.st_mode & 0o022:
        raise KeysRefused(f"{path} can be changed by others; type: chmod go-w '{path}'")


def _status(path: Path) -> os.stat_result:
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        raise KeysRefused(f"{path} is a link: put what it leads to in its place")
    if status.st_uid not in (os.geteuid(), 0):
        raise KeysRefused(f"{path} belongs to another user; type: sudo chown $USER '{path}'")
    return status
