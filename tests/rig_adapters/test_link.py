"""The daemon's end of the wire: answers within deadlines, and one reason why a peer was lost."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import zmq
import zmq.asyncio

from rig_adapters.errors import (
    LocalProtocolError,
    PeerFaulted,
    PeerLost,
    RemoteProtocolError,
    RigTimeout,
)
from rig_adapters.link import Heartbeat, Link
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
    link = Link(context, f"ipc://{folder / 'peer'}", RIG, heartbeat)
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
