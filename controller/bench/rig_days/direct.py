"""A block on the simulated rig within one process: the session's own parts, without its sockets.

Trials are planned, shown, broken, shown again and judged by the code of a session, the animal and
the neurons are those of the simulated rig, and what is lost is lost in its batches. Left out: the
messages on their way, the daemon's search for onsets (they are known here), journal and log.
"""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from controller.config.tables import SessionConfig
from controller.daemon.rig_processes import display_of
from controller.experiments.blocks import Planned
from controller.experiments.evolution import Placement
from controller.outcomes import ending, failed_by_trial, why_unheard
from controller.presenting import OnFact, Presenter, Shown
from controller.randomness import Purpose, seed_for
from controller.screen import planned_trials
from controller.trials import PartReports
from rig_adapters.clocks import ClockMap
from rig_adapters.recorded import Recording
from rig_adapters.sim.reports import Reports, SimulatedDisconnect
from rig_adapters.sim.settings import SimRigSettings
from rig_adapters.sim.simulation import Simulation
from rig_adapters.stimulus.animal import make_behaviour, make_reward
from rig_adapters.stimulus.block import Stage, show_block
from rig_adapters.stimulus.images import LoadedImages
from rig_adapters.stimulus.marks import OnsetMarks
from rig_adapters.stimulus.shine import Shine
from rig_adapters.stimulus.virtual_display import VirtualDisplay
from rig_adapters.wire import messages as m
from rig_adapters.wire.light import ImagesForgotten, ImagesUploaded, LightChanged
from sessions.records import image_sha256

Images = npt.NDArray[np.uint8]
Ids = npt.NDArray[np.int64]


class DirectRig(Shine):
    """The simulated rig, to which the screen shines without a socket; it reports as in a session.

    A recording system that is lost is back at once, as another one that noticed nothing before.
    """

    def __init__(self, config: SessionConfig) -> None:
        super().__init__(None)
        self.recording = Recording()
        self.disconnects = 0
        self._settings = SimRigSettings.model_validate(config.rig.settings)
        self._seed = config.session.seed
        self._light_host_s = 0.0
        self._uploaded: dict[str, Images] = {}
        self.simulation = self._begun()

    def onset_rig_s(self, flip_host_s: float) -> float:
        """Return when an image came on, on the rig's clock."""
        clock = self.simulation.clock
        return float(clock.seconds(clock.sample(flip_host_s)))

    def _begun(self) -> Simulation:
        seed = seed_for(self._seed, Purpose.RIG, self.disconnects)
        simulation = Simulation(self._settings, seed, 0.0 if self.disconnects else None)
        if self._uploaded:
            simulation.see(
                ImagesUploaded(
                    sha256s=tuple(self._uploaded), images=np.stack([*self._uploaded.values()])
                )
            )
        simulation.begin(self._light_host_s)
        self._reports = Reports(simulation, self._light_host_s)
        return simulation

    def _upload(self, message: ImagesUploaded | ImagesForgotten) -> None:
        if isinstance(message, ImagesUploaded):
            self._uploaded.update(zip(message.sha256s, message.images, strict=True))
        else:
            for sha256 in message.sha256s:
                self._uploaded.pop(sha256, None)
        self.simulation.see(message)

    def _change(self, change: LightChanged) -> None:
        self.simulation.see(change)
        self._light_host_s = max(self._light_host_s, change.host_time_s)
        if not self._reports.is_due(change, self._light_host_s):
            return
        try:
            for reply in self._reports.through(self._light_host_s):
                self.recording.add(reply.batch)
        except SimulatedDisconnect:
            self.disconnects += 1
            self.simulation = self._begun()


class _Sent:
    """Keeps what the stimulus process reports; nobody interrupts it."""

    def __init__(self) -> None:
        self.messages: list[m.Message] = []

    def receive(self, timeout_s: float) -> m.Message | None:  # noqa: ARG002 - nothing ever comes
        """Return that nothing has come."""
        return None

    def send(self, message: m.Message) -> None:
        """Keep a report."""
        self.messages.append(message)

    def taken(self) -> list[m.Message]:
        """Return what was reported since the last call."""
        taken, self.messages = self.messages, []
        return taken


class DirectPresenter(Presenter):
    """Presents blocks to a `DirectRig`."""

    def __init__(self, config: SessionConfig, rig: DirectRig) -> None:
        super().__init__(config, lambda _done, _planned, _status: None)
        configure = display_of(config)
        display = VirtualDisplay()
        display.open(configure)
        self._rig = rig
        self._wire = _Sent()
        self._stage = Stage(
            self._wire,
            display,
            rig,
            LoadedImages(display, rig),
            configure.geometry,
            OnsetMarks(configure.photodiode, None),
            make_behaviour(configure),
            make_reward(configure.reward),
        )

    @property
    def clock(self) -> ClockMap:
        """From flips to onsets: the simulated rig's own, which a session has to find out."""
        return self._rig.simulation.clock.truth

    @property
    def window_span_s(self) -> tuple[float, float]:
        """From the start of the first to the end of the last window, from onset."""
        scoring = self._config.scoring
        windows = [w for w in (scoring.response_window_s, scoring.baseline_window_s) if w[0] != "n"]
        return min(float(w[0]) for w in windows), max(float(w[1]) for w in windows)

    def load(self, image_ids: Ids, images: Images, place: Placement, *, keep: bool) -> None:
        """Have images (n, h, w, 3) ready to be shown at a place."""
        self._stage.images.load(
            m.LoadImages(
                image_ids=image_ids,
                sha256s=tuple(image_sha256(image) for image in images),
                images=images,
                keep=keep,
                places=(m.Place(x_deg=place.x_deg, y_deg=place.y_deg, size_deg=place.size_deg),),
            )
        )

    async def _present_part(
        self,
        block: int,
        part: int,
        planned: list[Planned],
        on_fact: OnFact,  # noqa: ARG002 - no journal
        before: Counter[str],  # noqa: ARG002 - nobody watches
    ) -> tuple[list[Shown], Sequence[m.TrialEnded]]:
        display = self._config.display
        reports = PartReports(planned, display.max_dropped_frames)
        tail_frames = math.ceil(self.window_span_s[1] * display.refresh_hz) + 2
        trials = planned_trials(planned, display)
        self._stage.images.block_begins()
        show_block(
            self._stage,
            m.PresentBlock(block=block, part=part, trials=trials, tail_frames=tail_frames),
        )
        for report in self._wire.taken():
            if isinstance(report, m.TrialEnded):
                reports.take_trial(report)
                self.trials.add(report)
            elif isinstance(report, m.Presented):
                reports.take_presented(report)
        return [self._shown(row, part, reports) for row in planned], reports.trials

    def _shown(self, row: Planned, part: int, reports: PartReports) -> Shown:
        scoring, display = self._config.scoring, self._config.display
        report = reports.presented.get(row.presentation_id)
        trial = reports.begun.get(row.trial_id)
        begin_s, end_s = self.window_span_s
        onset_rig_s, heard, unheard = math.nan, False, ""
        if report is not None:
            onset_rig_s = self._rig.onset_rig_s(report.flip_on_host_s)
            window = onset_rig_s + begin_s, onset_rig_s + end_s
            heard = bool(self._rig.recording.covers(*window))
            unheard = "" if heard else why_unheard(*window, self._rig.recording)
        fail_all = scoring.broken_trial == "fail_all"
        failed = failed_by_trial(report, trial, end_s, fail_all)
        ended = ending(report, trial, display, failed, unheard)
        return Shown(
            planned=row,
            part=part,
            on_frames=display.on_frames,
            off_frames=display.off_frames,
            report=report,
            onset_rig_s=onset_rig_s,
            onset_uncertainty_s=0.0,
            sync="photodiode",
            heard=heard,
            outcome=ended.outcome,
            reason=ended.reason,
        )
