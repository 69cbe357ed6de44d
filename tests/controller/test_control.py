"""The control socket: every command gets an answer, and no message can silence the daemon."""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import zmq
import zmq.asyncio

from controller.control import messages as c
from controller.control.client import ControlClient
from controller.control.server import MAX_COMMAND_BYTES, ControlServer
from controller.errors import ControlError, SessionRefused
from rig_adapters.wire.codec import TAG, Codec
from rig_adapters.wire.messages import Message, Ping

from .conftest import run_clean

COMMANDS, REPLIES = Codec(c.COMMANDS), Codec(c.REPLIES)
STATUS = c.SessionStatus(
    session_id="demo-1",
    state="running",
    label="",
    folder="/runs/demo-1",
    block=2,
    max_generations=16,
    elapsed_s=10.0,
    eta_s=None,
    images_per_s=None,
    presentations_done=0,
    presentations_planned=50,
    outcomes={"completed": 100},
    threads=(),
    message="",
)


async def daemon(command: Message) -> Message:
    """Answer as a daemon that is not paused."""
    if isinstance(command, c.GetStatus):
        return c.StatusReported(status=STATUS)
    if isinstance(command, c.Resume):
        return c.CommandRefused(why="a session that is running cannot resume")
    if isinstance(command, c.AddNote):
        raise ZeroDivisionError("a mistake in the daemon")
    return c.CommandAccepted(what="the session pauses")


@pytest.fixture
def endpoint(tmp_path: Path) -> str:
    return f"ipc://{tmp_path / 'control'}"


@asynccontextmanager
async def serving(
    endpoint: str, handler: Callable[[Message], Awaitable[Message]] = daemon
) -> AsyncIterator[zmq.asyncio.Socket]:
    """Serve, and give a bare socket that is connected."""
    context = zmq.asyncio.Context()
    server = ControlServer(context, endpoint, handler)
    socket = context.socket(zmq.DEALER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.connect(endpoint)
    try:
        yield socket
    finally:
        await server.close()
        socket.close()
        context.destroy(linger=0)


async def ask(socket: zmq.asyncio.Socket, *frames: bytes | memoryview) -> Message:
    await socket.send_multipart(frames)
    return REPLIES.decode(await asyncio.wait_for(socket.recv_multipart(), 10))


def test_commands_are_answered_one_by_one(endpoint: str) -> None:
    def talk() -> tuple[c.SessionStatus, Message]:
        with ControlClient(endpoint, deadline_s=10) as client:
            return client.status(), client.request(c.Pause())

    async def scene() -> tuple[c.SessionStatus, Message]:
        async with serving(endpoint):
            return await asyncio.to_thread(talk)

    assert run_clean(scene()) == (STATUS, c.CommandAccepted(what="the session pauses"))


def test_a_refusal_is_raised_as_the_daemon_said_it(endpoint: str) -> None:
    def talk() -> None:
        with ControlClient(endpoint, deadline_s=10) as client:
            client.request(c.Resume())

    async def scene() -> None:
        async with serving(endpoint):
            with pytest.raises(ControlError, match=r"^a session that is running cannot resume$"):
                await asyncio.to_thread(talk)

    run_clean(scene())


@pytest.mark.parametrize(
    ("frames", "why"),
    [
        ([b"hello"], f"not a {TAG.decode()} message"),
        ([b"neuroloop/0", b"{}"], f"not a {TAG.decode()} message"),
        (Codec([Ping]).encode(Ping(token=1)), "unknown message type 'Ping'"),
        (REPLIES.encode(c.CommandAccepted(what="x")), "unknown message type 'CommandAccepted'"),
        ([TAG, b"{"], "header is not JSON"),
        ([TAG, b'{"type": "Pause", "body": {"x": 1}, "arrays": []}'], "Pause.x"),
    ],
)
def test_what_is_no_command_is_refused_and_logged_and_the_next_one_is_heard(
    endpoint: str, caplog: pytest.LogCaptureFixture, frames: list[bytes], why: str
) -> None:
    async def scene() -> tuple[Message, Message]:
        async with serving(endpoint) as socket:
            return await ask(socket, *frames), await ask(socket, *COMMANDS.encode(c.Pause()))

    with caplog.at_level(logging.WARNING):
        refused, then = run_clean(scene())

    assert isinstance(refused, c.CommandRefused)
    assert why in refused.why
    assert isinstance(then, c.CommandAccepted)
    assert any("control socket refused a message" in record.message for record in caplog.records)


def test_a_handler_that_fails_leaves_the_daemon_listening(
    endpoint: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene() -> tuple[Message, Message]:
        async with serving(endpoint) as socket:
            failed = await ask(socket, *COMMANDS.encode(c.AddNote(text="x")))
            return failed, await ask(socket, *COMMANDS.encode(c.Pause()))

    failed, then = run_clean(scene())

    assert failed == c.CommandRefused(why="unexpected ZeroDivisionError in AddNote: see daemon.log")
    assert isinstance(then, c.CommandAccepted)
    assert "a mistake in the daemon" in caplog.text


def test_an_oversize_message_costs_its_sender_the_connection_and_nobody_else(
    endpoint: str,
) -> None:
    async def scene() -> Message:
        async with serving(endpoint) as socket:
            other = socket.context.socket(zmq.DEALER)
            other.setsockopt(zmq.LINGER, 0)
            other.connect(endpoint)
            await other.send_multipart([TAG, b"x" * (MAX_COMMAND_BYTES + 1)])
            reply = await ask(socket, *COMMANDS.encode(c.Pause()))
            assert not await other.poll(0)
            other.close()
            return reply

    assert isinstance(run_clean(scene()), c.CommandAccepted)


def test_a_client_that_goes_away_before_its_answer_bothers_nobody(endpoint: str) -> None:
    heard, gone = asyncio.Event(), asyncio.Event()

    async def slow(command: Message) -> Message:
        if isinstance(command, c.Stop):
            heard.set()
            await gone.wait()
        return await daemon(command)

    async def scene() -> Message:
        async with serving(endpoint, slow) as socket:
            other = socket.context.socket(zmq.DEALER)
            other.connect(endpoint)
            await other.send_multipart(COMMANDS.encode(c.Stop()))
            await asyncio.wait_for(heard.wait(), 10)
            other.close(linger=0)
            gone.set()
            return await ask(socket, *COMMANDS.encode(c.Pause()))

    assert isinstance(run_clean(scene()), c.CommandAccepted)


def test_silence_is_an_error_that_says_where_to_look(endpoint: str) -> None:
    with (
        ControlClient(endpoint, deadline_s=0.05) as client,
        pytest.raises(ControlError) as refused,
    ):
        client.request(c.Stop())

    assert str(refused.value) == (
        "the session did not answer Stop within 0.05 s; look at daemon.log in its folder"
    )


def test_a_late_answer_is_not_taken_for_that_to_the_next_command(endpoint: str) -> None:
    go_on = threading.Event()

    async def slow(command: Message) -> Message:
        if isinstance(command, c.GetStatus):
            await asyncio.to_thread(go_on.wait, 10)
        return await daemon(command)

    def talk() -> Message:
        with ControlClient(endpoint, deadline_s=0.05) as client:
            with pytest.raises(ControlError, match="did not answer GetStatus"):
                client.status()
            client._deadline_ms = 10_000
            go_on.set()
            return client.request(c.Pause())

    async def scene() -> Message:
        async with serving(endpoint, slow):
            return await asyncio.to_thread(talk)

    assert run_clean(scene()) == c.CommandAccepted(what="the session pauses")


def test_another_program_at_the_socket_is_an_error_too(endpoint: str) -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    router = context.socket(zmq.ROUTER)
    router.bind(endpoint)

    def answer() -> None:
        client, *_ = router.recv_multipart()
        router.send_multipart([client, b"HTTP/1.1 400"])

    other = threading.Thread(target=answer)
    other.start()
    try:
        with (
            ControlClient(endpoint, deadline_s=10) as client,
            pytest.raises(ControlError, match="no answer that can be understood"),
        ):
            client.status()
    finally:
        other.join()
        router.close(linger=0)
        context.term()


def test_an_answer_of_another_kind_is_an_error(endpoint: str) -> None:
    async def confused(_command: Message) -> Message:
        return c.CommandAccepted(what="x")

    def talk() -> None:
        with ControlClient(endpoint, deadline_s=10) as client:
            client.status()

    async def scene() -> None:
        async with serving(endpoint, confused):
            with pytest.raises(ControlError, match="answered CommandAccepted to GetStatus"):
                await asyncio.to_thread(talk)

    run_clean(scene())


def test_a_flood_of_commands_leaves_the_session_its_turns(endpoint: str) -> None:
    handled = []

    async def counting(command: Message) -> Message:
        handled.append(command)
        return await daemon(command)

    async def scene() -> None:
        async with serving(endpoint, counting) as socket:
            await ask(socket, *COMMANDS.encode(c.Pause()))
            for _ in range(300):
                await socket.send_multipart(COMMANDS.encode(c.GetStatus()))
            handled.clear()
            # Long enough for all of them to be there; the loop is held up meanwhile.
            time.sleep(0.3)
            for _ in range(5):
                await asyncio.sleep(0)
            assert len(handled) <= 10
            for _ in range(300):
                await asyncio.wait_for(socket.recv_multipart(), 10)
            assert len(handled) == 300

    run_clean(scene())


def test_an_answer_that_nobody_asked_for_is_not_taken_for_the_next_one(endpoint: str) -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    router = context.socket(zmq.ROUTER)
    router.bind(endpoint)

    def answer() -> None:
        for what in ("first", "second"):
            client, *_ = router.recv_multipart()
            for _ in range(2):
                router.send_multipart([client, *REPLIES.encode(c.CommandAccepted(what=what))])

    other = threading.Thread(target=answer)
    other.start()
    try:
        with ControlClient(endpoint, deadline_s=10) as client:
            assert client.request(c.Pause()) == c.CommandAccepted(what="first")
            assert client._socket.poll(5000)
            assert client.request(c.Pause()) == c.CommandAccepted(what="second")
    finally:
        other.join()
        router.close(linger=0)
        context.term()


@pytest.mark.parametrize(
    "endpoint",
    [
        "tcp://127.0.0.1:5555",
        "tcp://localhost:*",
        "tcp://[::1]:5555",
        "tcp://*:5555",
        "tcp://0.0.0.0:5555",
        "tcp://192.0.2.7:5555",
        "tcp://eth0:5555",
        "tcp://rig-pc:5555",
        "ipc://@control",
        "ipc://*",
        "ipc://control",
        "ws://127.0.0.1:5555",
        "",
    ],
)
def test_commands_are_taken_at_a_file_only(endpoint: str) -> None:
    async def scene() -> None:
        context = zmq.asyncio.Context()
        try:
            with pytest.raises(SessionRefused, match="commands are taken only from this machine"):
                ControlServer(context, endpoint, accept)
        finally:
            context.term()

    async def accept(_command: Message) -> Message:
        return c.CommandAccepted(what="no")

    run_clean(scene())
