"""Floods the ends of the wire with hostile messages: each peer alone, and the daemon's links.

A peer is a real process, served by a daemon that talks nonsense; a link is answered by a peer that
does. Each function raises `Gave` where something gives way. Whole sessions are `scripts/fuzz`'s.
"""

import asyncio
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import zmq
import zmq.asyncio

from rig_adapters.errors import RemoteProtocolError
from rig_adapters.link import Heartbeat, Link
from rig_adapters.testing import examples
from rig_adapters.testing.campaign import (
    DEADLINE_MS,
    Campaign,
    Gave,
    Row,
    dealer,
    pinged,
    quiet,
    read,
    throw_oversize,
    throw_unreadable,
    total_in,
)
from rig_adapters.testing.hostile import Hostile
from rig_adapters.wire import messages as m
from rig_adapters.wire.codec import MAX_ARRAY_BYTES, Codec
from rig_adapters.wire.conversation import RIG, Script
from rig_adapters.wire.light import LIGHT_MESSAGES

LIGHT = Codec(LIGHT_MESSAGES)
MAX_LOG_BYTES = 100_000
"""What a process may write of any flood."""
_LINK = "inproc://peer"


def flood_peer(
    campaign: Campaign, script: Script, module: str, samples: Sequence[m.Message]
) -> None:
    """Start one peer alone; talk nonsense to it before it has a daemon, and as its daemon."""
    folder = Path(tempfile.mkdtemp(prefix="nl-", dir=campaign.folder))
    codec, log = Codec(script.vocabulary), folder / "peer.log"
    maker = campaign.hostile(codec, samples)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        display = _display(context, folder)
        daemon = dealer(context, f"ipc://{folder / 'peer'}")
        with _peer(module, folder) as process, campaign.row(f"alone: {script.peer}") as row:
            for _ in throw_unreadable(campaign, row, maker, codec, daemon, 0.5):
                pinged(codec, daemon)
            throw_oversize(row, folder / "peer", MAX_ARRAY_BYTES)
            _configure(codec, daemon, samples, folder)
            for _ in throw_unreadable(campaign, row, maker, codec, daemon, 0.5):
                pinged(codec, daemon)
            light = None if script is not RIG else _throw_light(campaign, display)
            pinged(codec, daemon)
            daemon.send_multipart(codec.encode(m.Shutdown()))
            if process.wait(DEADLINE_MS / 1000) != 0:
                raise Gave(f"the {script.peer} ended with {process.returncode}: {_end(log)}")
            row.counted = total_in(log, script.peer)
    finally:
        context.destroy(linger=0)
    if light is not None:
        light.counted = total_in(log, "light")
        light.check()
    if log.stat().st_size > MAX_LOG_BYTES:
        raise Gave(f"the flood filled {log}")


def _display(context: "zmq.Context[zmq.Socket[bytes]]", folder: Path) -> "zmq.Socket[bytes]":
    display = context.socket(zmq.PAIR)
    display.setsockopt(zmq.SNDTIMEO, DEADLINE_MS)
    display.bind(f"ipc://{folder / 'light'}")
    return display


@contextlib.contextmanager
def _peer(module: str, folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    where = f"ipc://{folder / 'peer'}"
    command = [sys.executable, "-m", module, "--endpoint", where, "--silence-limit-s", "60"]
    with (folder / "peer.log").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _configure(
    codec: Codec, daemon: "zmq.Socket[bytes]", samples: Sequence[m.Message], folder: Path
) -> None:
    """Open the conversation as its daemon does; a simulated rig watches the light in `folder`."""
    configure = next(s for s in samples if isinstance(s, m.ConfigureDisplay | m.ConfigureRig))
    if isinstance(configure, m.ConfigureRig):
        configure = configure.model_copy(update={"light_endpoint": f"ipc://{folder / 'light'}"})
    daemon.send_multipart(codec.encode(configure))
    answer = read(codec, daemon.recv_multipart())
    if not isinstance(answer, m.DisplayConfigured | m.RigConfigured):
        raise Gave(f"{configure.wire_name} was answered by {answer!r}")


def _end(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-2000:]


def _throw_light(campaign: Campaign, display: "zmq.Socket[bytes]") -> Row:
    """Flash nonsense at the simulated rig; what it refused is known when it has ended."""
    row = Row("alone: light")
    campaign.rows.append(row)
    begun_s = time.monotonic()
    maker = campaign.hostile(LIGHT, examples.LIGHT)
    for _ in throw_unreadable(campaign, row, maker, LIGHT, display):
        pass
    row.seconds = time.monotonic() - begun_s
    return row


def flood_link(campaign: Campaign) -> None:
    """Answer many links of a daemon with nonsense: each must fail in one sentence, and once."""
    maker = campaign.hostile(Codec(RIG.vocabulary), examples.RIG)

    async def whole(row: Row) -> None:
        context = zmq.asyncio.Context()
        router = context.socket(zmq.ROUTER)
        router.bind(_LINK)
        try:
            for _ in campaign.numbers(row):
                await _fails(context, router, maker)
                row.sent += 1
                row.counted = (row.counted or 0) + 1
        finally:
            context.destroy(linger=0)

    with quiet(), campaign.row("daemon's link") as row:
        asyncio.run(whole(row))


async def _fails(context: zmq.asyncio.Context, router: zmq.asyncio.Socket, maker: Hostile) -> None:
    """Connect one link, answer it with a valid message and then with nonsense."""
    codec = Codec(RIG.vocabulary)
    link = Link(context, _LINK, RIG, Heartbeat())
    link.start()
    await link.send(m.ConfigureRig(settings={}, seed=1, time="virtual", light_endpoint=None))
    daemon, *_ = await asyncio.wait_for(router.recv_multipart(), DEADLINE_MS / 1000)
    frames = maker.message()
    while read(codec, frames) is not None:
        frames = maker.message()
    await router.send_multipart([daemon, *codec.encode(m.Pong(token=1, host_time_s=0.0))])
    await router.send_multipart([daemon, *frames])
    await asyncio.wait_for(link.failed.wait(), DEADLINE_MS / 1000)
    await link.close()
    if not isinstance(link.failure, RemoteProtocolError) or link.refusals.total != 1:
        raise Gave(f"a link that was answered with {frames} failed by {link.failure!r}")
