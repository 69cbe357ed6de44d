"""The stimulus process and the rig adapter: started, connected, watched, replaced and ended.

A rig adapter whose endpoint stands in the config was started by others, perhaps on another machine:
it is connected and watched, and at the end told that the session is over, but not ended; it is
replaced by connecting anew. What they are asked to do is the session's business, and when one is
replaced the supervisor's.
"""

import asyncio
import contextlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import zmq.asyncio

from controller.assembly import STIMULUS_MODULE, display_thread, new_sight, rig_thread
from controller.config.checks import geometry_of, in_one_process, patch_of, ttl_of
from controller.config.tables import DisplayTable, SessionConfig
from controller.control.messages import PeerStatus
from controller.peer_thread import PeerThread
from controller.processes import GRACE_S, ChildProcess
from controller.randomness import Purpose, seed_for
from controller.resume import GoOn
from controller.runtime import endpoint
from rig_adapters.errors import PeerFaulted, PeerLost, RigError
from rig_adapters.in_process import Bell, InProcessLink
from rig_adapters.keys import connecting_keys
from rig_adapters.link import Heartbeat, Link
from rig_adapters.refusals import Refusals
from rig_adapters.registry import adapter_named
from rig_adapters.socket_link import SocketLink
from rig_adapters.wire import folders as f
from rig_adapters.wire import messages as m
from rig_adapters.wire.conversation import FOLDERS, RIG, STIMULUS, Script

DISPLAY_NAME, RIG_NAME = "display", "rig"
OPENING_DEADLINE_S = 60.0
"""For importing PsychoPy and opening a window on a slow machine."""
REACHING_DEADLINE_S = 10.0
"""For an adapter that runs already to answer."""


RENEWAL_DEADLINE_S = 15.0

FOLDER_DISPLAY = m.DisplayConfigured(
    label="another program shows the images: no timing, and no proof of what was shown",
    waits_for_vertical_blank=False,
    measured_refresh_hz=None,
    pixels_exact=None,
    versions={},
)
"""What is known of a screen that is reached through folders."""


@dataclass(eq=False)
class Peer:
    """One process, the link to it, and whether it has been configured.

    `child` is None where others have started it.
    """

    script: Script
    child: ChildProcess | PeerThread | None
    link: Link
    configured: bool = False


class RigProcesses:
    """Both processes of a session. `open` them, use `display` and `rig`, and `close` always."""

    def __init__(self, context: zmq.asyncio.Context, config: SessionConfig, runtime: Path) -> None:
        self._context = context
        self._config = config
        self._adapter = adapter_named(config.rig.adapter)
        self._runtime = runtime
        self._one_process = in_one_process(config)
        self._peers: dict[str, Peer] = {}
        self._former_refusals: tuple[Refusals, ...] = ()
        self._display_is: m.DisplayConfigured | None = None
        self._rig_is: m.RigConfigured | None = None

    async def start(self, folder: Path) -> None:
        """Start both processes, their output going to files in `folder`, and connect to them."""
        if self._one_process:
            self._start_threads()
            return
        for name in (RIG_NAME,) if self.through_folders else (DISPLAY_NAME, RIG_NAME):
            await self._start(name, folder)

    @property
    def through_folders(self) -> bool:
        """Whether another program shows and counts, so that one process is display and rig."""
        return self._adapter.through_folders

    @property
    def display(self) -> Link:
        """The link to the process that images are sent to."""
        return self._peers[RIG_NAME if self.through_folders else DISPLAY_NAME].link

    @property
    def rig(self) -> Link:
        """The link to the rig adapter."""
        return self._peers[RIG_NAME].link

    @property
    def lost(self) -> dict[str, RigError]:
        """What became of each process that cannot be talked to any more."""
        failures = {name: peer.link.failure for name, peer in self._peers.items()}
        return {name: failure for name, failure in failures.items() if failure is not None}

    @property
    def signs_of_life(self) -> tuple[PeerStatus, ...]:
        """How long each process has been silent; threads of this one cannot be."""
        limit_s = Heartbeat(interval_s=self._config.rig.heartbeat_s).limit_s
        links = [(peer.script.peer, peer.link) for peer in self._peers.values()]
        return tuple(
            PeerStatus(
                name=name,
                silent_s=link.silence_s,
                lost_after_s=limit_s,
                lost=link.failure is not None,
            )
            for name, link in links
            if link.silence_s is not None
        )

    @property
    def refusals(self) -> tuple[Refusals, ...]:
        """What was refused of what the peers said."""
        return (*self._former_refusals, *(peer.link.refusals for peer in self._peers.values()))

    async def replace(self, names: Collection[str], folder: Path) -> None:
        """End these processes for certain and start them anew."""
        former = await asyncio.gather(*(self._end(name) for name in names))
        if self._one_process:
            self._start_threads()
        else:
            await asyncio.gather(*(self._start(name, folder) for name in names))
        self._former_refusals += tuple(former)

    async def configure(self, going_on: GoOn | None) -> tuple[m.DisplayConfigured, m.RigConfigured]:
        """Open the screen and the recording system; returns what they turned out to be.

        One that is open already, since only the other was replaced, stays as it is.
        """
        if self.through_folders:
            return FOLDER_DISPLAY, await self._open_folders(going_on)
        own = endpoint(self._runtime, "light") if self._adapter.watches_light else None
        light = own or self._config.rig.light
        display, rig = self._peers[DISPLAY_NAME], self._peers[RIG_NAME]
        if display.configured and not rig.configured and own is not None:
            await display.link.send(m.RenewLight())
            await display.link.expect_due(m.LightRenewed, RENEWAL_DEADLINE_S)
        opening = [self._open_display(going_on, light)] if not display.configured else []
        opening += [self._open_rig(going_on, own)] if not rig.configured else []
        await asyncio.gather(*opening)
        if self._display_is is None or self._rig_is is None:
            raise RuntimeError("the processes at the rig were not configured")
        return self._display_is, self._rig_is

    async def wait_for_loss(self) -> None:
        """Return when one of them is lost."""
        waits = [asyncio.ensure_future(peer.link.failed.wait()) for peer in self._peers.values()]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def close(self) -> None:
        """Ask both to shut down, and see to it that they do; never raises."""
        peers, self._peers = list(self._peers.values()), {}
        self._former_refusals += tuple(peer.link.refusals for peer in peers)
        await asyncio.gather(*(self._close(peer) for peer in peers))

    async def _end(self, name: str) -> Refusals:
        """End a process for certain; return what was refused of what it said."""
        peer = self._peers[name]
        failure = peer.link.failure
        if failure is None:
            await self._close(peer)
            # Nobody shall wait for it any more.
            peer.link.fail(PeerLost(f"the {peer.script.peer} is started anew"))
        elif peer.child is not None and isinstance(failure, PeerFaulted):
            # It said so itself, and is putting its things in order.
            await peer.child.end(asked=True)
        elif peer.child is not None:
            await peer.child.kill()
        await peer.link.close()
        return peer.link.refusals

    def _start_threads(self) -> None:
        """Start display and rig as threads of this process; the one sees the other directly."""
        sight, bell = new_sight(), Bell()
        threads = {DISPLAY_NAME: (STIMULUS, display_thread), RIG_NAME: (RIG, rig_thread)}
        for name, (script, serving) in threads.items():
            link = InProcessLink(script, bell)
            link.start()
            child = PeerThread(script.peer, link, serving(sight))
            self._peers[name] = Peer(script, child, link)

    async def _start(self, name: str, folder: Path) -> None:
        heartbeat = Heartbeat(interval_s=self._config.rig.heartbeat_s)
        if name == RIG_NAME and self._config.rig.endpoint != "local":
            await self._connect_rig(heartbeat)
            return
        script, module, log_name = {
            DISPLAY_NAME: (STIMULUS, STIMULUS_MODULE, "stimulus.log"),
            RIG_NAME: (
                FOLDERS if self.through_folders else RIG,
                self._adapter.module,
                "rig.log",
            ),
        }[name]
        where = endpoint(self._runtime, name)
        silence_limit_s = 3 * heartbeat.interval_s + 5.0
        child = await ChildProcess.start(
            script.peer, module, where, silence_limit_s, folder / log_name
        )
        link = SocketLink(self._context, where, script, heartbeat)
        self._peers[name] = Peer(script, child, link)
        link.start()
        child.watch(link)

    async def _connect_rig(self, heartbeat: Heartbeat) -> None:
        rig = self._config.rig
        keys = await asyncio.to_thread(connecting_keys, rig.keys) if rig.keys else None
        link = SocketLink(self._context, rig.endpoint, RIG, heartbeat, keys)
        self._peers[RIG_NAME] = Peer(RIG, None, link)
        link.start()
        await link.reach(REACHING_DEADLINE_S)

    async def _open_display(self, going_on: GoOn | None, light: str | None) -> None:
        config, peer = self._config, self._peers[DISPLAY_NAME]
        await peer.link.send(
            display_of(
                config,
                light=light,
                mirror=endpoint(self._runtime, "mirror"),
                clock_start_s=going_on.virtual_start_s if going_on else 0.0,
            )
        )
        self._display_is = await peer.link.expect_due(m.DisplayConfigured, OPENING_DEADLINE_S)
        peer.link.watch()
        peer.configured = True

    async def _open_rig(self, going_on: GoOn | None, light: str | None) -> None:
        config, peer = self._config, self._peers[RIG_NAME]
        resumed = going_on.next_presentation_id if going_on else 0
        await peer.link.send(
            m.ConfigureRig(
                settings=config.rig.settings,
                seed=seed_for(config.session.seed, Purpose.RIG, resumed),
                time=config.session.time,
                light_endpoint=light,
                clock_start_s=going_on.virtual_start_s if going_on else 0.0,
            )
        )
        rig_is = await peer.link.expect_due(m.RigConfigured, OPENING_DEADLINE_S)
        # An adapter cannot know that its recording system is an emulator; who lights it does.
        emulated = config.rig.light is not None
        self._rig_is = rig_is.model_copy(update={"simulated": rig_is.simulated or emulated})
        peer.link.watch()
        peer.configured = True

    async def _open_folders(self, going_on: GoOn | None) -> m.RigConfigured:
        peer = self._peers[RIG_NAME]
        await peer.link.send(
            f.OpenFolders(
                settings=self._config.rig.settings,
                first_block=going_on.parts_planned if going_on else 0,
            )
        )
        self._rig_is = await peer.link.expect_due(m.RigConfigured, OPENING_DEADLINE_S)
        peer.link.watch()
        peer.configured = True
        return self._rig_is

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


def display_of(
    config: SessionConfig,
    *,
    light: str | None = None,
    mirror: str | None = None,
    clock_start_s: float = 0.0,
) -> m.ConfigureDisplay:
    """Return what opens the screen of a session.

    light, mirror: where a simulated rig and the operator watch it.
    clock_start_s: where a virtual clock begins.
    """
    display = config.display
    if display.kind == "folder":
        raise ValueError("images that go into a folder need no screen of ours")
    return m.ConfigureDisplay(
        kind=display.kind,
        geometry=geometry_of(config),
        full_screen=display.full_screen,
        background_grey=display.background_grey,
        fixation=m.FixationSpot(diameter_deg=display.fixation_diameter_deg),
        appearance=_appearance_of(display),
        priority=display.priority,
        cpus=display.cpus,
        photodiode=patch_of(config),
        ttl=ttl_of(config),
        light_endpoint=light,
        mirror_endpoint=mirror,
        clock_start_s=clock_start_s,
        behaviour=config.behaviour,
        reward=config.reward,
        seed=seed_for(config.session.seed, Purpose.ANIMAL),
    )


def _appearance_of(display: DisplayTable) -> m.Appearance:
    return m.Appearance(
        interpolation=display.interpolation,
        mask=display.mask,
        mask_edge=display.mask_edge,
        gamma=None if display.gamma == "as_is" else display.gamma,
    )
