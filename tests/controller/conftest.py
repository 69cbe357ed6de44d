"""A stage for tests: a scripted display and rig at the wire, and a loop that leaves no task behind.

Screen, recorder and presenter under test are the real ones, on real sockets; only the two peers are
scripted, and everything runs in virtual time in one event loop.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
import zmq
import zmq.asyncio

from controller.block import BlockPresenter
from controller.cli.config_commands import template
from controller.config.load import parse_config
from controller.config.tables import SessionConfig
from controller.control.messages import PartStatus
from controller.experiments.blocks import ImageToShow
from controller.experiments.evolution import Placement
from controller.presenting import Shown
from controller.recorder import Recorder
from controller.resume import still_waiting
from controller.screen import Screen
from rig_adapters.link import Heartbeat, Link
from rig_adapters.recorded import Gap
from rig_adapters.socket_link import SocketLink
from rig_adapters.wire import messages as m
from rig_adapters.wire.codec import Codec
from rig_adapters.wire.conversation import RIG, STIMULUS, Script

T = TypeVar("T")

PLACE = Placement(0.0, 0.0, 4.0)
UNIT_ID = 101
REFRESH_HZ = 60.0
OFFSET_S = 1000.0
SPIKE_AFTER_S = 0.1
PIXELS = np.arange(100, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
"""A grey image for each id."""
NEVER = Heartbeat(interval_s=1e6)
VIRTUAL = ("session.time=virtual", "display.kind=virtual", "display.max_dropped_frames=0")


def session_config(*overrides: str) -> SessionConfig:
    """Return the template's session in virtual time, changed by `overrides`."""
    return parse_config(template(), [*VIRTUAL, *overrides])


def images(*image_ids: int) -> list[ImageToShow]:
    """Return images of thread 0 at one place."""
    return [ImageToShow(image_id, 0, PLACE) for image_id in image_ids]


def run_clean(scene: Coroutine[Any, Any, T]) -> T:
    """Run `scene` in a loop of its own; a task that it leaves behind fails the test."""

    async def whole() -> T:
        result = await scene
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"tasks left behind: {left}"
        return result

    return asyncio.run(whole())


Batches = list[m.SpikesRecorded]


@dataclass
class Mishaps:
    """What goes wrong: the peers are perfect unless one of these says otherwise.

    `dropped` and `shown` are asked of each presentation, with the part; `reported` may change what
    the display says of it; `batches` may change what the rig sends at the end of each part; `rig_s`
    is the rig's clock.
    """

    dropped: Callable[[int, m.PlannedPresentation], int] = lambda _part, _planned: 0
    shown: Callable[[int, m.PlannedPresentation], bool] = lambda _part, _planned: True
    reported: Callable[[m.Presented], m.Presented] = lambda report: report
    batches: Callable[[int, Batches], Batches] = lambda _part, batches: batches
    rig_s: Callable[[float], float] = lambda host_s: host_s + OFFSET_S
    sync: bool = True
    clock_uncertainty_s: float = 1e-5
    waits_for_vertical_blank: bool = True


class Peer:
    """A bare ROUTER that plays one peer of the daemon."""

    def __init__(self, context: zmq.asyncio.Context, endpoint: str, script: Script) -> None:
        self._codec = Codec(script.vocabulary)
        self._socket = context.socket(zmq.ROUTER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.bind(endpoint)
        self._daemon = b""

    async def hear(self) -> m.Message:
        self._daemon, *frames = await self._socket.recv_multipart()
        return self._codec.decode(frames)

    async def say(self, message: m.Message) -> None:
        await self._socket.send_multipart([self._daemon, *self._codec.encode(message)])

    def close(self) -> None:
        self._socket.close()


@dataclass
class Stage:
    """Both peers with their links, and what was asked of them."""

    config: SessionConfig
    mishaps: Mishaps
    display: Peer
    rig: Peer
    display_link: Link
    rig_link: Link
    recorder: Recorder
    screen: Screen
    presenter: BlockPresenter
    gaps: list[Gap]
    blocks: list[m.PresentBlock] = field(default_factory=list)
    progress: list[tuple[int, int, PartStatus]] = field(default_factory=list)
    sha256s: dict[int, str] = field(default_factory=dict)
    facts: list[object] = field(default_factory=list)
    _frame: int = 0
    _sequence: int = 0
    _through_host_s: float = 0.0

    async def present(self, to_show: list[ImageToShow], seed: int = 0) -> list[Shown]:
        """Present one block."""
        ids = np.array([image.image_id for image in to_show])
        await self.screen.start_loading(ids, PIXELS[ids], placements=[])
        await self.screen.loaded()
        waiting = still_waiting(to_show, (), self.config.scoring)
        shown: list[Shown] = []
        await self.presenter.present(
            0,
            waiting,
            np.random.default_rng(seed),
            self.facts.append,
            lambda _part, rows, _trials: shown.extend(rows),
        )
        return shown

    async def play_display(self) -> None:
        """Answer the daemon as the stimulus process does, and have the rig watch."""
        while True:
            command = await self.display.hear()
            if isinstance(command, m.LoadImages):
                await self._load(command)
            elif isinstance(command, m.AbortBlock):
                await self.display.say(m.BlockAborted(presented=0))
            elif isinstance(command, m.PresentBlock):
                await self._show(command)

    async def play_rig(self) -> None:
        """Answer the daemon as the rig adapter does."""
        while True:
            command = await self.rig.hear()
            if isinstance(command, m.StartRecording):
                started = m.RecordingStarted(host_time_s=0.0, rig_time_s=self.mishaps.rig_s(0.0))
                await self.rig.say(started)
            elif isinstance(command, m.StopRecording):
                await self.rig.say(m.RecordingStopped(last_sequence=self._sequence - 1))

    async def _load(self, command: m.LoadImages) -> None:
        self.sha256s.update(zip(command.image_ids.tolist(), command.sha256s, strict=True))
        await self.display.say(m.ImagesLoaded(image_ids=command.image_ids))

    async def _show(self, block: m.PresentBlock) -> None:
        self.blocks.append(block)
        batches = []
        for trial in block.trials:
            spot_on_s = self._frame / REFRESH_HZ
            self._frame += trial.fixation_frames
            onsets: dict[float, int] = {}
            for planned in trial.presentations:
                report = self._report(block.part, trial.trial_id, planned)
                if self.mishaps.shown(block.part, planned):
                    onsets[report.flip_on_host_s] = planned.image_id
                    await self.display.say(self.mishaps.reported(report))
            await self.display.say(self._held(trial.trial_id, spot_on_s))
            self._frame += trial.inter_trial_frames
            batches.append(self._batch(onsets))
        self._frame += block.tail_frames
        batches.append(self._batch({}))
        for batch in self.mishaps.batches(block.part, batches):
            await self.rig.say(batch)
        end_s = self._frame / REFRESH_HZ
        await self.display.say(
            m.BlockPresented(block=block.block, part=block.part, host_time_s=end_s, busy_s=0.25)
        )

    def _report(self, part: int, trial_id: int, planned: m.PlannedPresentation) -> m.Presented:
        on_s = self._frame / REFRESH_HZ
        dropped = self.mishaps.dropped(part, planned)
        self._frame += planned.on_frames + dropped
        off_s = self._frame / REFRESH_HZ
        self._frame += planned.off_frames
        return m.Presented(
            presentation_id=planned.presentation_id,
            trial_id=trial_id,
            image_id=planned.image_id,
            image_sha256=self.sha256s[planned.image_id],
            flip_on_host_s=on_s,
            flip_off_host_s=off_s,
            frames_shown=planned.on_frames + dropped,
            dropped_frames=dropped,
        )

    def _held(self, trial_id: int, spot_on_s: float) -> m.TrialEnded:
        """Report a trial whose fixation was held from the first frame to the last."""
        return m.TrialEnded(
            trial_id=trial_id,
            spot_on_host_s=spot_on_s,
            acquired_host_s=spot_on_s,
            broken_host_s=None,
            spot_off_host_s=self._frame / REFRESH_HZ,
            completed=True,
            reward_pulses=0,
            reward_pulse_s=0.0,
            reward_ml=0.0,
        )

    def _batch(self, image_at: dict[float, int]) -> m.SpikesRecorded:
        """Record all until now: `image_id` spikes at one moment after each onset."""
        start_s, self._through_host_s = self._through_host_s, self._frame / REFRESH_HZ
        spikes = [
            self.mishaps.rig_s(on_s) + SPIKE_AFTER_S
            for on_s, image_id in image_at.items()
            for _ in range(image_id)
        ]
        edges = [self.mishaps.rig_s(on_s) for on_s in image_at] if self.mishaps.sync else []
        self._sequence += 1
        return m.SpikesRecorded(
            sequence=self._sequence - 1,
            from_rig_s=self.mishaps.rig_s(start_s),
            through_rig_s=self.mishaps.rig_s(self._through_host_s),
            spike_rig_s=np.array(spikes, np.float64),
            spike_unit_ids=np.full(len(spikes), UNIT_ID, np.int32),
            sync_rig_s=np.array(edges, np.float64),
            fixation_broken_rig_s=np.zeros(0),
            clock_host_s=self._through_host_s,
            clock_rig_s=self.mishaps.rig_s(self._through_host_s),
            clock_uncertainty_s=self.mishaps.clock_uncertainty_s,
            busy_s=0.5,
        )


StageT = TypeVar("StageT", bound=Stage)


@asynccontextmanager
async def open_stage(
    folder: Path, config: SessionConfig, mishaps: Mishaps, make: Callable[..., StageT]
) -> AsyncIterator[StageT]:
    """Set the stage that `make` makes: both conversations are configured, and the rig records."""
    context = zmq.asyncio.Context()
    peers, links = [], []
    for table in (STIMULUS, RIG):
        endpoint = f"ipc://{folder / table.peer[:3]}"
        peers.append(Peer(context, endpoint, table))
        links.append(SocketLink(context, endpoint, table, NEVER))
        links[-1].start()
    (display, rig), (display_link, rig_link) = peers, links
    gaps: list[Gap] = []
    batches: list[m.SpikesRecorded] = []
    steps: list[float] = []
    recorder = Recorder(rig_link, gaps.append, steps.append, batches.append)
    screen = Screen(display_link, config.display, config.behaviour.waits_s)
    progress: list[tuple[int, int, PartStatus]] = []
    presenter = BlockPresenter(
        config,
        screen,
        recorder,
        mishaps.sync,
        mishaps.waits_for_vertical_blank,
        lambda done, planned, part: progress.append((done, planned, part)),
    )
    stage = make(
        config, mishaps, display, rig, display_link, rig_link, recorder, screen, presenter, gaps
    )
    stage.progress = progress
    display_link.conversation.state = rig_link.conversation.state = "ready"
    players = [asyncio.create_task(stage.play_display()), asyncio.create_task(stage.play_rig())]
    try:
        await recorder.start(5.0)
        yield stage
        await recorder.stop(5.0)
    finally:
        for player in players:
            player.cancel()
        await asyncio.gather(*players, return_exceptions=True)
        await asyncio.gather(*(link.close() for link in links))
        for peer in peers:
            peer.close()
        context.destroy(linger=0)


Scene = Callable[[Stage], Awaitable[T]]


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., Any]:
    """Run a scene on a stage: `play(scene, *config overrides, **what goes wrong)`."""

    def run(scene: Scene[T], *overrides: str, **wrong: Any) -> T:
        async def whole() -> T:
            config, mishaps = session_config(*overrides), Mishaps(**wrong)
            async with open_stage(tmp_path, config, mishaps, Stage) as stage:
                return await scene(stage)

        return run_clean(whole())

    return run


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Have the clocks of this process stand still until `now_s` is set."""
    clock = Clock()
    monkeypatch.setattr("time.monotonic", clock)
    monkeypatch.setattr("time.perf_counter", clock)
    return clock
