"""Peers that are threads of the daemon: same messages, same faults, and they end."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
import zmq.asyncio

from controller.assembly import display_thread, rig_thread
from controller.cli.config_commands import template
from controller.config.checks import in_one_process
from controller.config.load import parse_config
from controller.daemon.rig_processes import DISPLAY_NAME, RIG_NAME, RigProcesses, display_of
from controller.peer_thread import PeerThread
from rig_adapters.errors import DisplayError, LocalProtocolError, PeerFaulted, PeerLost
from rig_adapters.in_process import Bell, InProcessLink, InProcessWire
from rig_adapters.sim.sight import Sight
from rig_adapters.testing.rehearsed_daemon import block, load, trial
from rig_adapters.wire import messages as m
from rig_adapters.wire.conversation import RIG, STIMULUS, Script
from rig_adapters.wire.light import LightChanged

VIRTUAL = ("session.time=virtual", "display.kind=virtual", "behaviour.kind=always")
CONFIGURE_RIG = m.ConfigureRig(settings={}, seed=1, time="virtual", light_endpoint="ipc:///light")
Scene = Callable[[], Awaitable[None]]


@asynccontextmanager
async def thread_of(
    script: Script, serve: Callable[[InProcessWire], None]
) -> AsyncIterator[tuple[InProcessLink, PeerThread]]:
    """Start a peer; afterwards its thread is gone."""
    link = InProcessLink(script, Bell())
    link.start()
    peer = PeerThread(script.peer, link, serve)
    try:
        yield link, peer
    finally:
        await peer.end(asked=link.failure is not None)
        assert script.peer not in [thread.name for thread in threading.enumerate()]


def play(scene: Scene) -> None:
    asyncio.run(asyncio.wait_for(scene(), 60))


@pytest.mark.parametrize(
    ("overrides", "one"),
    [
        (VIRTUAL[:2], True),
        ((), False),
        ((*VIRTUAL[:2], "session.processes=separate"), False),
        ((*VIRTUAL[:2], "rig.endpoint=tcp://127.0.0.1:5555"), False),
    ],
)
def test_a_session_is_one_process_where_nothing_about_it_is_real(
    overrides: tuple[str, ...], one: bool
) -> None:
    assert in_one_process(parse_config(template(), overrides)) is one


def test_a_fault_of_a_thread_is_told_like_that_of_a_process() -> None:
    def serve(_wire: InProcessWire) -> None:
        raise DisplayError("the screen is on fire")

    async def scene() -> None:
        async with thread_of(STIMULUS, serve) as (link, _):
            with pytest.raises(PeerFaulted, match="stimulus process cannot go on: the screen is"):
                await link.receive_due(0.01)

    play(scene)


def test_a_thread_that_ends_unasked_is_a_lost_peer() -> None:
    async def scene() -> None:
        async with thread_of(RIG, lambda _wire: None) as (link, _):
            with pytest.raises(PeerLost, match="rig adapter ended by itself"):
                await link.receive_due(0.01)

    play(scene)


def test_a_thread_may_take_longer_than_a_process_could_be_silent() -> None:
    goes_on = threading.Event()

    def serve(wire: InProcessWire) -> None:
        while not isinstance(wire.receive(1.0), m.ConfigureRig):
            pass
        goes_on.wait()
        rig_thread(Sight())(wire)

    async def scene() -> None:
        async with thread_of(RIG, serve) as (link, _):
            await link.send(CONFIGURE_RIG)
            waiting = asyncio.create_task(link.expect_due(m.RigConfigured, 0.001))
            await asyncio.sleep(0.05)
            assert not waiting.done()
            waiting.cancel()
            goes_on.set()

    play(scene)


def test_what_is_out_of_turn_is_refused_within_a_process_too() -> None:
    async def scene() -> None:
        async with thread_of(RIG, rig_thread(Sight())) as (link, _):
            with pytest.raises(LocalProtocolError):
                await link.send(m.StopRecording())

    play(scene)


def test_light_that_cannot_be_is_the_fault_that_the_rig_tells() -> None:
    sight = Sight()

    async def scene() -> None:
        async with thread_of(RIG, rig_thread(sight)) as (link, _):
            await link.send(CONFIGURE_RIG)
            await link.expect_due(m.RigConfigured, 10)
            sight.change(LightChanged(what="image_on", host_time_s=1.0, image_sha256="0" * 64))
            with pytest.raises(PeerFaulted, match="rig adapter cannot go on: the display shows"):
                await link.receive_due(10)
            # The display has no fault, and goes on.
            sight.change(LightChanged(what="dark_until", host_time_s=2.0))

    play(scene)


def test_an_abort_reaches_a_block_that_is_being_shown() -> None:
    sight = Sight()
    config = parse_config(template(), VIRTUAL)

    async def scene() -> None:
        async with thread_of(STIMULUS, display_thread(sight)) as (link, _):
            await link.send(display_of(config, light="ipc:///light"))
            await link.expect_due(m.DisplayConfigured, 10)
            await link.send(load(range(4), np.random.default_rng(0)))
            await link.expect_due(m.ImagesLoaded, 10)
            seen = threading.Event()

            def see(_light: object) -> None:
                seen.set()

            sight.watch(see)
            with sight.one_at_a_time:
                await link.send(block(trial(0, range(4)), trial(1, range(4))))
                await link.send(m.AbortBlock())
            aborted = await link.expect_due(m.BlockAborted, 10)
            assert aborted.presented == 0
            assert seen.is_set()

    play(scene)


def test_both_threads_are_replaced_together_and_end_with_the_session(tmp_path: Path) -> None:
    async def scene() -> None:
        context = zmq.asyncio.Context()
        processes = RigProcesses(context, parse_config(template(), VIRTUAL), tmp_path)
        try:
            await processes.start(tmp_path)
            former = processes.rig, processes.display
            await processes.configure(None)
            await processes.replace({DISPLAY_NAME, RIG_NAME}, tmp_path)
            assert all(isinstance(link.failure, PeerLost) for link in former)
            _, rig = await processes.configure(None)
            assert rig.simulated
            assert not processes.lost
        finally:
            await processes.close()
            context.destroy(linger=0)
        left = {thread.name for thread in threading.enumerate()}
        assert left.isdisjoint({STIMULUS.peer, RIG.peer})

    play(scene)
