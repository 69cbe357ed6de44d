"""Floods the ends of the wire with hostile messages: each peer alone, and the daemon's links.

A peer is a real process, served by a daemon that talks nonsense; a link is answered by a peer that
does. Each function raises `Gave` where something gives way. Whole sessions are `scripts/fuzz`'s.
"""

import asyncio
import contextlib
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import zmq
import zmq.asyncio

from rig_adapters.errors import RemoteProtocolError
from rig_adapters.handshakes import BROKEN_OFF, MISMATCH, SUCCEEDED, UNKNOWN_KEY, Handshakes
from rig_adapters.keys import Keys, connecting_keys
from rig_adapters.link import Heartbeat
from rig_adapters.socket_link import SocketLink
from rig_adapters.testing import examples
from rig_adapters.testing.acquaintance import acquainted, introduce, made
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
from rig_adapters.wire.light import LIGHT_MESSAGES, LightChanged

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
        where = f"ipc://{folder / 'peer'}"
        with _peer(module, where, folder) as process, campaign.row(f"alone: {script.peer}") as row:
            for _ in throw_unreadable(campaign, row, maker, codec, daemon, 0.5):
                pinged(codec, daemon)
            throw_oversize(row, folder / "peer", MAX_ARRAY_BYTES)
            _configure(codec, daemon, samples, folder)
            for _ in throw_unreadable(campaign, row, maker, codec, daemon, 0.5):
                pinged(codec, daemon)
            pinged(codec, daemon)
            light = None if script is not RIG else _throw_light(campaign, display, codec, daemon)
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
def _peer(module: str, where: str, folder: Path, *more: str) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-m", module, "--endpoint", where, "--silence-limit-s", "60", *more]
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


def _throw_light(
    campaign: Campaign,
    display: "zmq.Socket[bytes]",
    codec: Codec,
    daemon: "zmq.Socket[bytes]",
) -> Row:
    """Flash nonsense at the simulated rig; what it refused is known when it has ended."""
    daemon.send_multipart(codec.encode(m.StartRecording()))
    row = Row("alone: light")
    campaign.rows.append(row)
    begun_s = time.monotonic()
    maker = campaign.hostile(LIGHT, examples.LIGHT)
    for _ in throw_unreadable(campaign, row, maker, LIGHT, display):
        pass
    # What it records of darkness says that it has seen all that came before.
    display.send_multipart(LIGHT.encode(LightChanged(what="dark_until", host_time_s=1.0)))
    while not isinstance(read(codec, daemon.recv_multipart()), m.SpikesRecorded):
        pass
    row.seconds = time.monotonic() - begun_s
    return row


def flood_peer_with_keys(campaign: Campaign, module: str, samples: Sequence[m.Message]) -> None:
    """Talk nonsense to a rig adapter over loopback, as its daemon, while others try to get in.

    The others have no key, or one that is not on the list, or take the adapter for another.
    """
    folder = Path(tempfile.mkdtemp(prefix="nl-", dir=campaign.folder))
    codec, log = Codec(RIG.vocabulary), folder / "peer.log"
    maker = campaign.hostile(codec, samples)
    rig, allowed = acquainted(folder)
    unknown, mistaken = made(folder, "unknown"), made(folder, "mistaken")
    introduce(rig, unknown)
    introduce(unknown, mistaken)
    others = (None, connecting_keys(unknown), connecting_keys(mistaken))
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    at = ("tcp://127.0.0.1:*", folder, "--keys", str(rig))
    try:
        with _peer(module, *at) as process, campaign.row("alone: with keys") as row:
            where = _listening(log)
            host, port = where.removeprefix("tcp://").split(":")
            daemon = dealer(context, where, keys=connecting_keys(allowed))
            pinged(codec, daemon)
            for keys in others:
                _is_refused(context, where, keys, codec, daemon)
            for _ in throw_unreadable(campaign, row, maker, codec, daemon):
                pinged(codec, daemon)
                throw_oversize(row, (host, int(port)), MAX_ARRAY_BYTES)
                for keys in others:
                    dealer(context, where, keys=keys).close(linger=100)
            daemon.send_multipart(codec.encode(m.Shutdown()))
            if process.wait(DEADLINE_MS / 1000) != 0:
                raise Gave(f"the rig adapter with keys ended with {process.returncode}")
            row.counted = total_in(log, RIG.peer)
    finally:
        context.destroy(linger=0)
    if "unknown key" not in (said := _end(log)) or "handshake" not in said:
        raise Gave(f"those that tried to get in were not counted: {said}")
    if log.stat().st_size > MAX_LOG_BYTES:
        raise Gave(f"the flood filled {log}")


def _is_refused(
    context: "zmq.Context[zmq.Socket[bytes]]",
    where: str,
    keys: Keys | None,
    codec: Codec,
    daemon: "zmq.Socket[bytes]",
) -> None:
    """Wait until somebody with these keys was turned away, while the daemon is served."""
    stranger = context.socket(zmq.DEALER)
    if keys is not None:
        stranger.curve_publickey, stranger.curve_secretkey = keys.public, keys.secret
        stranger.curve_serverkey = keys.other
    ends = Handshakes(stranger, UNKNOWN_KEY | MISMATCH | BROKEN_OFF | SUCCEEDED)
    stranger.connect(where)
    until_s = time.monotonic() + DEADLINE_MS / 1000
    while not (seen := ends.take(1)):
        pinged(codec, daemon)
        if time.monotonic() > until_s:
            raise Gave("nobody answers who wants to get in")
    ends.close()
    stranger.close(linger=0)
    if SUCCEEDED in seen:
        raise Gave(f"somebody got in with the keys {keys}")


def _listening(log: Path) -> str:
    until_s = time.monotonic() + DEADLINE_MS / 1000
    while time.monotonic() < until_s:
        found = re.search(r"listening at (\S+)", log.read_text(encoding="utf-8"))
        if found is not None:
            return found[1]
        time.sleep(0.02)
    raise Gave(f"the peer does not listen: {_end(log)}")


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
    link = SocketLink(context, _LINK, RIG, Heartbeat())
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
