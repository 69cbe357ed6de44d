"""Presenting a block: each way in which a presentation can end, and when it is shown again."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from controller.control.messages import PartStatus
from controller.outcomes import UNCLEAR
from controller.presenting import Shown
from controller.recording import presentation_table, spike_table
from rig_adapters.clocks import ClockMap
from rig_adapters.errors import PeerLost, RemoteProtocolError, WrongImage
from rig_adapters.wire import messages as m
from sessions.analysis.responses import ScoringRule
from sessions.open_block import PresentedRow
from sessions.records import NO_COUNT

from .conftest import OFFSET_S, UNIT_ID, Batches, Stage, images

CLOSE_INCOMPLETE = ("scoring.without_response=close_incomplete", "scoring.max_attempts=1")
QUICK = "rig.response_deadline_s=0.01"
RULE = ScoringRule((0.05, 0.2), None, "none")
Play = Callable[..., Any]


def outcomes(shown: list[Shown]) -> Counter[str]:
    return Counter(row.outcome for row in shown)


async def seven(stage: Stage) -> list[Shown]:
    return await stage.present(images(*range(7)))


def test_when_nothing_goes_wrong_every_image_is_completed_once(play: Play) -> None:
    shown = play(seven)

    assert outcomes(shown) == {"completed": 7}
    assert sorted(row.planned.image.image_id for row in shown) == list(range(7))
    assert [row.planned.presentation_id for row in shown] == list(range(7))
    assert [row.planned.trial_id for row in shown] == [0] * 5 + [1] * 2
    assert all(row.sync == "photodiode" for row in shown)
    for row in shown:
        assert row.report is not None
        assert row.onset_rig_s == row.report.flip_on_host_s + OFFSET_S


def test_ids_go_on_counting_through_parts_and_blocks(play: Play) -> None:
    async def scene(stage: Stage) -> list[Shown]:
        return [*await seven(stage), *await seven(stage)]

    shown = play(scene, dropped=lambda part, _: 4 if part == 0 else 0)

    assert [row.planned.presentation_id for row in shown] == list(range(28))
    trials = [row.planned.trial_id for row in shown]
    assert sorted(set(trials)) == list(range(8))
    assert trials == sorted(trials)


def test_every_repeat_of_an_image_is_shown(play: Play) -> None:
    shown = play(seven, "scoring.repeats=3")

    counts = Counter(row.planned.image.image_id for row in shown)
    assert counts == dict.fromkeys(range(7), 3)


def late(_part: int, planned: m.PlannedPresentation) -> int:
    return 1 if planned.image_id == 3 else 0


def never_shown(_part: int, planned: m.PlannedPresentation) -> bool:
    return planned.image_id != 3


def silent(_part: int, _batches: Batches) -> Batches:
    return []


def fixation_broken_early(_part: int, batches: Batches) -> Batches:
    return [broken_at(batch, batch.from_rig_s) for batch in batches[:-1]] + batches[-1:]


def broken_at(batch: m.SpikesRecorded, *breaks_rig_s: float) -> m.SpikesRecorded:
    return batch.model_copy(update={"fixation_broken_rig_s": np.array(breaks_rig_s)})


@pytest.mark.parametrize(
    ("wrong", "outcome", "touched"),
    [
        ({"dropped": late}, "late", {3}),
        ({"shown": never_shown}, "not_shown", {3}),
        ({"batches": silent}, "not_heard", set(range(7))),
        ({"batches": fixation_broken_early}, "failed_trial", set(range(7))),
    ],
)
def test_an_image_that_goes_wrong_each_time_is_tried_max_attempts_times_and_never_more(
    play: Play, wrong: dict[str, Any], outcome: str, touched: set[int]
) -> None:
    shown = play(seven, QUICK, "scoring.max_attempts=3", **wrong)

    tries = {
        image_id: [row for row in shown if row.planned.image.image_id == image_id]
        for image_id in range(7)
    }
    for image_id, rows in tries.items():
        if image_id in touched:
            assert [row.outcome for row in rows] == [outcome] * 3
            assert [row.planned.attempt for row in rows] == [0, 1, 2]
            assert [row.part for row in rows] == [0, 1, 2]
        else:
            assert [row.outcome for row in rows] == ["completed"]


def test_only_what_went_wrong_is_shown_again_and_once_it_goes_well_no_more(play: Play) -> None:
    async def scene(stage: Stage) -> tuple[list[Shown], list[list[int]]]:
        shown = await seven(stage)
        return shown, [
            [planned.image_id for trial in block.trials for planned in trial.presentations]
            for block in stage.blocks
        ]

    def two_late(part: int, planned: m.PlannedPresentation) -> int:
        return 2 if part == 0 and planned.image_id in (2, 5) else 0

    shown, parts = play(scene, dropped=two_late)

    assert sorted(parts[0]) == list(range(7))
    assert [sorted(part) for part in parts[1:]] == [[2, 5]]
    assert outcomes(shown) == {"completed": 7, "late": 2}


def test_dropped_frames_up_to_the_limit_are_accepted(play: Play) -> None:
    shown = play(seven, "display.max_dropped_frames=1", dropped=late)

    assert outcomes(shown) == {"completed": 7}


def test_a_break_fails_what_is_on_or_still_to_come_in_its_trial_and_nothing_else(
    play: Play,
) -> None:
    def break_in_the_first_trial(part: int, batches: Batches) -> Batches:
        if part:
            return batches
        # After the window of the first image of the trial, and before that of the second.
        moment = batches[0].sync_rig_s[0] + 0.21
        return [broken_at(batches[0], moment), *batches[1:]]

    shown = play(seven, batches=break_in_the_first_trial)

    first_part = [row.outcome for row in shown if row.part == 0]
    assert first_part == ["completed", *["failed_trial"] * 4, "completed", "completed"]
    assert outcomes(shown)["completed"] == 7


def test_a_gap_makes_exactly_the_presentations_that_it_touches_not_heard(play: Play) -> None:
    lost: list[m.SpikesRecorded] = []

    def lose_a_batch(part: int, batches: Batches) -> Batches:
        if part:
            return batches
        lost.append(batches.pop(1))
        return batches

    async def scene(stage: Stage) -> tuple[list[Shown], int]:
        return await stage.present(images(*range(14))), len(stage.gaps)

    shown, gaps = play(scene, "display.presentations_per_trial=3", batches=lose_a_batch)

    assert gaps == 1
    start, end = lost[0].from_rig_s, lost[0].through_rig_s
    for row in (row for row in shown if row.part == 0):
        touched = row.onset_rig_s + 0.05 < end and row.onset_rig_s + 0.2 > start
        assert row.outcome == ("not_heard" if touched else "completed")
        assert row.heard is not touched
    assert outcomes(shown)["completed"] == 14
    assert 0 < outcomes(shown)["not_heard"] < 14


def test_counts_exist_only_where_the_recording_is_complete_also_for_late_ones(play: Play) -> None:
    def lose_the_first(_part: int, batches: Batches) -> Batches:
        return batches[1:]

    async def scene(stage: Stage) -> tuple[list[Shown], Any]:
        shown = await seven(stage)
        spikes = spike_table(stage.recorder.recording, [UNIT_ID], -np.inf, np.inf)
        return shown, presentation_table(shown, spikes, [UNIT_ID], RULE)

    shown, table = play(scene, *CLOSE_INCOMPLETE, batches=lose_the_first, dropped=lambda *_: 1)

    assert outcomes(shown) == {"late": 7}
    counts = table.response_counts[:, 0]
    assert counts[:5].tolist() == [NO_COUNT] * 5
    assert counts[5:].tolist() == [row.planned.image.image_id for row in shown[5:]]


def test_without_sync_edges_onsets_follow_the_last_reading_of_both_clocks(play: Play) -> None:
    drift = 1e-3

    async def scene(stage: Stage) -> list[Shown]:
        shown: list[Shown] = []
        for _ in range(20):
            shown = await seven(stage)
        return shown

    shown = play(scene, sync=False, rig_s=lambda host_s: OFFSET_S + (1 + drift) * host_s)

    assert all(row.sync == "clock" for row in shown)
    for row in shown:
        assert row.report is not None
        truth = OFFSET_S + (1 + drift) * row.report.flip_on_host_s
        # What the clocks drift apart within one block, and not since the session's beginning.
        assert abs(row.onset_rig_s - truth) < 3 * drift


@pytest.mark.parametrize(("sync", "n_pairs"), [(True, 7), (False, 1)])
def test_the_clock_that_onsets_rest_on_is_known_with_and_without_edges(
    play: Play, sync: bool, n_pairs: int
) -> None:
    async def scene(stage: Stage) -> ClockMap | None:
        await seven(stage)
        return stage.presenter.clock

    clock = play(scene, sync=sync)

    assert clock is not None
    assert clock.n_pairs == n_pairs
    assert clock.offset_s == pytest.approx(OFFSET_S)


def test_clocks_known_coarsely_are_told_by_the_pattern_of_trials_or_nothing_is_scored(
    play: Play,
) -> None:
    async def eighteen(stage: Stage) -> list[Shown]:
        return await stage.present(images(*range(18)))

    coarse = {"clock_uncertainty_s": 0.15, "rig_s": lambda host_s: OFFSET_S + host_s}
    shown = play(eighteen, **coarse)
    assert outcomes(shown) == {"completed": 18}
    assert {row.sync for row in shown} == {"photodiode"}

    shown = play(eighteen, *CLOSE_INCOMPLETE, "display.presentations_per_trial=18", **coarse)
    assert outcomes(shown) == {"not_heard": 18}
    assert {row.sync for row in shown} == {"none"}
    assert all(np.isnan([row.onset_rig_s, row.onset_uncertainty_s]).all() for row in shown)
    assert all(row.reason.startswith(UNCLEAR) for row in shown)


def test_how_sure_an_onset_is_stands_beside_it(play: Play) -> None:
    for row in play(seven):
        assert 0 < row.onset_uncertainty_s < 1e-3
    for row in play(seven, sync=False, clock_uncertainty_s=0.02):
        assert 0.02 <= row.onset_uncertainty_s < 0.021


def test_what_the_display_and_the_rig_spent_is_added_up(play: Play) -> None:
    async def scene(stage: Stage) -> tuple[float, float, int]:
        await seven(stage)
        return stage.screen.busy_s, stage.recorder.busy_s, len(stage.blocks)

    assert play(scene) == (0.25, 3 * 0.5, 1)


def test_progress_counts_the_presentations_of_the_open_part(play: Play) -> None:
    async def scene(stage: Stage) -> list[tuple[int, int]]:
        await seven(stage)
        return [(done, planned) for done, planned, _ in stage.progress]

    # Once more when a trial ends, and when everything is shown and its spikes are waited for.
    assert play(scene) == [(done, 7) for done in (0, 1, 2, 3, 4, 5, 5, 6, 7, 7, 7)]


def test_what_is_known_of_a_part_is_told_as_it_happens(play: Play) -> None:
    async def scene(stage: Stage) -> list[tuple[int, int, PartStatus]]:
        await seven(stage)
        return stage.progress

    def two_late(part: int, planned: m.PlannedPresentation) -> int:
        return 2 if part == 0 and planned.image_id in (2, 5) else 0

    told = play(scene, dropped=two_late)

    first = [part for _, _, part in told if part.part == 0]
    assert first[0].image_id is None
    # A late presentation counts from the moment it is reported, and none before.
    late_so_far = [part.late for part in first]
    assert (late_so_far[0], late_so_far[-1]) == (0, 2)
    assert late_so_far == sorted(late_so_far)
    assert [bool(part.waiting_for) for part in first] == [False] * 10 + [True]
    again = [part for _, _, part in told if part.part == 1]
    assert {part.images for part in again} == {2}
    assert {part.attempt for part in again} == {2}
    assert {part.max_attempts for part in again} == {5}
    assert {part.image_id for part in again[1:]} == {2, 5}
    assert all(part.earlier_outcomes == {"completed": 5, "late": 2} for part in again)


def test_broken_fixations_are_told_by_the_end_of_the_part(play: Play) -> None:
    async def scene(stage: Stage) -> list[tuple[int, int, PartStatus]]:
        await seven(stage)
        return stage.progress

    told = play(scene, batches=fixation_broken_early)

    assert told[0][2].fixations_broken == 0
    assert max(part.fixations_broken for _, _, part in told) > 0


@pytest.mark.parametrize("wrong", ["late", "failed_trial", "not_heard", "not_shown"])
def test_with_close_incomplete_nothing_is_shown_again(play: Play, wrong: str) -> None:
    faults: dict[str, dict[str, Any]] = {
        "late": {"dropped": late},
        "not_shown": {"shown": never_shown},
        "not_heard": {"batches": silent},
        "failed_trial": {"batches": fixation_broken_early},
    }

    shown = play(seven, QUICK, *CLOSE_INCOMPLETE, **faults[wrong])

    assert len(shown) == 7
    assert wrong in outcomes(shown)


def test_every_presentation_that_did_not_complete_says_why(play: Play) -> None:
    reasons = {
        row.reason
        for wrong in ({"dropped": late}, {"shown": never_shown}, {"batches": silent})
        for row in play(seven, QUICK, *CLOSE_INCOMPLETE, **wrong)
    }

    assert "" in reasons
    assert "1 frames were dropped while it was due, and at most 0 may be" in reasons
    assert "the stimulus process reported no flip of it" in reasons
    assert "the rig recorded nothing" in reasons


def test_flips_that_stop_waiting_for_the_screen_make_a_presentation_late(play: Play) -> None:
    def in_a_rush(report: m.Presented) -> m.Presented:
        hurried = {"flip_off_host_s": report.flip_on_host_s + 0.004}
        return report.model_copy(update=hurried if report.image_id == 3 else {})

    rows = play(seven, *CLOSE_INCOMPLETE, reported=in_a_rush)

    (late_one,) = (row for row in rows if row.outcome != "completed")
    assert (late_one.outcome, late_one.planned.image.image_id) == ("late", 3)
    assert late_one.reason.startswith("it was on the screen for 4.0 ms instead of 100.0 ms")


def test_a_gap_and_a_broken_fixation_are_named_with_their_moment(play: Play) -> None:
    def lose_a_batch(_part: int, batches: Batches) -> Batches:
        return [*batches[:1], *batches[2:]]

    rows = play(seven, *CLOSE_INCOMPLETE, batches=lose_a_batch)
    (reason,) = {row.reason for row in rows if row.outcome == "not_heard"}
    assert re.fullmatch(r"nothing is known of [\d.]+ to [\d.]+ s \(rig time\), .* lost", reason)

    rows = play(seven, *CLOSE_INCOMPLETE, batches=fixation_broken_early)
    failed = {row.reason for row in rows if row.outcome == "failed_trial"}
    assert failed
    assert all(re.fullmatch(r"the fixation was broken at [\d.]+ s \(rig time\)", r) for r in failed)


def test_an_image_with_another_hash_than_was_sent_ends_the_block_and_is_journalled(
    play: Play,
) -> None:
    async def scene(stage: Stage) -> list[object]:
        with pytest.raises(WrongImage, match=r"other pixels than it was sent for image 3 .* fault"):
            await seven(stage)
        return stage.facts

    def another(report: m.Presented) -> m.Presented:
        changed = {"image_sha256": "b" * 64} if report.image_id == 3 else {}
        return report.model_copy(update=changed)

    facts = play(scene, reported=another)

    last = [fact for fact in facts if isinstance(fact, PresentedRow)][-1]
    assert last.image_sha256 == "b" * 64


@pytest.mark.parametrize("change", [{"presentation_id": 0}, {"image_id": 6}])
def test_a_report_that_was_not_asked_for_ends_the_block(play: Play, change: dict[str, int]) -> None:
    async def scene(stage: Stage) -> None:
        with pytest.raises(RemoteProtocolError, match="was not asked for now: it is at fault"):
            await seven(stage)

    play(scene, reported=lambda report: report.model_copy(update=change))


def test_the_tail_lasts_until_the_last_window_is_over(play: Play) -> None:
    async def scene(stage: Stage) -> m.PresentBlock:
        await seven(stage)
        return stage.blocks[0]

    block = play(scene, "scoring.response_window_s=[0.05, 0.5]")

    frames_after_onset = 6 + 3 + 3 + block.tail_frames
    assert frames_after_onset / 60 >= 0.5 + 1 / 60


def test_the_same_rng_gives_the_same_order_and_another_one_another(play: Play) -> None:
    async def order(stage: Stage, seed: int) -> list[int]:
        return [row.planned.image.image_id for row in await stage.present(images(*range(40)), seed)]

    async def scene(stage: Stage) -> tuple[list[int], list[int], list[int]]:
        return await order(stage, 1), await order(stage, 1), await order(stage, 2)

    first, again, other = play(scene)

    assert first == again
    assert first != other


def test_a_rig_that_is_lost_while_its_spikes_are_waited_for_ends_the_block(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        def lose(_part: int, _batches: Batches) -> Batches:
            stage.rig_link.fail(PeerLost("the rig adapter was killed by SIGKILL"))
            return []

        stage.mishaps = replace(stage.mishaps, batches=lose)
        with pytest.raises(PeerLost, match="was killed by SIGKILL"):
            await seven(stage)

    play(scene)


def test_a_display_that_is_lost_ends_the_block(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        def lose(_part: int, _planned: m.PlannedPresentation) -> bool:
            stage.display_link.fail(PeerLost("the stimulus process was killed by SIGKILL"))
            return False

        stage.mishaps = replace(stage.mishaps, shown=lose)
        with pytest.raises(PeerLost, match="stimulus process was killed"):
            await seven(stage)

    play(scene)
