"""Whatever the plan: each frame of it is shown, and each presentation is reported once."""

from hypothesis import given, settings
from hypothesis import strategies as st

from rig_adapters.stimulus.base import BLANK
from rig_adapters.stimulus.schedule import segments
from rig_adapters.wire import messages as m

frames = st.integers(0, 3)
presentations = st.builds(
    m.PlannedPresentation,
    presentation_id=st.integers(0, 10**6),
    image_id=st.integers(0, 5),
    x_deg=st.floats(-5, 5),
    y_deg=st.floats(-5, 5),
    size_deg=st.floats(0.1, 5),
    on_frames=st.integers(1, 3),
    off_frames=frames,
)
trials = st.builds(
    m.PlannedTrial,
    trial_id=st.integers(0, 1000),
    presentations=st.lists(presentations, max_size=4).map(tuple),
    fixation_frames=frames,
    inter_trial_frames=frames,
)
blocks = st.builds(
    m.PresentBlock,
    block=st.just(0),
    part=st.just(0),
    trials=st.lists(trials, max_size=4).map(tuple),
    tail_frames=frames,
)


@settings(max_examples=100, deadline=None)
@given(blocks)
def test_segments_are_the_plan(block: m.PresentBlock) -> None:
    shown = list(segments(block))

    planned = sum(
        trial.fixation_frames
        + sum(p.on_frames + p.off_frames for p in trial.presentations)
        + trial.inter_trial_frames
        for trial in block.trials
    )
    planned += block.tail_frames
    assert sum(segment.frames for segment in shown) - planned in (0, 1)
    assert shown[-1].scene == BLANK
    assert all(segment.frames >= 1 for segment in shown)
    reported = [(s.on_screen.trial_id, s.on_screen.planned) for s in shown if s.on_screen]
    assert reported == [(trial.trial_id, p) for trial in block.trials for p in trial.presentations]
    for segment in shown:
        assert (segment.on_screen is None) == (segment.scene.image is None)
        assert segment.scene.fixation or segment.scene.image is None
