"""The daemon's end of the wire: answers within deadlines, and one reason why a peer was lost."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import pytest
import zmq
import zmq.asyncio

from rig_adapters.endpoints import EndpointRefused
from rig_adapters.errors import (
    LocalProtocolError,
    PeerFaulted,
    PeerLost,
    RemoteProtocolError,
    RigTimeout,
)
from rig_adapters.keys import Keys, connecting_keys, listening_keys
from rig_adapters.link import Heartbeat, Link
from rig_adapters.listener import Listener
from rig_adapters.socket_link import SocketLink
from rig_adapters.testing.acquaintance import acquainted, introduce, made
from rig_adapters.wire import messages as m
from rig_adapters.wire.codec import Codec
from rig_adapters.wire.conversation import RIG

CODEC = Codec(RIG.vocabulary)
CONFIGURE = m.ConfigureRig(settings={}, seed=0, time="real", light_endpoint=None)
CONFIGURED = m.RigConfigured(
    adapter="x",
    simulated=True,
    sample_rate_hz=1.0,
    units=(),
    capabilities=frozenset(),
    versions={},
)


class Peer:
    """A bare ROUTER that does what the test says, right or wrong."""

    def __init__(self, socket: zmq.asyncio.Socket) -> None:
        self.socket = socket
        self.daemon = b""

    async def hear(self) -> m.Message:
        self.daemon, *frames = await asyncio.wait_for(self.socket.recv_multipart(), 5)
        return CODEC.decode(frames)

    async def say(self, message: m.Message) -> None:
        await self.socket.send_multipart([self.daemon, *CODEC.encode(message)])


@asynccontextmanager
async def connected(folder: Path, heartbeat: Heartbeat) -> AsyncIterator[tuple[Link, Peer]]:
    context = zmq.asyncio.Context()
    socket = context.socket(zmq.ROUTER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.bind(f"ipc://{folder / 'peer'}")
    link = SocketLink(context, f"ipc://{folder / 'peer'}", RIG, heartbeat)
    link.start()
    try:
        await link.send(CONFIGURE)
        peer = Peer(socket)
        assert await peer.hear() == CONFIGURE
        yield link, peer
    finally:
        await link.close()
        socket.close()
        context.term()


Scene = Callable[[Link, Peer], Awaitable[None]]


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., None]:
    """Run a scene between a link that has sent its configuration and a peer that has heard it."""

    def run(scene: Scene, heartbeat: Heartbeat = Heartbeat()) -> None:  # noqa: B008 (it is frozen)
        async def whole() -> None:
            async with connected(tmp_path, heartbeat) as (link, peer):
                await scene(link, peer)

        asyncio.run(whole())

    return run


def test_an_answer_is_given_to_who_expects_it(play: Callable[..., None]) -> None:
    async def scene(link: Link, peer: Peer) -> None:
        await peer.say(m.Pong(token=1, host_time_s=0.0))
        await peer.say(CONFIGURED)
        assert await link.expect(m.RigConfigured, 5.0) == CONFIGURED
        assert link.conversation.state == "ready"

    play(scene)


def test_an_answer_that_does_not_come_ends_the_waiting_but_not_the_peer(
    play: Callable[..., None],
) -> None:
    async def scene(link: Link, peer: Peer) -> None:
        with pytest.raises(RigTimeout, match="sent nothing"):
            await link.receive(0.02)
        await peer.say(CONFIGURED)
        assert await link.receive(5.0) == CONFIGURED

    play(scene)


def test_a_fault_carries_its_sentence_and_advice_to_the_waiting_caller(
    play: Callable[..., None],
) -> None:
    async def scene(link: Link, peer: Peer) -> None:
        await peer.say(m.Faulted(what="the amplifier is off", advice="switch it on"))
        with pytest.raises(PeerFaulted, match=r"the amplifier is off \(switch it on\)"):
            await link.receive(5.0)
        with pytest.raises(PeerFaulted):
            await link.send(m.Shutdown())

    play(scene)


def test_a_report_out_of_order_loses_the_peer(play: Callable[..., None]) -> None:
    async def scene(link: Link, peer: Peer) -> None:
        await peer.say(m.RecordingStopped(last_sequence=1))
        with pytest.raises(RemoteProtocolError, match="RecordingStopped must not come"):
            await link.receive(5.0)

    play(scene)


def test_noise_from_the_peer_loses_it(play: Callable[..., None]) -> None:
    async def scene(link: Link, peer: Peer) -> None:
        await peer.socket.send_multipart([peer.daemon, b"noise"])
        with pytest.raises(RemoteProtocolError, match="another program or version"):
            await link.receive(5.0)

    play(scene)


def test_a_command_out_of_order_is_not_sent(play: Callable[..., None]) -> None:
    async def scene(link: Link, peer: Peer) -> None:
        with pytest.raises(LocalProtocolError, match="StartRecording"):
            await link.send(m.StartRecording())
        await link.send(m.Shutdown())
        assert await peer.hear() == m.Shutdown()

    play(scene)


def test_a_peer_that_answers_no_ping_is_lost(play: Callable[..., None]) -> None:
    async def scene(link: Link, peer: Peer) -> None:
        link.watch()
        assert isinstance(await peer.hear(), m.Ping)
        with pytest.raises(PeerLost, match="no sign of life"):
            await link.receive(5.0)
        assert link.failed.is_set()

    play(scene, Heartbeat(interval_s=0.02, liveness=3))


def test_what_came_before_the_end_can_still_be_read(play: Callable[..., None]) -> None:
    async def scene(link: Link, peer: Peer) -> None:
        await peer.say(CONFIGURED)
        await peer.say(m.Faulted(what="and then it broke"))
        await asyncio.wait_for(link.failed.wait(), 5.0)
        assert await link.receive(0.0) == CONFIGURED
        with pytest.raises(PeerFaulted, match="and then it broke"):
            await link.receive(0.0)

    play(scene)


def test_the_first_reason_stays(play: Callable[..., None]) -> None:
    async def scene(link: Link, _peer: Peer) -> None:
        link.fail(PeerLost("its process ended"))
        link.fail(RigTimeout("too late"))
        with pytest.raises(PeerLost, match="its process ended"):
            await link.receive(1.0)

    play(scene)


ONE_SIDED = "(one side uses keys and the other does not|both sides use keys or neither does)"
"""Who hangs up first differs from time to time."""


@asynccontextmanager
async def linked(endpoint: str, keys: Keys | None = None) -> AsyncIterator[SocketLink]:
    """Have a link that listens but was not answered yet, until the block ends."""
    context = zmq.asyncio.Context()
    link = SocketLink(context, endpoint, RIG, Heartbeat(), keys)
    link.start()
    try:
        yield link
    finally:
        await link.close()
        context.term()


def reaching(
    endpoint: str, keys: Keys | None = None, timeout_s: float = 60.0
) -> Callable[[], Awaitable[Link]]:
    async def scene() -> Link:
        async with linked(endpoint, keys) as link:
            await link.reach(timeout_s)
        return link

    return scene


@contextmanager
def listening(keys: Keys | None = None, endpoint: str = "tcp://127.0.0.1:*") -> Iterator[Listener]:
    """Listen on loopback in a thread, until the block ends."""
    over = threading.Event()
    with Listener(endpoint, RIG, 1e6, keys) as listener:

        def listen() -> None:
            while not over.is_set():
                listener.receive(0.01)

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield listener
        finally:
            over.set()
            thread.join()


def test_a_peer_that_is_there_is_reached_and_its_clock_is_this_one(tmp_path: Path) -> None:
    rig, daemon = acquainted(tmp_path)
    with listening(listening_keys(rig)) as listener:
        link = asyncio.run(reaching(listener.endpoint, connecting_keys(daemon))())
    assert link.clock.here(3.25) == (3.25, 0.0)
    assert link.failure is None


def test_a_peer_that_did_not_hear_the_first_ping_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rig_adapters.socket_link._ASK_AGAIN_S", 0.0)

    async def scene() -> None:
        context = zmq.asyncio.Context()
        router = context.socket(zmq.ROUTER)
        router.bind(f"ipc://{tmp_path / 'peer'}")
        link = SocketLink(context, f"ipc://{tmp_path / 'peer'}", RIG, Heartbeat())
        link.start()

        async def answer() -> None:
            await router.recv_multipart()
            while True:
                daemon, *frames = await router.recv_multipart()
                ping = CODEC.decode(frames)
                assert isinstance(ping, m.Ping)
                pong = m.Pong(token=ping.token, host_time_s=time.monotonic())
                await router.send_multipart([daemon, *CODEC.encode(pong)])

        answering = asyncio.create_task(answer())
        try:
            await link.reach(60.0)
        finally:
            answering.cancel()
            await link.close()
            router.close(linger=0)
            context.term()

    asyncio.run(scene())


def test_a_peer_with_another_clock_is_read_through_its_answers(tmp_path: Path) -> None:
    async def scene() -> tuple[float, float]:
        context = zmq.asyncio.Context()
        router = context.socket(zmq.ROUTER)
        router.bind(f"ipc://{tmp_path / 'peer'}")
        link = SocketLink(context, f"ipc://{tmp_path / 'peer'}", RIG, Heartbeat())
        link.start()

        async def answer() -> None:
            while True:
                daemon, *frames = await router.recv_multipart()
                ping = CODEC.decode(frames)
                assert isinstance(ping, m.Ping)
                pong = m.Pong(token=ping.token, host_time_s=time.monotonic() - 5000.0)
                await router.send_multipart([daemon, *CODEC.encode(pong)])

        answering = asyncio.create_task(answer())
        try:
            await link.reach(60.0)
            now_s = time.monotonic()
            here_s, uncertainty_s = link.clock.here(now_s - 5000.0)
        finally:
            answering.cancel()
            await link.close()
            router.close(linger=0)
            context.term()
        return here_s - now_s, uncertainty_s

    error_s, uncertainty_s = asyncio.run(scene())
    assert uncertainty_s > 0
    assert abs(error_s) <= uncertainty_s


def test_why_a_peer_is_not_reached_is_said_in_one_sentence(tmp_path: Path) -> None:
    rig, daemon = acquainted(tmp_path)
    stranger = made(tmp_path, "stranger")
    introduce(rig, stranger)
    mistaken = made(tmp_path, "mistaken")
    introduce(stranger, mistaken)
    introduce(mistaken, rig)
    with listening(listening_keys(rig)) as listener:
        where = listener.endpoint
        with pytest.raises(PeerLost, match=r"refuses the key stranger .*; copy .*stranger\.key"):
            asyncio.run(reaching(where, connecting_keys(stranger))())
        with pytest.raises(PeerLost, match=r"breaks off every connection; .* the key in /"):
            asyncio.run(reaching(where, connecting_keys(mistaken))())
        with pytest.raises(PeerLost, match=ONE_SIDED):
            asyncio.run(reaching(where)())
        assert listener.conversation.state == "connected"
    with pytest.raises(PeerLost, match=f"no rig adapter answers at {where}: nothing is there"):
        asyncio.run(reaching(where, connecting_keys(daemon), timeout_s=0.2)())
    with (
        listening() as listener,
        pytest.raises(PeerLost, match=ONE_SIDED),
    ):
        asyncio.run(reaching(listener.endpoint, connecting_keys(daemon))())


def test_a_machine_too_busy_to_ask_before_it_is_refused_still_says_why(tmp_path: Path) -> None:
    """ZeroMQ has given the connection up by then, and a plain send would wait for ever."""
    rig, _ = acquainted(tmp_path)
    stranger = made(tmp_path, "stranger")
    introduce(rig, stranger)

    async def late(where: str) -> None:
        async with linked(where, connecting_keys(stranger)) as link:
            await given_up(link)
            await link.reach(60.0)

    with (
        listening(listening_keys(rig)) as listener,
        pytest.raises(PeerLost, match=r"refuses the key stranger "),
    ):
        asyncio.run(late(listener.endpoint))


def test_a_peer_that_comes_back_without_its_keys_is_lost(tmp_path: Path) -> None:
    rig, daemon = acquainted(tmp_path)

    async def scene() -> None:
        with ExitStack() as first:
            where = first.enter_context(listening(listening_keys(rig))).endpoint
            async with linked(where, connecting_keys(daemon)) as link:
                await link.reach(60.0)
                first.close()
                with listening(endpoint=where):
                    await given_up(link)
                with pytest.raises(PeerLost, match="refuses the connection that it had before"):
                    await link.send(m.Ping(token=77))
                assert isinstance(link.failure, PeerLost)

    asyncio.run(scene())


async def given_up(link: SocketLink) -> None:
    """Return when ZeroMQ tries no longer to connect, which it tells by nothing but this."""
    while link._socket.getsockopt(zmq.EVENTS) & zmq.POLLOUT:
        await asyncio.sleep(0.01)


def test_a_peer_that_is_connected_to_another_session_says_so() -> None:
    with listening() as listener:
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        first = context.socket(zmq.DEALER)
        first.connect(listener.endpoint)
        first.send_multipart(CODEC.encode(CONFIGURE))
        first.send_multipart(CODEC.encode(m.Ping(token=1)))
        assert first.poll(30_000)
        with pytest.raises(PeerFaulted, match="cannot go on: it is connected to another session"):
            asyncio.run(reaching(listener.endpoint)())
        context.destroy(linger=0)


@pytest.mark.parametrize("endpoint", ["tcp://192.0.2.7:5555", "tcp://rig-pc:5555"])
def test_another_machine_is_not_connected_to_without_keys(endpoint: str) -> None:
    context = zmq.asyncio.Context()
    with pytest.raises(EndpointRefused, match="needs keys"):
        SocketLink(context, endpoint, RIG, Heartbeat())
    context.term()
