"""What of a block that was cut off is shown again, and what becomes of what was shown before."""

from dataclasses import replace

import numpy as np
import pytest

from controller.config.tables import ScoringTable
from controller.experiments.blocks import ImageToShow
from controller.experiments.evolution import Placement
from controller.resume import CLOCK_BEGAN_ANEW, still_waiting, where_to_go_on, without_responses
from sessions.open_block import (
    AskedGeneration,
    FinishedPart,
    OpenedBlock,
    PlannedPart,
    PlannedRow,
    PresentedRow,
)
from sessions.reader import LogReader, open_log
from sessions.records import ClockFit, PresentationTable, SpikeTable
from sessions.recover import CutOff, InterruptedBlock
from sessions.testing.synthetic import write_synthetic_log

from .conftest import PLACE, images, session_config

NO_CLOCK = ClockFit(np.nan, np.nan, np.nan, 0)
SHA256 = "a" * 64


def scoring(**changes: object) -> ScoringTable:
    values = {"without_response": "show_again", "max_attempts": 3, **changes}
    values = {"broken_trial": "keep_completed", **values}
    return ScoringTable(response_window_s=(0.05, 0.2), baseline_window_s="none", **values)


def shown(*rows: tuple[int, int, str], part: int = 0, cut_off: bool = False) -> FinishedPart:
    """A part that showed (image, attempt, outcome)."""
    n = len(rows)
    zeros, times = np.zeros(n, np.int64), np.full(n, 1.0)
    counts = np.ones((n, 1), np.int32)
    table = PresentationTable(
        presentation_id=np.arange(n) + 100 * part,
        trial_id=zeros,
        part=np.full(n, part),
        attempt=np.array([attempt for _, attempt, _ in rows]),
        image_id=np.array([image for image, _, _ in rows]),
        thread_id=zeros,
        x_deg=np.full(n, PLACE.x_deg),
        y_deg=np.full(n, PLACE.y_deg),
        size_deg=np.full(n, PLACE.size_deg),
        on_frames=zeros,
        off_frames=zeros,
        flip_on_host_s=times,
        flip_off_host_s=times,
        frames_shown=zeros,
        dropped_frames=zeros,
        onset_rig_s=times,
        onset_uncertainty_s=times,
        sync=("clock",) * n,
        marked_by=("none",) * n,
        outcome=tuple(outcome for _, _, outcome in rows),
        reason=tuple("" if outcome == "completed" else "why" for _, _, outcome in rows),
        shown_sha256=(SHA256,) * n,
        response_counts=counts,
        baseline_counts=counts,
    )
    none = np.zeros(0)
    spikes = SpikeTable(none, np.zeros(0, np.int64), none)
    return FinishedPart(0, part, table, spikes, NO_CLOCK, cut_off)


def waiting(*parts: FinishedPart, **changes: object) -> list[tuple[int, int]]:
    found = still_waiting(images(1, 2, 3), parts, scoring(**changes))
    return [(image.image_id, attempt) for image, attempt in found]


def test_what_has_its_response_is_not_shown_again_and_attempts_go_on_counting() -> None:
    first = shown((1, 0, "completed"), (2, 0, "failed_trial"), (3, 0, "not_heard"))

    assert waiting(first) == [(2, 1), (3, 1)]


def test_an_image_whose_attempts_are_used_up_stays_without_a_response() -> None:
    parts = [
        shown((1, 0, "completed"), (2, 0, "late"), (3, 0, "late")),
        shown((2, 1, "late"), (3, 1, "completed"), part=1),
        shown((2, 2, "late"), part=2),
    ]

    assert waiting(*parts[:2]) == [(2, 2)]
    assert waiting(*parts) == []


def test_with_close_incomplete_only_what_was_cut_off_is_shown_again() -> None:
    closed = {"without_response": "close_incomplete", "max_attempts": None}

    assert waiting(shown((1, 0, "completed"), (2, 0, "late"), (3, 0, "late")), **closed) == []
    cut_off = shown((1, 0, "not_heard"), (2, 0, "not_shown"), (3, 0, "not_shown"), cut_off=True)
    assert waiting(cut_off, **closed) == [(1, 0), (2, 0), (3, 0)]


def test_what_was_cut_off_was_no_attempt_of_the_animals_however_often_it_happens() -> None:
    begun = shown((1, 0, "completed"), (2, 0, "failed_trial"), (3, 0, "completed"))
    cut_off = [shown((2, 1, "not_heard"), part=part, cut_off=True) for part in (1, 2, 3)]

    assert waiting(begun, *cut_off) == [(2, 1)]


def test_each_repeat_has_attempts_of_its_own() -> None:
    first = shown(
        (1, 0, "completed"), (1, 0, "late"), (2, 0, "late"), (2, 0, "late"), (3, 0, "completed")
    )

    assert waiting(first, repeats=2) == [(1, 1), (2, 1), (2, 1), (3, 0)]


def test_an_image_elsewhere_on_the_screen_is_another_one() -> None:
    elsewhere = [ImageToShow(1, 0, Placement(9.0, 0.0, 4.0))]

    found = still_waiting(elsewhere, [shown((1, 0, "completed"))], scoring())

    assert found == [(elsewhere[0], 0)]


def test_a_whole_block_is_shown_anew_whatever_was_shown_of_it() -> None:
    first = shown((1, 0, "completed"), (2, 0, "late"), (3, 0, "completed"))

    assert waiting(first, interrupted_block="show_whole") == [(1, 0), (2, 0), (3, 0)]


def test_responses_on_a_clock_that_began_anew_are_lost_and_were_no_attempt() -> None:
    before = shown((1, 0, "completed"), (2, 0, "late"), (3, 0, "completed"))

    (part,) = without_responses([before], CLOCK_BEGAN_ANEW)

    assert part.presentations.outcome == ("not_heard", "late", "not_heard")
    assert part.presentations.reason == (CLOCK_BEGAN_ANEW, "why", CLOCK_BEGAN_ANEW)
    assert (part.presentations.response_counts == -1).all()
    assert waiting(part) == [(1, 0), (2, 0), (3, 0)]


@pytest.fixture
def log(tmp_path) -> LogReader:  # type: ignore[no-untyped-def]
    return open_log(write_synthetic_log(tmp_path, end=None))


def interrupted(*finished: FinishedPart, wrong: bool = False) -> InterruptedBlock:
    """A block of which image 9 was reported, with another hash or not, and image 8 was not."""
    ids, codes = np.array([8, 9]), np.zeros((2, 1), np.float32)
    asked = AskedGeneration(0, 3, ids, codes, (SHA256, SHA256), {})
    rows = tuple(PlannedRow(500 + i, 9, 0, i, 0, 0.0, 0.0, 4.0) for i in (8, 9))
    sha256 = "b" * 64 if wrong else SHA256
    report = PresentedRow(509, sha256, 1.0, 1.1, 6, 0)
    opened = OpenedBlock(3, 0.0, "", (asked,))
    return InterruptedBlock(opened, finished, PlannedPart(3, 7, rows), {509: report})


def test_what_was_being_shown_stands_in_the_log_with_why_it_has_no_response(
    log: LogReader,
) -> None:
    going_on = where_to_go_on(CutOff(log, interrupted()), session_config())

    (part,) = going_on.earlier
    assert part.cut_off
    assert part.presentations.outcome == ("not_shown", "not_heard")
    assert all(text.startswith("the session was cut off") for text in part.presentations.reason)


def test_an_image_that_was_shown_wrongly_is_known_as_such_afterwards(log: LogReader) -> None:
    going_on = where_to_go_on(CutOff(log, interrupted(wrong=True)), session_config())

    (part,) = going_on.earlier
    assert part.presentations.outcome == ("not_shown", "wrong_image")
    assert part.presentations.reason[1] == "other pixels were shown than were sent for this image"


def test_with_show_whole_earlier_responses_are_kept_but_belong_to_no_score(
    log: LogReader,
) -> None:
    first = shown((1, 0, "completed"), (2, 0, "late"))
    config = session_config("scoring.interrupted_block=show_whole")

    going_on = where_to_go_on(CutOff(log, interrupted(first)), config)

    kept = going_on.earlier[0].presentations
    assert kept.outcome == ("set_aside", "late")
    assert kept.reason[0] != ""
    assert (kept.response_counts == 1).all()
    again = where_to_go_on(
        CutOff(log, replace(interrupted(), finished=going_on.earlier)), session_config()
    )
    assert again.earlier[0].presentations.outcome == ("set_aside", "late")
