"""Hostile messages at real sockets: all are refused and counted, and the daemon is served on."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import zmq
import zmq.asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rig_adapters.errors import PeerLost, Reason, RemoteProtocolError, RigTimeout
from rig_adapters.light import LightSource, LightWatcher
from rig_adapters.link import Heartbeat, Link
from rig_adapters.listener import Listener
from rig_adapters.socket_link import SocketLink
from rig_adapters.stimulus.shine import Shine
from rig_adapters.testing import examples
from rig_adapters.testing.hostile import Frames, Hostile, frames_of
from rig_adapters.wire import messages as m
from rig_adapters.wire.codec import Codec
from rig_adapters.wire.conversation import FOLDERS, RIG, STIMULUS
from rig_adapters.wire.light import LIGHT_MESSAGES, ImagesUploaded, LightChanged

CODEC = Codec(RIG.vocabulary)
LIGHT_CODEC = Codec(LIGHT_MESSAGES)
CONFIGURE = m.ConfigureRig(settings={}, seed=0, time="real", light_endpoint=None)
seeds = st.integers(0, 2**32 - 1)


def is_message(codec: Codec, frames: Frames) -> bool:
    try:
        codec.decode(frames)
    except RemoteProtocolError:
        return False
    return True


def hostile(seed: int, n: int, codec: Codec, samples: Sequence[m.Message]) -> list[Frames]:
    """Return messages of which none can be read."""
    made = Hostile(frames_of(codec, samples), np.random.default_rng(seed))
    return [
        frames for frames in (made.message() for _ in range(n)) if not is_message(codec, frames)
    ]


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    with Listener(f"ipc://{tmp_path / 'peer'}", RIG, silence_limit_s=60.0) as listening:
        yield listening


@pytest.fixture
def dealers(tmp_path: Path) -> Iterator[list[zmq.Socket[bytes]]]:
    """A daemon and a stranger."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    sockets = [context.socket(zmq.DEALER) for _ in range(2)]
    for socket in sockets:
        socket.connect(f"ipc://{tmp_path / 'peer'}")
    yield sockets
    context.destroy(linger=0)


def is_served(listener: Listener, daemon: "zmq.Socket[bytes]") -> None:
    """Assert that the daemon's next ping is answered."""
    daemon.send_multipart(CODEC.encode(m.Ping(token=5)))
    while not daemon.poll(0):
        assert listener.receive(0.002) is None
    pong = CODEC.decode(daemon.recv_multipart())
    assert isinstance(pong, m.Pong)
    assert pong.token == 5


def test_there_is_an_example_of_every_message() -> None:
    for script, messages in (
        (STIMULUS, examples.STIMULUS),
        (RIG, examples.RIG),
        (FOLDERS, examples.FOLDERS),
    ):
        assert {type(message) for message in messages} == set(script.vocabulary)
    assert {type(message) for message in examples.LIGHT} == set(LIGHT_MESSAGES)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seeds)
def test_hostile_messages_of_the_daemon_are_each_refused_and_it_is_served_on(
    listener: Listener, dealers: list[zmq.Socket[bytes]], seed: int
) -> None:
    before = listener.refusals.total
    thrown = hostile(seed, 60, CODEC, examples.RIG)
    for frames in thrown:
        dealers[0].send_multipart(frames)
    is_served(listener, dealers[0])
    assert listener.refusals.total == before + len(thrown)
    assert listener.conversation.state == "connected"


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seeds)
def test_whatever_a_stranger_says_is_refused_and_the_conversation_stays(
    listener: Listener, dealers: list[zmq.Socket[bytes]], seed: int
) -> None:
    daemon, stranger = dealers
    if listener.conversation.state == "connected":
        daemon.send_multipart(CODEC.encode(CONFIGURE))
        assert listener.receive(5.0) == CONFIGURE
    before = listener.refusals.total
    made = Hostile(frames_of(CODEC, examples.RIG), np.random.default_rng(seed))
    for _ in range(60):
        stranger.send_multipart(made.message())
    deadline_s = time.monotonic() + 60
    while listener.refusals.total < before + 60:
        assert listener.receive(0.002) is None
        assert time.monotonic() < deadline_s, "messages were lost"
    is_served(listener, daemon)
    assert listener.conversation.state == "configuring"


def test_who_cannot_be_a_daemon_is_not_taken_for_one(
    listener: Listener, dealers: list[zmq.Socket[bytes]]
) -> None:
    daemon, stranger = dealers
    for message in (m.StartRecording(), m.ShutDown(), m.Faulted(what="x")):
        stranger.send_multipart(CODEC.encode(message))
    stranger.send_multipart(CODEC.encode(m.Ping(token=1)))
    while not stranger.poll(0):
        assert listener.receive(0.002) is None
    assert listener.refusals.counts == {Reason.NOT_NOW: 3}
    daemon.send_multipart(CODEC.encode(CONFIGURE))
    assert listener.receive(5.0) == CONFIGURE


def test_a_stranger_who_floods_does_not_hide_that_the_daemon_is_dead(tmp_path: Path) -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    daemon, stranger = context.socket(zmq.DEALER), context.socket(zmq.DEALER)
    with Listener(f"ipc://{tmp_path / 'peer'}", RIG, silence_limit_s=0.2) as listener:
        for socket in (daemon, stranger):
            socket.connect(f"ipc://{tmp_path / 'peer'}")
        daemon.send_multipart(CODEC.encode(CONFIGURE))
        assert listener.receive(0.15) == CONFIGURE

        def flood() -> None:
            for _ in range(100_000):
                stranger.send_multipart([b"noise"])
                assert listener.receive(0.01) is None

        with pytest.raises(PeerLost, match="silent"):
            flood()
        assert listener.refusals.total > 0
    context.destroy(linger=0)


@pytest.mark.parametrize("seed", range(8))
def test_a_hostile_message_from_a_peer_fails_it_and_says_whose_fault_it_was(
    tmp_path: Path, seed: int
) -> None:
    thrown = hostile(seed, 10, CODEC, examples.RIG)[0]

    async def scene() -> Link:
        context = zmq.asyncio.Context()
        router = context.socket(zmq.ROUTER)
        router.bind(f"ipc://{tmp_path / 'peer'}")
        link = SocketLink(context, f"ipc://{tmp_path / 'peer'}", RIG, Heartbeat())
        link.start()
        try:
            await link.send(CONFIGURE)
            daemon, *_ = await asyncio.wait_for(router.recv_multipart(), 5)
            await router.send_multipart([daemon, *thrown])
            await asyncio.wait_for(link.failed.wait(), 5)
        finally:
            await link.close()
            router.close(linger=0)
            context.term()
        return link

    link = asyncio.run(scene())
    assert isinstance(link.failure, RemoteProtocolError)
    assert str(link.failure).startswith("the rig adapter broke the protocol")
    assert link.refusals.total == 1


def test_light_that_is_none_is_refused_and_what_follows_is_seen(tmp_path: Path) -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    display = context.socket(zmq.PAIR)
    display.bind(f"ipc://{tmp_path / 'light'}")
    watcher = LightWatcher(f"ipc://{tmp_path / 'light'}")
    thrown = hostile(3, 200, LIGHT_CODEC, examples.LIGHT)
    dark = LightChanged(what="dark_until", host_time_s=1.0)
    for frames in thrown:
        display.send_multipart(frames)
    display.send_multipart(LIGHT_CODEC.encode(dark))
    seen = [watcher.receive(5000) for _ in range(len(thrown) + 1)]
    assert seen == [None] * len(thrown) + [dark]
    assert watcher.refusals.total == len(thrown)
    watcher.close()
    context.destroy(linger=0)


def test_another_watcher_gets_the_light_once_it_is_renewed_and_nobody_waits_for_the_one_before(
    tmp_path: Path,
) -> None:
    endpoint = f"ipc://{tmp_path / 'light'}"
    shine = Shine(endpoint)
    pixels = np.zeros((1, 4, 4, 3), np.uint8)
    for sha256 in ("a" * 64, "b" * 64):
        watcher = LightWatcher(endpoint)
        shine.uploaded([sha256], pixels)
        seen = watcher.receive(5000)
        assert isinstance(seen, ImagesUploaded)
        assert seen.sha256s == (sha256,)
        # Whoever is gone without a word is missed, not waited for.
        watcher.close()
        for _ in range(100):
            shine.uploaded([sha256], pixels)
        shine.renew()
    shine.close()


@pytest.mark.parametrize("kind", [zmq.PAIR, zmq.PULL, zmq.PUSH, zmq.DEALER, zmq.SUB])
def test_who_else_connects_to_the_light_gets_none_of_it(tmp_path: Path, kind: int) -> None:
    source = LightSource(f"ipc://{tmp_path / 'light'}")
    watcher = LightWatcher(f"ipc://{tmp_path / 'light'}")
    # Waits for the watcher, so that it is the first that comes.
    source.upload(LightChanged(what="dark_until", host_time_s=0.0))
    assert watcher.receive(5000) is not None
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    thief = context.socket(kind)
    if kind == zmq.SUB:
        thief.setsockopt(zmq.SUBSCRIBE, b"")
    thief.connect(f"ipc://{tmp_path / 'light'}")
    for second in range(1, 200):
        source.change(LightChanged(what="dark_until", host_time_s=float(second)))
        time.sleep(0.0005)
    seen = [watcher.receive(5000) for _ in range(1, 200)]
    assert [light.host_time_s for light in seen if isinstance(light, LightChanged)] == list(
        map(float, range(1, 200))
    )
    context.destroy(linger=0)
    watcher.close()
    source.close()


def test_a_peer_that_floods_does_not_keep_the_daemon_from_its_other_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> None:
        context = zmq.asyncio.Context()
        router = context.socket(zmq.ROUTER)
        router.bind(f"ipc://{tmp_path / 'peer'}")
        link = SocketLink(context, f"ipc://{tmp_path / 'peer'}", RIG, Heartbeat(interval_s=60))
        await link.send(CONFIGURE)
        daemon, *_ = await asyncio.wait_for(router.recv_multipart(), 5)
        pong = CODEC.encode(m.Pong(token=1, host_time_s=0.0))
        for _ in range(500):
            await router.send_multipart([daemon, *pong])
        await asyncio.sleep(0.3)
        heard: list[list[bytes]] = []
        understand = link._understand

        def counted(frames: list[bytes]) -> m.Message | None:
            heard.append(frames)
            return understand(frames)

        monkeypatch.setattr(link, "_understand", counted)
        link.start()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(heard) < 10
        async with asyncio.timeout(60):
            while len(heard) < 500:
                with pytest.raises(RigTimeout):
                    await link.receive(0.05)
        await link.close()
        router.close(linger=0)
        context.term()

    asyncio.run(scene())
