"""Rows of the log from what was shown and recorded, and the recorder that takes it in."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.experiments.blocks import ImageToShow, Planned
from controller.experiments.evolution import Placement
from controller.presenting import Shown
from controller.recording import clock_fit, presentation_table, spike_table
from rig_adapters.clocks import ClockMap
from rig_adapters.errors import PeerLost, RemoteProtocolError
from rig_adapters.recorded import Recording
from rig_adapters.wire import messages as m
from sessions.analysis.responses import ScoringRule, score_thread
from sessions.open_block import PresentedRow
from sessions.records import NO_COUNT, SpikeTable, ThreadInfo

from .conftest import OFFSET_S, Batches, Clock, Stage, images

HERE, THERE = Placement(0.0, 0.0, 4.0), Placement(2.0, -1.0, 3.0)
SHA256 = "a" * 64
UNIT_IDS = [11, 12, 14]
RULE = ScoringRule((0.05, 0.2), (0.0, 0.04), "presentation")
NO_BASELINE = ScoringRule((0.05, 0.2), None, "none")
ENDS = ("completed", "failed_trial", "late", "not_heard", "not_shown")
Play = Callable[..., Any]


def shown_as(
    presentation_id: int, outcome: str, image_id: int = 0, place: Placement = HERE
) -> Shown:
    """Return a presentation at 1 s times its id that ended so; late ones were not heard."""
    was_shown = outcome != "not_shown"
    onset_s = float(presentation_id)
    report = m.Presented(
        presentation_id=presentation_id,
        trial_id=presentation_id // 5,
        image_id=image_id,
        image_sha256=SHA256,
        flip_on_host_s=onset_s,
        flip_off_host_s=onset_s + 0.1,
        frames_shown=6,
        dropped_frames=0,
        marked_by="photodiode+ttl",
    )
    return Shown(
        planned=Planned(
            presentation_id, presentation_id // 5, ImageToShow(image_id, 0, place), attempt=1
        ),
        part=1,
        on_frames=6,
        off_frames=3,
        report=report if was_shown else None,
        onset_rig_s=onset_s if was_shown else float("nan"),
        onset_uncertainty_s=1e-4 if was_shown else float("nan"),
        sync="photodiode" if was_shown else "none",
        heard=outcome in ("completed", "failed_trial"),
        outcome=outcome,
        reason="" if outcome == "completed" else f"why it is {outcome}",
    )


def spikes_at(times_s: list[float], unit_ids: list[int]) -> SpikeTable:
    order = np.argsort(times_s, kind="stable")
    times, units = np.array(times_s, float)[order], np.array(unit_ids, np.int64)[order]
    return SpikeTable(times, units, np.zeros(0))


def test_each_outcome_has_its_row_and_only_what_was_heard_has_counts() -> None:
    shown = [shown_as(10 + k, outcome, image_id=k) for k, outcome in enumerate(ENDS)]
    spikes = spikes_at([10.1, 10.01, 11.1, 12.1, 13.1], [11, 12, 14, 11, 11])

    table = presentation_table(shown, spikes, UNIT_IDS, RULE)

    assert table.outcome == ENDS
    assert table.reason == ("", *(f"why it is {outcome}" for outcome in ENDS[1:]))
    assert table.presentation_id.tolist() == [10, 11, 12, 13, 14]
    assert table.image_id.tolist() == [0, 1, 2, 3, 4]
    none = [NO_COUNT] * 3
    assert table.response_counts.tolist() == [[1, 0, 0], [0, 0, 1], none, none, none]
    assert table.baseline_counts.tolist() == [[0, 1, 0], [0, 0, 0], none, none, none]
    assert table.sync == ("photodiode",) * 4 + ("none",)
    np.testing.assert_array_equal(table.onset_uncertainty_s, [1e-4] * 4 + [np.nan])
    assert table.marked_by == ("photodiode+ttl",) * 4 + ("",)
    assert table.shown_sha256 == (SHA256,) * 4 + ("",)
    assert table.frames_shown.tolist() == [6, 6, 6, 6, 0]
    np.testing.assert_array_equal(table.onset_rig_s, [10, 11, 12, 13, np.nan])
    np.testing.assert_array_equal(table.flip_on_host_s, [10, 11, 12, 13, np.nan])
    np.testing.assert_array_equal(table.flip_off_host_s, [10.1, 11.1, 12.1, 13.1, np.nan])


def test_silence_that_was_heard_is_zero_and_not_missing() -> None:
    table = presentation_table([shown_as(1, "completed")], spikes_at([], []), UNIT_IDS, RULE)

    assert table.response_counts.tolist() == [[0, 0, 0]]


def test_without_a_baseline_there_are_no_baseline_counts() -> None:
    shown = [shown_as(1, "completed")]

    table = presentation_table(shown, spikes_at([1.01], [11]), UNIT_IDS, NO_BASELINE)

    assert table.baseline_counts.tolist() == [[NO_COUNT] * 3]


def test_a_block_of_nothing_is_an_empty_table() -> None:
    table = presentation_table([], spikes_at([], []), UNIT_IDS, RULE)

    assert len(table.presentation_id) == 0
    assert table.response_counts.shape == (0, 3)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(ENDS), st.integers(0, 3), st.sampled_from([HERE, THERE])),
        min_size=1,
        max_size=12,
    ),
    st.lists(st.tuples(st.integers(0, 13_000), st.sampled_from([*UNIT_IDS, 99])), max_size=80),
    st.sampled_from([RULE, NO_BASELINE]),
)
def test_scores_of_the_table_are_those_of_counting_by_hand(
    rows: list[tuple[str, int, Placement]], events: list[tuple[int, int]], rule: ScoringRule
) -> None:
    shown = [shown_as(k, *row) for k, row in enumerate(rows)]
    times = [ms / 1000 for ms, _ in events]
    table = presentation_table(shown, spikes_at(times, [u for _, u in events]), UNIT_IDS, rule)
    thread = thread_of(14, 11)

    scored = score_thread(thread, np.arange(4), table, UNIT_IDS, rule)

    def rate(k: int, window: tuple[float, float]) -> float:
        inside = sum(
            k + window[0] <= t < k + window[1] and unit in (11, 14)
            for t, (_, unit) in zip(times, events, strict=True)
        )
        return inside / 2 / (window[1] - window[0])

    for image_id in range(4):
        mine = [k for k, row in enumerate(rows) if row == ("completed", image_id, HERE)]
        assert scored.n_valid[image_id] == len(mine)
        if not mine:
            assert np.isnan(scored.scores[image_id])
            continue
        by_hand = np.mean([rate(k, (0.05, 0.2)) for k in mine])
        if rule is RULE:
            by_hand -= np.mean([rate(k, (0.0, 0.04)) for k in mine])
        assert scored.scores[image_id] == pytest.approx(by_hand, abs=1e-9)


def thread_of(*driver_unit_ids: int) -> ThreadInfo:
    return ThreadInfo(
        thread_id=0,
        name="x",
        optimizer="random",
        optimizer_settings_json="{}",
        generator="x",
        generator_sha256="0" * 64,
        generator_provenance="",
        code_dim=4,
        image_shape=(8, 8, 3),
        driver_unit_ids=driver_unit_ids,
        direction="maximise",
        position_deg=(HERE.x_deg, HERE.y_deg),
        size_deg=HERE.size_deg,
    )


def batch(sequence: int, from_s: float, through_s: float, *spikes_s: float) -> m.SpikesRecorded:
    return m.SpikesRecorded(
        sequence=sequence,
        from_rig_s=from_s,
        through_rig_s=through_s,
        spike_rig_s=np.array(spikes_s, float),
        spike_unit_ids=np.full(len(spikes_s), 11, np.int32),
        sync_rig_s=np.array(spikes_s, float),
        fixation_broken_rig_s=np.zeros(0),
        clock_host_s=through_s,
        clock_rig_s=through_s,
        clock_uncertainty_s=1e-5,
        busy_s=0.0,
    )


def test_consecutive_stretches_hold_every_spike_and_edge_once() -> None:
    recording = Recording()
    recording.add(batch(0, 0.0, 1.0, 0.0, 0.25, 0.5))
    recording.add(batch(1, 1.0, 2.0, 1.0, 1.5))

    stretches = [(-np.inf, 0.5), (0.5, 1.0), (1.0, 9.0)]
    tables = [spike_table(recording, [11], *stretch) for stretch in stretches]

    assert [table.rig_time_s.tolist() for table in tables] == [[0.0, 0.25], [0.5], [1.0, 1.5]]
    assert [table.sync_rig_s.tolist() for table in tables] == [[0.0, 0.25], [0.5], [1.0, 1.5]]
    assert all(table.unit_id.dtype == np.int64 for table in tables)


def test_a_clock_map_is_kept_as_it_is_and_a_missing_one_as_unknown() -> None:
    fit = clock_fit(ClockMap(12.5, 2e-5, 1e-4, 40))
    assert (fit.offset_s, fit.drift, fit.residual_s, fit.n_pairs) == (12.5, 2e-5, 1e-4, 40)
    unknown = clock_fit(None)
    assert np.isnan([unknown.offset_s, unknown.drift, unknown.residual_s]).all()
    assert unknown.n_pairs == 0


def test_waiting_ends_as_soon_as_the_moment_is_recorded(play: Play) -> None:
    async def scene(stage: Stage) -> tuple[bool, bool]:
        later = OFFSET_S + 5.0
        waiting = asyncio.create_task(stage.recorder.wait_through(later, 10.0))
        await stage.rig.say(batch(0, OFFSET_S, OFFSET_S + 4.0))
        await stage.rig.say(batch(1, OFFSET_S + 4.0, later))
        return await waiting, await stage.recorder.wait_through(later, 0.0)

    assert play(scene) == (True, True)


@pytest.mark.parametrize("n_batches", [0, 2])
def test_a_recording_that_stands_still_is_waited_for_no_longer(play: Play, n_batches: int) -> None:
    async def scene(stage: Stage) -> bool:
        for k in range(n_batches):
            await stage.rig.say(batch(k, OFFSET_S + k, OFFSET_S + k + 1))
        return await stage.recorder.wait_through(OFFSET_S + 5.0, 0.01)

    assert play(scene) is False


def test_a_rig_that_is_lost_is_not_waited_for(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        waiting = asyncio.create_task(stage.recorder.wait_through(OFFSET_S + 5.0, 10.0))
        await asyncio.sleep(0)
        stage.rig_link.fail(PeerLost("the rig adapter was killed by SIGKILL"))
        with pytest.raises(PeerLost, match="was killed by SIGKILL"):
            await waiting

    play(scene)


def test_a_batch_that_contradicts_itself_ends_the_recording(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        await stage.rig.say(batch(0, OFFSET_S, OFFSET_S + 1, OFFSET_S + 2))
        with pytest.raises(RemoteProtocolError, match="outside the time that it covers"):
            await stage.recorder.wait_through(OFFSET_S + 5.0, 10.0)

    play(scene)


def test_a_gap_is_told_once_with_its_ends(play: Play) -> None:
    async def scene(stage: Stage) -> list[tuple[float, float]]:
        await stage.rig.say(batch(0, OFFSET_S, OFFSET_S + 1))
        await stage.rig.say(batch(2, OFFSET_S + 3, OFFSET_S + 4))
        await stage.rig.say(batch(3, OFFSET_S + 4, OFFSET_S + 5))
        await stage.recorder.wait_through(OFFSET_S + 5.0, 10.0)
        return [(gap.from_rig_s, gap.to_rig_s) for gap in stage.gaps]

    assert play(scene) == [(OFFSET_S + 1, OFFSET_S + 3)]


def test_what_the_rig_sends_until_it_stops_is_taken_in(play: Play) -> None:
    def late(_part: int, batches: Batches) -> Batches:
        return batches

    async def scene(stage: Stage) -> tuple[float | None, str]:
        await stage.rig.say(batch(0, OFFSET_S, OFFSET_S + 7))
        await stage.recorder.stop(5.0)
        await stage.recorder.stop(5.0)
        through = stage.recorder.recording.through_rig_s
        return through, stage.rig_link.conversation.state

    assert play(scene, batches=late) == (OFFSET_S + 7, "ready")


def test_images_are_loaded_before_waiting_ends_and_kept_ones_are_marked(play: Play) -> None:
    async def scene(stage: Stage) -> tuple[str, ...]:
        pixels = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
        hashes = await stage.screen.start_loading(np.arange(2), pixels, keep=True, placements=[])
        hashes += await stage.screen.start_loading(np.arange(2, 4), pixels, placements=[])
        await stage.screen.loaded()
        await stage.screen.loaded()
        return hashes

    first, second, *again = play(scene)

    assert again == [first, second]
    assert first != second
    assert len(first) == 64


def test_going_blank_leaves_nothing_under_way(play: Play) -> None:
    async def scene(stage: Stage) -> tuple[str, str]:
        await stage.screen.start_loading(
            np.arange(1), np.zeros((1, 4, 4, 3), np.uint8), placements=[]
        )
        await stage.screen.go_blank()
        await stage.screen.loaded()
        quiet = stage.display_link.conversation.state
        await stage.display_link.send(m.PresentBlock(block=0, part=0, trials=(), tail_frames=0))
        await stage.screen.go_blank()
        return quiet, stage.display_link.conversation.state

    assert play(scene) == ("ready", "ready")


def test_what_was_over_before_the_screen_went_blank_is_still_reported(play: Play) -> None:
    async def scene(stage: Stage) -> int:
        presenting = asyncio.create_task(stage.present(images(*range(5))))
        while not stage.blocks:
            await asyncio.sleep(0)
        presenting.cancel()
        await asyncio.wait({presenting})
        await stage.screen.go_blank()
        return sum(isinstance(fact, PresentedRow) for fact in stage.facts)

    assert play(scene) == 5


def test_a_stimulus_process_that_owes_an_answer_too_long_is_lost(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.screen.LOAD_DEADLINE_S", 0.01)

    async def scene(stage: Stage) -> None:
        await stage.display_link.send(m.PresentBlock(block=0, part=0, trials=(), tail_frames=0))
        stage.screen._loads_under_way = 1
        with pytest.raises(PeerLost, match="the stimulus process sent nothing"):
            await stage.screen.loaded()
        assert isinstance(stage.display_link.failure, PeerLost)
        stage.display_link.conversation.state = "ready"

    play(scene)


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Have the recorder's clock alone stand still until it is told to go on."""
    clock = Clock()
    monkeypatch.setattr("controller.recorder.time", SimpleNamespace(monotonic=clock))
    return clock


async def wait_while(stage: Stage, now: Clock, advance_s: float) -> bool:
    """Wait for 90 s of recording that comes in steps of `advance_s`, each after 0.9 s."""
    waiting = asyncio.create_task(stage.recorder.wait_through(OFFSET_S + 90.0, 1.0))
    k = 0
    while not waiting.done() and stage.rig_link.failure is None:
        through_s = OFFSET_S + (k + 1) * advance_s
        await stage.rig.say(batch(k, OFFSET_S + k * advance_s, through_s))
        while stage.recorder.recording.last_sequence != k:
            await asyncio.sleep(0)
        for _ in range(10):
            await asyncio.sleep(0)
        now.now_s += 0.9
        k += 1
    return await waiting


def test_a_recording_that_creeps_is_not_waited_for_without_limit(
    play: Play, patience: Clock
) -> None:
    async def scene(stage: Stage) -> str:
        with pytest.raises(PeerLost) as lost:
            await wait_while(stage, patience, 0.5)
        assert stage.rig_link.failure is lost.value
        return str(lost.value)

    assert "recording goes on more slowly than time: in 11 s it came 6." in play(scene)


def test_a_recording_that_lags_but_keeps_pace_is_waited_for(play: Play, patience: Clock) -> None:
    async def scene(stage: Stage) -> bool:
        return await wait_while(stage, patience, 1.0)

    assert play(scene)


def test_a_block_can_follow_one_that_was_given_up(play: Play) -> None:
    async def scene(stage: Stage) -> int:
        presenting = asyncio.create_task(stage.present(images(*range(5))))
        await asyncio.sleep(0)
        presenting.cancel()
        await asyncio.wait({presenting})
        await stage.screen.go_blank()
        shown = await stage.present(images(*range(5)))
        return sum(row.outcome == "completed" for row in shown)

    assert play(scene) == 5


def test_what_was_read_on_the_clock_of_another_machine_becomes_a_time_of_this_one(
    play: Play,
) -> None:
    def elsewhere(_part: int, batches: Batches) -> Batches:
        return [
            batch.model_copy(update={"clock_host_s": batch.clock_host_s + 7000.0})
            for batch in batches
        ]

    async def scene(stage: Stage) -> tuple[list[Shown], ClockMap | None]:
        stage.rig_link.clock.add(1.0, 7001.0005, 1.001)
        return await stage.present(images(1, 2, 3)), stage.recorder.clock

    shown, clock = play(scene, batches=elsewhere, sync=False)

    for row in shown:
        assert row.report is not None
        assert row.onset_rig_s == pytest.approx(row.report.flip_on_host_s + OFFSET_S, abs=1e-9)
    assert clock is not None
    assert clock.residual_s == pytest.approx(0.0005 + 1e-5)
