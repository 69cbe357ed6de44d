"""Presenting a block: each way in which a presentation can end, and when it is shown again."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from controller.block import Shown
from controller.recording import presentation_table, spike_table
from rig_adapters.clocks import ClockMap
from rig_adapters.errors import PeerLost
from rig_adapters.wire import messages as m
from sessions.analysis.responses import ScoringRule
from sessions.records import NO_COUNT

from .conftest import OFFSET_S, UNIT_ID, Batches, Stage, images

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
        spikes = spike_table(stage.recorder.recording, -np.inf, np.inf)
        return shown, presentation_table(shown, spikes, [UNIT_ID], RULE)

    shown, table = play(
        scene, "scoring.max_attempts=1", batches=lose_the_first, dropped=lambda *_: 1
    )

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


def test_what_the_display_and_the_rig_spent_is_added_up(play: Play) -> None:
    async def scene(stage: Stage) -> tuple[float, float, int]:
        await seven(stage)
        return stage.screen.busy_s, stage.recorder.busy_s, len(stage.blocks)

    assert play(scene) == (0.25, 3 * 0.5, 1)


def test_progress_counts_the_presentations_of_the_open_part(play: Play) -> None:
    async def scene(stage: Stage) -> list[tuple[int, int]]:
        await seven(stage)
        return stage.progress

    assert play(scene) == [(done, 7) for done in range(8)]


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
