"""Whatever the plan, and whenever the animal looks and looks away: each frame is the one due.

A model in this file says frame by frame what is due, from the plan and from what the animal does.
"""

from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rig_adapters.stimulus.base import BLANK, PlacedImage, Scene
from rig_adapters.stimulus.presenter import run
from rig_adapters.stimulus.virtual_display import VirtualDisplay
from rig_adapters.testing.rehearsed_daemon import Interrupt, RehearsedDaemon, load, trial
from rig_adapters.testing.rehearsed_daemon import block as block_of
from rig_adapters.testing.scripted_behaviour import Deeds, ScriptedBehaviour
from rig_adapters.testing.watched_display import WatchedDisplay
from rig_adapters.wire import animal
from rig_adapters.wire import messages as m

HZ = 60.0
PATIENCE = 3
SPOT = Scene(fixation=True, image=None)
GEOMETRY = m.ScreenGeometry(size_px=(320, 240), width_cm=16.0, distance_cm=57.0, refresh_hz=HZ)
REWARD = animal.SimulatedRewardSettings(
    kind="simulated", completed_pulse_s=0.2, acquired_pulse_s=0.05, ml_per_s=2.0
)
CONFIGURE = m.ConfigureDisplay(
    kind="virtual",
    geometry=GEOMETRY,
    full_screen=False,
    background_grey=128,
    fixation=m.FixationSpot(diameter_deg=0.2),
    light_endpoint=None,
    reward=REWARD,
)
IMAGES = load(range(4), np.random.default_rng(1))

places = st.sampled_from([(0.0, 0.0, 2.0), (-3.0, 2.0, 1.0), (2.5, -1.5, 3.0)])
"""Those of the evolution threads: right, up, size."""
deeds = st.builds(
    Deeds,
    acquired_after=st.none() | st.integers(0, 5),
    broken_after=st.none() | st.integers(0, 30),
)


@st.composite
def plans(draw: st.DrawFn) -> m.PresentBlock:
    """Blocks of several threads, with repeats, cut into trials of one to seven presentations."""
    timing = {
        "on_frames": draw(st.integers(1, 4)),
        "off_frames": draw(st.integers(0, 3)),
    }
    fixation, between = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    shown = draw(st.lists(st.tuples(st.integers(0, 3), places), min_size=1, max_size=10))
    shown *= draw(st.integers(1, 2))
    length = draw(st.integers(1, 7))
    presentations = [
        m.PlannedPresentation(
            presentation_id=50 + place, image_id=image, x_deg=x, y_deg=y, size_deg=size, **timing
        )
        for place, (image, (x, y, size)) in enumerate(shown)
    ]
    trials = tuple(
        m.PlannedTrial(
            trial_id=7 + start // length,
            presentations=tuple(presentations[start : start + length]),
            fixation_frames=fixation,
            inter_trial_frames=between,
        )
        for start in range(0, len(presentations), length)
    )
    return m.PresentBlock(block=0, part=0, trials=trials, tail_frames=draw(st.integers(0, 20)))


@dataclass
class Due:
    """What a block should have been: the scene of each frame, and what is reported of it.

    `presented` holds presentation id, first frame, number of frames; `ended` trial id, first frame
    of the spot, first frame without it, begun, broken, completed.
    """

    scenes: list[Scene]
    presented: list[tuple[int, int, int]]
    ended: list[tuple[int, int, int, bool, bool, bool]]


def due(block: m.PresentBlock, script: list[Deeds]) -> Due:
    """Return what is due, worked out frame by frame."""
    made, left = Due([], [], []), list(script)
    for planned in block.trials:
        begun = False
        while not begun:
            begun = _try(made, planned, left.pop(0) if left else Deeds())
    onsets = [first for _, first, _ in made.presented]
    frames = onsets[-1] + block.tail_frames - len(made.scenes) if onsets else 0
    made.scenes += [BLANK] * max(1, frames)
    return made


def _try(made: Due, planned: m.PlannedTrial, deeds: Deeds) -> bool:
    """Add one try at a trial; return whether somebody looked."""
    start = len(made.scenes)
    begun = deeds.acquired_after is not None and deeds.acquired_after <= PATIENCE
    made.scenes += [SPOT] * (deeds.acquired_after if begun else PATIENCE + 1)
    broken = completed = False
    if begun:
        held = [(SPOT, -1)] * planned.fixation_frames
        for p in planned.presentations:
            image = PlacedImage(p.image_id, p.x_deg, p.y_deg, p.size_deg)
            held += [(Scene(True, image), p.presentation_id)] * p.on_frames
            held += [(SPOT, -1)] * p.off_frames
        broken = deeds.broken_after is not None and deeds.broken_after <= len(held)
        shown = held[: deeds.broken_after + 1] if broken else held
        completed = not broken
        first = len(made.scenes)
        ids = [presentation_id for _, presentation_id in shown]
        made.presented += [
            (p, first + ids.index(p), ids.count(p)) for p in dict.fromkeys(ids) if p >= 0
        ]
        made.scenes += [scene for scene, _ in shown]
    off = len(made.scenes)
    made.ended.append((planned.trial_id, start, off, begun, broken, completed))
    made.scenes += [BLANK] * planned.inter_trial_frames
    return begun


def play(
    block: m.PresentBlock, script: list[Deeds], *more: m.Message | Interrupt
) -> tuple[RehearsedDaemon, WatchedDisplay, ScriptedBehaviour]:
    """Have the block shown to an animal that keeps to the script."""
    daemon = RehearsedDaemon(CONFIGURE, IMAGES, block, *more)
    display = WatchedDisplay(VirtualDisplay())
    behaviour = ScriptedBehaviour(script, HZ, PATIENCE)
    run(daemon, lambda _kind: display, lambda _configure: behaviour)
    return daemon, display, behaviour


def frames_of(display: WatchedDisplay) -> list[Scene]:
    return [scene for scene, frames in display.scenes for _ in range(frames)]


@settings(max_examples=150, deadline=None)
@given(plans(), st.lists(deeds, max_size=8))
def test_every_frame_is_the_one_that_is_due_and_all_of_it_is_reported_once(
    block: m.PresentBlock, script: list[Deeds]
) -> None:
    daemon, display, behaviour = play(block, script)

    expected = due(block, script)
    assert frames_of(display) == expected.scenes
    frame_of = {flip_s: frame for frame, flip_s in enumerate(display.flips_s)}
    assert [
        (r.presentation_id, frame_of[r.flip_on_host_s], r.frames_shown) for r in daemon.presented
    ] == expected.presented
    assert all(
        frame_of[r.flip_off_host_s] == frame_of[r.flip_on_host_s] + r.frames_shown
        for r in daemon.presented
    )
    ended = [report for report in daemon.reports if isinstance(report, m.TrialEnded)]
    assert [
        (
            e.trial_id,
            frame_of[e.spot_on_host_s],
            frame_of[e.spot_off_host_s],
            e.acquired_host_s is not None,
            e.broken_host_s is not None,
            e.completed,
        )
        for e in ended
    ] == expected.ended
    assert behaviour.ended == [e.completed for e in ended]
    assert behaviour.closed


@settings(max_examples=50, deadline=None)
@given(plans(), st.lists(deeds, max_size=8))
def test_what_is_paid_follows_from_what_the_animal_did(
    block: m.PresentBlock, script: list[Deeds]
) -> None:
    daemon, _, _ = play(block, script)

    for ended in [report for report in daemon.reports if isinstance(report, m.TrialEnded)]:
        pulses_s = [0.05] * (ended.acquired_host_s is not None) + [0.2] * ended.completed
        assert ended.reward_pulses == len(pulses_s)
        assert ended.reward_pulse_s == sum(pulses_s)
        assert ended.reward_ml == 2.0 * sum(pulses_s)


@settings(max_examples=100, deadline=None)
@given(plans(), st.lists(deeds, max_size=8), st.integers(1, 120))
def test_an_abort_at_any_moment_blanks_the_screen_and_reports_what_was_shown_till_then(
    block: m.PresentBlock, script: list[Deeds], polls: int
) -> None:
    daemon, display, _ = play(block, script, Interrupt(m.AbortBlock(), polls))

    expected = due(block, script)
    frames = frames_of(display)
    aborted = not daemon.of(m.BlockPresented)
    assert frames[-1] == BLANK
    shown = frames[:-1] if aborted else frames
    assert shown == expected.scenes[: len(shown)]
    over = [p for p in expected.presented if p[1] + p[2] < len(shown)] if aborted else None
    reported = [r.presentation_id for r in daemon.presented]
    assert reported == [p[0] for p in (expected.presented if over is None else over)]
    for ended in daemon.of(m.TrialEnded)[:-1]:
        assert isinstance(ended, m.TrialEnded)
        assert ended.completed == (ended.acquired_host_s is not None and not ended.broken_host_s)


def test_a_trial_that_an_abort_cuts_short_is_not_completed_and_not_paid() -> None:
    plan = block_of(trial(1, [0, 1]))

    daemon, _, _ = play(plan, [], Interrupt(m.AbortBlock(), 4))

    (ended,) = daemon.of(m.TrialEnded)
    assert isinstance(ended, m.TrialEnded)
    assert not ended.completed
    assert ended.broken_host_s is None
    assert ended.reward_pulses == 1


def test_the_model_of_this_file_shows_images() -> None:
    """Guards the model: of a plain plan it says what the manual says."""
    plan = block_of(trial(1, [0], fixation=3, on=2, off=1, between=2))

    made = due(plan, [Deeds(acquired_after=2)])

    fixations = [scene.fixation for scene in made.scenes]
    images = [scene.image is not None for scene in made.scenes]
    assert fixations == [True] * (2 + 3 + 2 + 1) + [False] * 3
    assert images == [False] * 5 + [True] * 2 + [False] * 4
