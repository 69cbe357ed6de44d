"""Whatever the block, the animal and the messages do, each presentation ends once and rightly.

The daemon's loop and the stimulus process's are the real ones, in virtual time; between them is a
real socket, and somebody who loses, delays and repeats messages. The animal keeps to a script.
"""

import gc
import math
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from controller.config.checks import geometry_of
from controller.experiments.blocks import ImageToShow, images_of_block
from controller.experiments.evolution import Placement
from controller.presenting import Shown
from controller.recording import presentation_table, spike_table
from controller.resume import still_waiting
from rig_adapters.errors import RemoteProtocolError
from rig_adapters.stimulus.base import PlacedImage
from rig_adapters.stimulus.block import Stage as StimulusStage
from rig_adapters.stimulus.block import show_block
from rig_adapters.stimulus.images import LoadedImages
from rig_adapters.stimulus.marks import OnsetMarks
from rig_adapters.stimulus.reward.simulated import SimulatedReward
from rig_adapters.stimulus.shine import Shine
from rig_adapters.stimulus.virtual_display import VirtualDisplay
from rig_adapters.testing.scripted_behaviour import Deeds, ScriptedBehaviour
from rig_adapters.testing.watched_display import WatchedDisplay
from rig_adapters.wire import messages as m
from sessions.analysis.responses import ScoringRule, score_thread
from sessions.open_block import TrialRow
from sessions.records import NO_COUNT, ThreadInfo

from .conftest import (
    OFFSET_S,
    PIXELS,
    REFRESH_HZ,
    UNIT_ID,
    Mishaps,
    Stage,
    open_stage,
    run_clean,
    session_config,
)

PLACES = (Placement(0.0, 0.0, 4.0), Placement(-6.0, 3.0, 2.0), Placement(5.0, -2.0, 3.0))
WINDOW_S = (0.055, 0.195)
"""Neither end is a whole number of frames, so that nothing depends on the last bit of a time."""
RULE = ScoringRule(WINDOW_S, None, "none")
PATIENCE_FRAMES = 3
LATE_BY = 2
Report = m.Presented | m.TrialEnded


@pytest.fixture(autouse=True, scope="module")
def _nothing_old_is_collected() -> Iterator[None]:
    """Do what the stimulus process does when it has started, for it collects before each block."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@dataclass(frozen=True)
class Plan:
    """A block: its config, what it shows, and how often at most."""

    overrides: tuple[str, ...]
    images: list[ImageToShow]
    repeats: int
    attempts: int
    fail_all: bool


@dataclass(frozen=True)
class Faults:
    """What goes wrong with the n-th report of the stimulus process, and the n-th batch of the rig.

    `delayed`: to how many reports later a presentation is told.
    """

    lost: frozenset[int] = frozenset()
    delayed: dict[int, int] = field(default_factory=dict)
    late: frozenset[int] = frozenset()
    batches_lost: frozenset[int] = frozenset()


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Blocks of several threads with repeats, in trials of one to seven images."""
    threads = draw(st.lists(st.tuples(st.sampled_from(PLACES), st.integers(1, 3)), max_size=3))
    threads = threads or [(PLACES[0], 1)]
    firsts = np.cumsum([0, *(count for _, count in threads)]).tolist()
    images = images_of_block(
        [
            (thread_id, place, range(first, first + count))
            for thread_id, ((place, count), first) in enumerate(zip(threads, firsts, strict=False))
        ],
        range(90, 90 + draw(st.integers(0, 2))),
    )
    repeats, attempts = draw(st.integers(1, 2)), draw(st.integers(1, 3))
    policy = draw(st.sampled_from(["keep_completed", "fail_all"]))
    again = "show_again" if attempts > 1 else "close_incomplete"
    overrides = (
        f"display.presentations_per_trial={draw(st.integers(1, 7))}",
        f"display.on_frames={draw(st.integers(1, 14))}",
        f"display.off_frames={draw(st.integers(0, 4))}",
        f"display.fixation_frames={draw(st.integers(1, 4))}",
        f"display.inter_trial_frames={draw(st.integers(1, 3))}",
        f"scoring.response_window_s={list(WINDOW_S)}",
        "scoring.baseline_window_s=none",
        f"scoring.repeats={repeats}",
        f"scoring.broken_trial={policy}",
        f"scoring.without_response={again}",
        f"scoring.max_attempts={attempts}",
        "rig.response_deadline_s=0.005",
    )
    return Plan(overrides, images, repeats, attempts, policy == "fail_all")


deeds = st.builds(
    Deeds,
    acquired_after=st.none() | st.integers(0, 5),
    broken_after=st.none() | st.integers(0, 60),
)
numbers = st.frozensets(st.integers(0, 40), max_size=4)
faults = st.builds(
    Faults,
    lost=numbers,
    delayed=st.dictionaries(st.integers(0, 40), st.integers(1, 9), max_size=3),
    late=numbers,
    batches_lost=st.frozensets(st.integers(0, 12), max_size=2),
)


class Collected:
    """A wire on which the daemon says nothing, and that keeps what it is told."""

    def __init__(self) -> None:
        self.reports: list[Report] = []

    def receive(self, timeout_s: float) -> None:
        """Say nothing."""

    def send(self, message: m.Message) -> None:
        assert isinstance(message, Report)
        self.reports.append(message)


Spoil = Callable[[int, list[Report]], list[Report]]


@dataclass
class AttendedStage(Stage):
    """A stage on which the stimulus process's own loop shows the blocks, to a scripted animal.

    `spoil` is given the reports of each part and where in the session they begin, and returns those
    that arrive.
    """

    script: Sequence[Deeds] = ()
    spoil: Spoil = lambda _first, reports: reports
    batches_lost: frozenset[int] = frozenset()
    truth: list[Report] = field(default_factory=list)
    """What the stimulus process said, all of it, in order."""
    arrived: list[Report] = field(default_factory=list)
    spikes_rig_s: list[float] = field(default_factory=list)
    unknown_rig_s: list[tuple[float, float]] = field(default_factory=list)
    """The stretches whose batches were lost."""
    ended: list[tuple[list[Shown], list[TrialRow]]] = field(default_factory=list)
    """Part by part, what the daemon made of it."""

    def __post_init__(self) -> None:
        self.watched = WatchedDisplay(VirtualDisplay())
        self.watched.open(
            m.ConfigureDisplay(
                kind="virtual",
                geometry=geometry_of(self.config),
                full_screen=False,
                background_grey=128,
                fixation=m.FixationSpot(diameter_deg=0.2),
                light_endpoint=None,
            )
        )
        shine = Shine(None)
        self.wire = Collected()
        self.stimulus = StimulusStage(
            wire=self.wire,
            display=self.watched,
            shine=shine,
            images=LoadedImages(self.watched, shine),
            geometry=geometry_of(self.config),
            marks=OnsetMarks(None, None),
            behaviour=ScriptedBehaviour(self.script, REFRESH_HZ, PATIENCE_FRAMES),
            reward=SimulatedReward(0.05, 0.2, 2.0),
        )

    async def show_all(self, plan: Plan) -> None:
        """Present the block of a plan."""
        ids = np.unique([image.image_id for image in plan.images])
        places = {image.placement for image in plan.images}
        await self.screen.start_loading(ids, PIXELS[ids], placements=places)
        await self.screen.loaded()
        await self.presenter.present(
            0,
            still_waiting(plan.images, (), self.config.scoring),
            np.random.default_rng(0),
            self.facts.append,
            lambda _part, shown, trials: self.ended.append((shown, trials)),
        )

    async def _load(self, command: m.LoadImages) -> None:
        self.stimulus.images.load(command)
        await self.display.say(m.ImagesLoaded(image_ids=command.image_ids))

    async def _show(self, block: m.PresentBlock) -> None:
        self.blocks.append(block)
        self.wire.reports = []
        self.stimulus.images.block_begins()
        outcome = show_block(self.stimulus, block)
        said = self.wire.reports
        arriving = self.spoil(len(self.truth), said)
        self.truth += said
        for batch in self._recorded(said, outcome.end_s):
            await self.rig.say(batch)
        for report in arriving:
            await self.display.say(report)
            self.arrived.append(report)
        await self.display.say(
            m.BlockPresented(
                block=block.block, part=block.part, host_time_s=outcome.end_s, busy_s=0.0
            )
        )

    def _recorded(self, said: Sequence[Report], end_s: float) -> list[m.SpikesRecorded]:
        """Return what the rig records of a part: a batch to each spot that went off, and the rest.

        Each onset is an edge, and `image_id + 1` spikes a while later.
        """
        onsets = {r.flip_on_host_s: r.image_id for r in said if isinstance(r, m.Presented)}
        spikes = [
            OFFSET_S + on_s + 0.1 for on_s, image_id in onsets.items() for _ in range(image_id + 1)
        ]
        self.spikes_rig_s += spikes
        ends = [r.spot_off_host_s for r in said if isinstance(r, m.TrialEnded)]
        kept = []
        for until_s in (*ends, end_s):
            since_s, self._through_host_s = self._through_host_s, until_s
            if self._sequence in self.batches_lost:
                self.unknown_rig_s.append((OFFSET_S + since_s, OFFSET_S + until_s))
            else:
                kept.append(self._batch_between(since_s, until_s, spikes, onsets))
            self._sequence += 1
        return kept

    def _batch_between(
        self, since_s: float, until_s: float, spikes: list[float], onsets: dict[float, int]
    ) -> m.SpikesRecorded:
        from_rig_s, through_rig_s = OFFSET_S + since_s, OFFSET_S + until_s
        inside = [t for t in spikes if from_rig_s <= t < through_rig_s]
        edges = [
            OFFSET_S + on_s for on_s in onsets if from_rig_s <= OFFSET_S + on_s < through_rig_s
        ]
        return m.SpikesRecorded(
            sequence=self._sequence,
            from_rig_s=from_rig_s,
            through_rig_s=through_rig_s,
            spike_rig_s=np.array(inside, np.float64),
            spike_unit_ids=np.full(len(inside), UNIT_ID, np.int32),
            sync_rig_s=np.array(edges, np.float64),
            fixation_broken_rig_s=np.zeros(0),
            clock_host_s=until_s,
            clock_rig_s=through_rig_s,
            clock_uncertainty_s=1e-5,
            busy_s=0.0,
        )


def played(
    plan: Plan,
    script: Sequence[Deeds],
    spoil: Spoil,
    batches_lost: frozenset[int] = frozenset(),
    refused: str = "",
) -> AttendedStage:
    """Have a block shown to an animal; where it is to be refused, see that it is."""

    async def whole(folder: Path) -> AttendedStage:
        make = partial(AttendedStage, script=script, spoil=spoil, batches_lost=batches_lost)
        config = session_config(*plan.overrides)
        async with open_stage(folder, config, Mishaps(), make) as stage:
            if refused:
                with pytest.raises(RemoteProtocolError, match=refused):
                    await stage.show_all(plan)
            else:
                await stage.show_all(plan)
            return stage

    with tempfile.TemporaryDirectory(prefix="nl-") as folder:
        return run_clean(whole(Path(folder)))


def spoiled_by(wrong: Faults) -> Spoil:
    """Return what becomes of the reports of each part."""

    def spoil(first: int, reports: list[Report]) -> list[Report]:
        arriving: list[tuple[float, Report]] = []
        for number, report in enumerate(reports, first):
            if number in wrong.lost:
                continue
            place: float = number
            if isinstance(report, m.Presented):
                # A trial's end that comes out of turn is refused; see the test below.
                place += wrong.delayed.get(number, 0) + 0.5 * (number in wrong.delayed)
                if number in wrong.late:
                    report = report.model_copy(update={"dropped_frames": LATE_BY})
            arriving.append((place, report))
        return [report for _, report in sorted(arriving, key=lambda item: item[0])]

    return spoil


def as_it_comes(_first: int, reports: list[Report]) -> list[Report]:
    return reports


class Account:
    """What was planned, what happened, what arrived and what the daemon made of it, by id."""

    def __init__(self, stage: AttendedStage, plan: Plan, late: frozenset[int]) -> None:
        self.plan = plan
        self.shown = [row for shown, _ in stage.ended for row in shown]
        self.rows = [row for _, rows in stage.ended for row in rows]
        self.flips = {r.presentation_id: r for r in stage.truth if isinstance(r, m.Presented)}
        self.trials = {
            r.trial_id: r
            for r in stage.truth
            if isinstance(r, m.TrialEnded) and r.acquired_host_s is not None
        }
        self.flips_told = {r.presentation_id for r in stage.arrived if isinstance(r, m.Presented)}
        self.trials_told = {
            r.trial_id
            for r in stage.arrived
            if isinstance(r, m.TrialEnded) and r.acquired_host_s is not None
        }
        self.late = {
            r.presentation_id
            for number, r in enumerate(stage.truth)
            if isinstance(r, m.Presented) and number in late
        }
        self._unknown_rig_s = stage.unknown_rig_s

    def outcome(self, row: Shown) -> str:
        """Return how a presentation has to end, from what happened and what arrived."""
        planned = row.planned
        trial = self.trials[planned.trial_id]
        trial_told = planned.trial_id in self.trials_told
        if planned.presentation_id not in self.flips_told:
            return "failed_trial" if trial_told and trial.broken_host_s else "not_shown"
        if planned.presentation_id in self.late:
            return "late"
        flip_on_s = self.flips[planned.presentation_id].flip_on_host_s
        if not trial_told or not self.looked(trial, flip_on_s):
            return "failed_trial"
        return "completed" if self.heard(flip_on_s) else "not_heard"

    def looked(self, trial: m.TrialEnded, flip_on_s: float) -> bool:
        """Whether the animal looked for as long as the policy asks for."""
        if trial.broken_host_s is None:
            return True
        return not self.plan.fail_all and trial.broken_host_s >= flip_on_s + WINDOW_S[1]

    def heard(self, flip_on_s: float) -> bool:
        """Whether all of the window was recorded."""
        begin_s, end_s = (OFFSET_S + flip_on_s + edge_s for edge_s in WINDOW_S)
        return all(not (a < end_s and b > begin_s) for a, b in self._unknown_rig_s)


Place = tuple[int, float, float, float]
"""An image, and where it is: right, up, size."""


def place_of(item: m.PlannedPresentation | PlacedImage) -> Place:
    return item.image_id, item.x_deg, item.y_deg, item.size_deg


def place_of_image(image: ImageToShow) -> Place:
    place = image.placement
    return image.image_id, place.x_deg, place.y_deg, place.size_deg


def place_of_row(row: Shown) -> Place:
    return place_of_image(row.planned.image)


BROKEN_WHILE_A_LONG_IMAGE_IS_ON = (
    Plan(
        (
            "display.on_frames=40",
            f"scoring.response_window_s={list(WINDOW_S)}",
            "scoring.baseline_window_s=none",
            "scoring.broken_trial=keep_completed",
            "scoring.without_response=close_incomplete",
            "scoring.max_attempts=1",
        ),
        [ImageToShow(0, 0, PLACES[0])],
        repeats=1,
        attempts=1,
        fail_all=False,
    ),
    [Deeds(broken_after=35)],
    Faults(),
)


@settings(max_examples=100, deadline=None)
@given(plans(), st.lists(deeds, max_size=12), faults)
@example(*BROKEN_WHILE_A_LONG_IMAGE_IS_ON)
def test_each_planned_presentation_ends_once_and_rightly(
    plan: Plan, script: list[Deeds], wrong: Faults
) -> None:
    stage = played(plan, script, spoiled_by(wrong), wrong.batches_lost)

    account = Account(stage, plan, wrong.late)
    assert_one_right_outcome_for_each(account, stage)
    assert_shown_again_until_no_attempt_is_left(stage, plan)
    assert_only_completed_ones_are_scored(account, stage)
    assert_trials_agree(account, stage)


def assert_one_right_outcome_for_each(account: Account, stage: AttendedStage) -> None:
    """See what was planned against what became of it, and against what was on the screen."""
    asked = {
        planned.presentation_id: (place_of(planned), trial.trial_id)
        for block in stage.blocks
        for trial in block.trials
        for planned in trial.presentations
    }
    assert [row.planned.presentation_id for row in account.shown] == list(asked)
    for row in account.shown:
        assert asked[row.planned.presentation_id] == (place_of_row(row), row.planned.trial_id)
        assert row.outcome == account.outcome(row), row.reason
        assert (row.outcome == "completed") == (row.reason == "")
    assert stage.presenter.outcomes == Counter(row.outcome for row in account.shown)
    assert account.flips.keys() <= asked.keys()
    scenes = {place_of(scene.image) for scene, _ in stage.watched.scenes if scene.image}
    assert scenes <= {place for place, _ in asked.values()}


def assert_shown_again_until_no_attempt_is_left(stage: AttendedStage, plan: Plan) -> None:
    """See each part against what did not complete in the one before."""
    due = Counter((image, 0) for image in plan.images for _ in range(plan.repeats))
    for number, (shown, _) in enumerate(stage.ended):
        assert {row.part for row in shown} == {number}
        assert Counter((row.planned.image, row.planned.attempt) for row in shown) == due
        due = Counter(
            (row.planned.image, row.planned.attempt + 1)
            for row in shown
            if row.outcome != "completed" and row.planned.attempt + 1 < plan.attempts
        )
    assert not due


def assert_only_completed_ones_are_scored(account: Account, stage: AttendedStage) -> None:
    """See counts and scores against the spikes that there were after completed presentations."""
    spikes = spike_table(stage.recorder.recording, [UNIT_ID], -np.inf, np.inf)
    table = presentation_table(account.shown, spikes, [UNIT_ID], RULE)
    completed: dict[Place, list[int]] = {}
    for row, count in zip(account.shown, table.response_counts[:, 0].tolist(), strict=True):
        if account.outcome(row) == "completed":
            onset_s = OFFSET_S + account.flips[row.planned.presentation_id].flip_on_host_s
            inside = [WINDOW_S[0] <= t - onset_s < WINDOW_S[1] for t in stage.spikes_rig_s]
            assert count == sum(inside) > 0
            completed.setdefault(place_of_row(row), []).append(count)
        elif not row.heard:
            assert count == NO_COUNT
    for image in (image for image in account.plan.images if image.thread_id >= 0):
        ids = np.array([image.image_id])
        scored = score_thread(thread_at(image), ids, table, [UNIT_ID], RULE)
        counts = completed.get(place_of_image(image), [])
        assert scored.n_valid.tolist() == [len(counts)]
        if counts:
            assert scored.scores[0] == pytest.approx(np.mean(counts) / (WINDOW_S[1] - WINDOW_S[0]))
        else:
            assert math.isnan(scored.scores[0])


def assert_trials_agree(account: Account, stage: AttendedStage) -> None:
    """See rows of trials against rows of presentations and what was told, both ways."""
    told = [report for report in stage.arrived if isinstance(report, m.TrialEnded)]
    assert [(row.trial_id, row.spot_on_host_s) for row in account.rows] == [
        (report.trial_id, report.spot_on_host_s) for report in told
    ]
    looked_at = [row for row in account.rows if not math.isnan(row.acquired_host_s)]
    begun = {row.trial_id: row for row in looked_at}
    assert len(begun) == len(looked_at)
    for row in account.shown:
        trial, report = begun.get(row.planned.trial_id), row.report
        if trial is not None and report is not None:
            assert trial.acquired_host_s <= report.flip_on_host_s
            assert report.flip_off_host_s <= trial.spot_off_host_s
        if row.outcome == "completed":
            assert trial is not None
            assert trial.completed or not account.plan.fail_all
    for trial in looked_at:
        assert trial.completed == math.isnan(trial.broken_host_s)
    counts = stage.presenter.trials
    assert counts.begun == len(begun)
    assert counts.completed == sum(row.completed for row in account.rows)
    assert counts.reward_ml == pytest.approx(sum(row.reward_ml for row in account.rows))


def thread_at(image: ImageToShow) -> ThreadInfo:
    """Return the thread of an image, driven by the one unit there is."""
    place = image.placement
    return ThreadInfo(
        thread_id=image.thread_id,
        name="",
        optimizer="",
        optimizer_settings_json="",
        generator="",
        generator_sha256="",
        generator_provenance="",
        code_dim=1,
        image_shape=(2, 2, 3),
        driver_unit_ids=(UNIT_ID,),
        direction="maximise",
        position_deg=(place.x_deg, place.y_deg),
        size_deg=place.size_deg,
    )


@settings(max_examples=40, deadline=None)
@given(plans(), st.lists(deeds, max_size=12), st.integers(0, 60))
def test_a_report_that_comes_twice_ends_the_block_and_counts_once(
    plan: Plan, script: list[Deeds], number: int
) -> None:
    def twice(first: int, reports: list[Report]) -> list[Report]:
        if first:
            return reports
        place = number % len(reports)
        return [*reports[: place + 1], *reports[place:]]

    stage = played(plan, script, twice, refused="reported .*: it is at fault")

    assert stage.ended == []
    assert not stage.presenter.outcomes
    journalled = stage.facts[1:]
    assert len(journalled) == 1 + number % len(stage.truth)
    begun = [t for t in journalled if isinstance(t, TrialRow) and not math.isnan(t.acquired_host_s)]
    assert stage.presenter.trials.begun == len(begun)


def test_a_trial_whose_end_is_not_reported_has_no_scored_presentation() -> None:
    plan = BROKEN_WHILE_A_LONG_IMAGE_IS_ON[0]

    stage = played(plan, [], spoiled_by(Faults(lost=frozenset([1]))))

    ((row,), trials) = stage.ended[0]
    assert (row.outcome, trials) == ("failed_trial", [])
    assert row.reason == "the stimulus process did not report how its trial ended"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"trial_id": 99}, "reported trial 99, which was not asked for now: it is at fault"),
        ({"trial_id": 0}, "reported trial 0, which had ended before: it is at fault"),
        ({"spot_on_host_s": 0.0}, "reported trial 1, which began before the spot of the one befo"),
    ],
)
def test_a_trial_that_contradicts_what_was_asked_or_told_ends_the_block(
    change: dict[str, float], told: str
) -> None:
    def change_the_second(_first: int, reports: list[Report]) -> list[Report]:
        first, second = (r for r in reports if isinstance(r, m.TrialEnded))
        changed = second.model_copy(update=change)
        return [r for r in reports if r not in (first, second)] + [first, changed]

    place = PLACES[0]
    plan = Plan(
        ("display.presentations_per_trial=1",),
        [ImageToShow(0, 0, place), ImageToShow(1, 0, place)],
        repeats=1,
        attempts=5,
        fail_all=False,
    )

    played(plan, [], change_the_second, refused=told)


def test_a_presentation_in_another_trial_than_planned_ends_the_block() -> None:
    def elsewhere(_first: int, reports: list[Report]) -> list[Report]:
        return [
            r.model_copy(update={"trial_id": 1}) if isinstance(r, m.Presented) else r
            for r in reports
        ]

    plan = BROKEN_WHILE_A_LONG_IMAGE_IS_ON[0]

    played(plan, [], elsewhere, refused="presentation 0 of image 0 in trial 1, which was not asked")


def test_the_spots_that_nobody_looked_at_are_counted_until_somebody_does() -> None:
    plan = BROKEN_WHILE_A_LONG_IMAGE_IS_ON[0]

    stage = played(plan, [Deeds(acquired_after=None)] * 3, as_it_comes)

    told = [part.unattended for _, _, part in stage.progress]
    assert told == [0, 1, 2, 3, 3, 0, 0]
    assert [row.completed for _, trials in stage.ended for row in trials] == [0, 0, 0, 1]
    assert [row.outcome for shown, _ in stage.ended for row in shown] == ["completed"]
