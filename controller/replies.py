"""Replies of another program's rig: kept beside the log, and read in a process of their own.

A damaged HDF5 file may hang or crash who reads it, and shall not take the session along. What is in
a reply is the business of `sessions.xdream`.
"""

import asyncio
import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rig_adapters.errors import RemoteProtocolError
from rig_adapters.wire.folders import ReplyArrived
from sessions.storage import sync_directory
from sessions.xdream import Responses, UnreadableReply, WrongReply, responses_from

FOLDER = "replies"
READING_S = 60.0
"""How long a reply may take to be read."""


class ReplyStore:
    """The replies of one session, in a folder beside its log."""

    def __init__(self, session_folder: Path) -> None:
        self._folder = session_folder / FOLDER

    async def keep(self, reply: ReplyArrived) -> Path:
        """Make a reply durable under its hash, and return where it is."""
        return await asyncio.to_thread(self._keep, reply)

    def drop(self, path: Path) -> None:
        """Forget a reply that is none."""
        path.unlink(missing_ok=True)

    async def read(self, path: Path, format: str, names: Sequence[str], channels: int) -> Responses:
        """Read the reply to the images that were shown as `names`.

        Raises UnreadableReply where HDF5 cannot open it, WrongReply where it is none to them.
        """
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "sessions.read_reply", format, str(path)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        asked = json.dumps({"names": list(names), "channels": channels}).encode()
        try:
            said, _ = await asyncio.wait_for(process.communicate(asked), READING_S)
        except TimeoutError as error:
            raise WrongReply(f"the reply could not be read in {READING_S:.0f} s") from error
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        if process.returncode != 0:
            raise UnreadableReply(
                f"whatever reads the reply has crashed on it (exit status {process.returncode})"
            )
        return responses_from(json.loads(said))

    def _keep(self, reply: ReplyArrived) -> Path:
        data = reply.data.tobytes()
        if hashlib.sha256(data).hexdigest() != reply.sha256:
            raise RemoteProtocolError(f"{reply.name} was changed on its way: our fault")
        self._folder.mkdir(exist_ok=True)
        path = self._folder / f"{reply.sha256}.{reply.format}"
        temporary = path.with_suffix(".unfinished")
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_directory(self._folder)
        return path
