"""The stimulus process and the rig adapter: started, connected, watched and ended together.

A rig adapter whose endpoint stands in the config was started by others, perhaps on another machine:
it is connected and watched, and at the end told that the session is over, but not ended. What they
are asked to do is the session's business; restarting one that died is left out.
"""

import asyncio
import contextlib
from dataclasses import dataclass
from pathlib import Path

import zmq.asyncio

from controller.assembly import RIG_MODULES, STIMULUS_MODULE
from controller.config.checks import geometry_of
from controller.config.tables import SessionConfig
from controller.processes import GRACE_S, ChildProcess
from controller.randomness import Purpose, seed_for
from controller.resume import GoOn
from controller.runtime import endpoint
from rig_adapters.errors import RigError
from rig_adapters.keys import connecting_keys
from rig_adapters.link import Heartbeat, Link, MessageT
from rig_adapters.refusals import Refusals
from rig_adapters.wire import messages as m
from rig_adapters.wire.conversation import RIG, STIMULUS

OPENING_DEADLINE_S = 60.0
"""For importing PsychoPy and opening a window on a slow machine."""
REACHING_DEADLINE_S = 10.0
"""For an adapter that runs already to answer."""


@dataclass(eq=False)
class Peer:
    """One process and the link to it; `child` is None where others have started it."""

    child: ChildProcess | None
    link: Link


class RigProcesses:
    """Both processes of a session. `open` them, use `display` and `rig`, and `close` always."""

    def __init__(self, context: zmq.asyncio.Context, config: SessionConfig, runtime: Path) -> None:
        self._context = context
        self._config = config
        self._runtime = runtime
        self._peers: dict[str, Peer] = {}

    async def start(self, folder: Path) -> None:
        """Start both processes, their output going to files in `folder`, and connect to them."""
        heartbeat = Heartbeat(interval_s=self._config.rig.heartbeat_s)
        scripts = {
            "display": (STIMULUS, STIMULUS_MODULE, "stimulus.log"),
            "rig": (RIG, RIG_MODULES[self._config.rig.adapter], "rig.log"),
        }
        for name, (script, module, log_name) in scripts.items():
            if name == "rig" and self._config.rig.endpoint != "local":
                await self._connect_rig(heartbeat)
                continue
            where = endpoint(self._runtime, name)
            silence_limit_s = 3 * heartbeat.interval_s + 5.0
            child = await ChildProcess.start(
                script.peer, module, where, silence_limit_s, folder / log_name
            )
            link = Link(self._context, where, script, heartbeat)
            self._peers[name] = Peer(child, link)
            link.start()
            child.watch(link)

    async def _connect_rig(self, heartbeat: Heartbeat) -> None:
        rig = self._config.rig
        keys = await asyncio.to_thread(connecting_keys, rig.keys) if rig.keys else None
        link = Link(self._context, rig.endpoint, RIG, heartbeat, keys)
        self._peers["rig"] = Peer(None, link)
        link.start()
        await link.reach(REACHING_DEADLINE_S)

    @property
    def display(self) -> Link:
        """The link to the stimulus process."""
        return self._peers["display"].link

    @property
    def rig(self) -> Link:
        """The link to the rig adapter."""
        return self._peers["rig"].link

    @property
    def refusals(self) -> tuple[Refusals, ...]:
        """What was refused of what the peers said."""
        return tuple(peer.link.refusals for peer in self._peers.values())

    async def configure(self, going_on: GoOn | None) -> tuple[m.DisplayConfigured, m.RigConfigured]:
        """Open the screen and the recording system; returns what they turned out to be."""
        config = self._config
        light = endpoint(self._runtime, "light") if config.rig.adapter == "sim" else None
        await self.display.send(
            m.ConfigureDisplay(
                kind=config.display.kind,
                geometry=geometry_of(config),
                full_screen=config.display.full_screen,
                background_grey=config.display.background_grey,
                fixation=m.FixationSpot(diameter_deg=config.display.fixation_diameter_deg),
                light_endpoint=light,
                clock_start_s=going_on.virtual_start_s if going_on else 0.0,
            )
        )
        resumed = going_on.next_presentation_id if going_on else 0
        await self.rig.send(
            m.ConfigureRig(
                settings=config.rig.settings,
                seed=seed_for(config.session.seed, Purpose.RIG, resumed),
                time=config.session.time,
                light_endpoint=light,
            )
        )
        return await asyncio.gather(
            _opened(self.display, m.DisplayConfigured), _opened(self.rig, m.RigConfigured)
        )

    async def wait_for_failure(self) -> None:
        """Return when one of them is lost; raise what became of it."""
        waits = [asyncio.ensure_future(peer.link.failed.wait()) for peer in self._peers.values()]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        for peer in self._peers.values():
            if peer.link.failure is not None:
                raise peer.link.failure

    async def close(self) -> None:
        """Ask both to shut down, and see to it that they do; never raises."""
        peers, self._peers = list(self._peers.values()), {}
        await asyncio.gather(*(self._close(peer) for peer in peers))

    async def _close(self, peer: Peer) -> None:
        asked = peer.link.failure is None
        if asked:
            with contextlib.suppress(RigError):
                await peer.link.send(m.Shutdown())
        if peer.child is not None:
            await peer.child.end(asked=asked)
        elif asked:
            with contextlib.suppress(RigError):
                await peer.link.expect(m.ShutDown, GRACE_S)
        await peer.link.close()


async def _opened(link: Link, report: type[MessageT]) -> MessageT:
    """Wait for the end of a peer's slow opening. From then on each wants, and gives, heartbeats."""
    opened = await link.expect(report, OPENING_DEADLINE_S)
    link.watch()
    return opened
