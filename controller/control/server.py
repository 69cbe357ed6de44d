"""The daemon's control socket: one command in, one answer out. What they do is the daemon's.

Anybody in the session's private folder may speak, and nobody elsewhere: the socket is a file, and
an address that others could reach is refused. What is no command is answered with why, and
counted; however much of it comes, the session gets its turn after each one.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

import zmq
import zmq.asyncio

from controller.control.messages import COMMANDS, REPLIES, CommandRefused
from controller.errors import SessionRefused
from rig_adapters.errors import RemoteProtocolError
from rig_adapters.refusals import Refusals
from rig_adapters.wire.codec import Codec
from rig_adapters.wire.messages import Message

logger = logging.getLogger(__name__)

MAX_COMMAND_BYTES = 2**17
"""The longest note and little more: reading a command must not hold the session up."""
Handler = Callable[[Message], Awaitable[Message]]


class ControlServer:
    """Listens at `endpoint` and answers each command with what `handler` returns.

    SessionRefused where the endpoint is no file: whoever reaches it commands the session.
    """

    def __init__(self, context: zmq.asyncio.Context, endpoint: str, handler: Handler) -> None:
        if not endpoint.startswith("ipc:///"):
            raise SessionRefused(
                f"commands are taken only from this machine, but {endpoint} is no file: use "
                "neuroloop on the session's machine, for example over ssh"
            )
        self.refusals = Refusals("control socket")
        """What came and was no command."""
        self._commands = Codec(COMMANDS)
        self._replies = Codec(REPLIES)
        self._handler = handler
        self._socket = context.socket(zmq.ROUTER)
        self._socket.setsockopt(zmq.LINGER, 200)
        self._socket.setsockopt(zmq.MAXMSGSIZE, MAX_COMMAND_BYTES)
        self._socket.bind(endpoint)
        self._task = asyncio.create_task(self._serve(), name="control")

    async def close(self) -> None:
        """Answer no more, and write what was refused."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self._socket.close()
        self.refusals.write_total()

    async def _serve(self) -> None:
        while True:
            client, *frames = await self._socket.recv_multipart()
            try:
                command = self._commands.decode(frames)
            except RemoteProtocolError as error:
                self.refusals.add(error)
                reply: Message = CommandRefused(why=str(error))
            else:
                reply = await self._answer(command)
            await self._socket.send_multipart([client, *self._replies.encode(reply)])
            # What is there is read without waiting, and everything else has to run in between.
            await asyncio.sleep(0)

    async def _answer(self, command: Message) -> Message:
        try:
            return await self._handler(command)
        except Exception as error:
            # One command that fails must not leave the session without an ear.
            logger.exception("a command could not be carried out")
            why = f"unexpected {type(error).__name__} in {command.wire_name}: see daemon.log"
            return CommandRefused(why=why)
