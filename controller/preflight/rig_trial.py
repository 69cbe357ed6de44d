"""A trial of the recording system: images are shown for a while, and what comes of it is measured.

The same processes, messages and alignment as in a session, with one grey image that nobody has to
look at; nothing is logged. Judging the screen is left to the rehearsal of pre-flight.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from controller.block import BlockPresenter
from controller.config.tables import SessionConfig
from controller.daemon.daemon import STOPPING_DEADLINE_S
from controller.daemon.preparation import RECORDING_DEADLINE_S
from controller.experiments.blocks import ImageToShow
from controller.experiments.evolution import Placement
from controller.preflight.findings import Finding, Report, report
from controller.preflight.opened import opened, without_animal
from controller.preflight.rehearsal import driver_spikes
from controller.preflight.rig import rehearsal_findings, unit_findings
from controller.presenting import Shown
from controller.recorder import Recorder
from controller.screen import Screen
from rig_adapters.clocks import ClockMap
from rig_adapters.errors import RigError
from rig_adapters.recorded import Gap
from rig_adapters.wire.messages import RigConfigured, SpikesRecorded

NO_RECORDER = (
    "another program shows and counts, so there is no recording system to listen to: run "
    "neuroloop preflight, which looks at the folders, and then a session of one generation"
)
PRESENTATIONS_AT_ONCE = 20
IMAGE_SIZE_PX = 64
GREY = 160
FEWEST_BATCHES = 10


@dataclass(frozen=True)
class UnitActivity:
    """How often one unit fired."""

    unit_id: int
    channel_id: int
    label: str
    spikes: int
    rate_hz: float


@dataclass(frozen=True)
class RigTrial:
    """What came of a trial: how long was recorded, what was found, and what each unit did."""

    adapter: str
    recorded_s: float
    found: Report
    units: tuple[UnitActivity, ...]


@dataclass
class Heard:
    """What is measured while it is recorded."""

    gaps: list[Gap] = field(default_factory=list)
    steps_s: list[float] = field(default_factory=list)
    delays_s: list[float] = field(default_factory=list)
    """From the end of each batch on the rig's clock to its arrival here."""
    busy_s: float = 0.0
    host_s: list[float] = field(default_factory=list)
    """When each batch came."""

    def batch(self, batch: SpikesRecorded) -> None:
        """Take in one batch."""
        now_s = time.monotonic()
        end_host_s = batch.clock_host_s + batch.through_rig_s - batch.clock_rig_s
        self.delays_s.append(now_s - end_host_s)
        self.host_s.append(now_s)
        self.busy_s += batch.busy_s


async def try_rig(config: SessionConfig, seconds: float, tell: Callable[[str], None]) -> RigTrial:
    """Try the recording system for so long; `tell` is told what is being done."""
    config, heard = without_animal(config), Heard()
    found: list[Finding] = []
    async with opened(config) as there:
        try:
            if there.processes.through_folders:
                raise RigError(NO_RECORDER)
            tell("opening the screen and the rig")
            await there.processes.start(there.folder)
            display, rig = await there.processes.configure(None)
            found += unit_findings(config, rig)
            screen = Screen(there.processes.display, config.display, config.behaviour.waits_s)
            recorder = Recorder(
                there.processes.rig, heard.gaps.append, heard.steps_s.append, heard.batch
            )
            await recorder.start(RECORDING_DEADLINE_S)
            has_sync = "sync" in rig.capabilities
            blank = display.waits_for_vertical_blank
            presenter = BlockPresenter(config, screen, recorder, has_sync, blank, _ignore)
            shown = await _show(config, screen, presenter, seconds, tell)
            await screen.go_blank()
            await recorder.stop(STOPPING_DEADLINE_S)
        except RigError as error:
            found.append(Finding("recording system", "refuse", str(error)))
            return RigTrial(config.rig.adapter, 0.0, report(found), ())
    units, recorded_s = _activity(rig, recorder)
    spikes = driver_spikes(config, rig, recorder)
    found += rehearsal_findings(
        shown, presenter.clock, spikes, has_sync=has_sync, simulated=rig.simulated
    )
    found += measured_findings(shown, presenter.clock, heard, recorder.recording.sync_rig_s())
    return RigTrial(rig.adapter, recorded_s, report(found), units)


def measured_findings(
    shown: Sequence[Shown],
    clock: ClockMap | None,
    heard: Heard,
    edges_rig_s: npt.NDArray[np.float64],
) -> Iterator[Finding]:
    """Say what was measured: events, drift and jitter, losses, delays. Pure."""
    yield _edges(shown, edges_rig_s)
    if clock is not None and clock.n_pairs > 1:
        told = f"{1e6 * clock.drift:+.1f} ppm, jitter {1e3 * clock.residual_s:.3f} ms"
        yield Finding("drift", "pass", f"{told}, by {clock.n_pairs} onsets")
    lost_s = sum(gap.to_rig_s - gap.from_rig_s for gap in heard.gaps)
    yield Finding(
        "losses",
        "warn" if heard.gaps or heard.steps_s else "pass",
        f"{len(heard.gaps)} gaps, {lost_s:.3f} s together, and {len(heard.steps_s)} steps of the "
        "clock",
        "look at the network, the load of both machines, and the recorder's own log"
        if heard.gaps or heard.steps_s
        else "",
    )
    if len(heard.delays_s) >= FEWEST_BATCHES:
        middle, late, last = np.percentile(heard.delays_s, (50, 95, 99)) * 1e3
        yield Finding(
            "delay",
            "pass",
            f"what is recorded is here after {middle:.0f} ms (95 %: {late:.0f}, 99 %: {last:.0f})",
        )
        share = heard.busy_s / max(1e-9, heard.host_s[-1] - heard.host_s[0])
        yield Finding("adapter", "pass", f"computes {100 * share:.1f} % of the time")


def _edges(shown: Sequence[Shown], edges_rig_s: npt.NDArray[np.float64]) -> Finding:
    flips = sum(row.report is not None for row in shown)
    extra = len(edges_rig_s) - sum(row.sync not in ("clock", "none") for row in shown)
    return Finding(
        "events",
        "warn" if extra else "pass",
        f"{len(edges_rig_s)} edges for {flips} onsets on the screen",
        f"{extra} belong to no onset: look at the threshold, the line, or what else is on it"
        if extra
        else "",
    )


def _activity(rig: RigConfigured, recorder: Recorder) -> tuple[tuple[UnitActivity, ...], float]:
    recording = recorder.recording
    fired = recording.spikes().unit_ids
    recorded_s = (recording.through_rig_s or 0.0) - (recording.from_rig_s or 0.0)
    known_s = recorded_s - sum(gap.to_rig_s - gap.from_rig_s for gap in recording.gaps)
    found = []
    for unit in sorted(rig.units, key=lambda unit: unit.unit_id):
        n = int(np.count_nonzero(fired == unit.unit_id))
        rate_hz = n / known_s if known_s > 0 else float("nan")
        found.append(UnitActivity(unit.unit_id, unit.channel_id, unit.label, n, rate_hz))
    return tuple(found), recorded_s


async def _show(
    config: SessionConfig,
    screen: Screen,
    presenter: BlockPresenter,
    seconds: float,
    tell: Callable[[str], None],
) -> list[Shown]:
    """Show one image at the place of every thread in turn, until the time is up."""
    table = config.threads
    placements = [Placement(*thread.position_deg, thread.size_deg) for thread in table]
    image = np.full((1, IMAGE_SIZE_PX, IMAGE_SIZE_PX, 3), GREY, np.uint8)
    ids = np.zeros(1, np.int64)
    await screen.start_loading(ids, image, placements=dict.fromkeys(placements), keep=True)
    await screen.loaded()
    last, rng = config.scoring.attempts - 1, np.random.default_rng(config.session.seed)
    shown: list[Shown] = []
    began_s, block = time.monotonic(), 0
    # In virtual time one round has to do: nobody's clock goes on meanwhile.
    while block == 0 or (config.session.time == "real" and time.monotonic() - began_s < seconds):
        tell(f"showing and listening, {time.monotonic() - began_s:.0f} of {seconds:.0f} s")
        waiting = [
            (ImageToShow(0, n % len(placements), placements[n % len(placements)]), last)
            for n in range(PRESENTATIONS_AT_ONCE)
        ]
        await presenter.present(
            block, waiting, rng, _ignore, lambda _part, rows, _: shown.extend(rows)
        )
        block += 1
    return shown


def _ignore(*_: object) -> None:
    return None
