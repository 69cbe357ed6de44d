"""What an operator sees of a session: pace, time to go, and the lines of text that say so."""

import pytest
from rich.console import Console

from controller.cli.output import _wrapped
from controller.cli.watch import (
    clock,
    generation_line,
    pace,
    part_text,
    status_lines,
    thread_text,
    view,
)
from controller.control.messages import PartStatus, SessionStatus, ThreadStatus
from controller.progress import Progress
from controller.stopwatch import Stopwatch

from .conftest import Clock


def progress_at(now: Clock, blocks: int, block_s: float) -> Progress:
    progress = Progress(started_s=now.now_s - 5.0)
    progress.first_block_s = now.now_s
    now.now_s += blocks * block_s
    progress.block_done(blocks)
    return progress


def test_before_the_first_block_nothing_is_known(now: Clock) -> None:
    progress = Progress(started_s=now.now_s - 5.0)

    assert progress.elapsed_s() == 5.0
    assert progress.running_s() == 0.0
    assert progress.images_per_s() is None
    assert progress.eta_s(10, 30.0) is None


def test_the_time_to_go_follows_from_the_pace_of_complete_blocks(now: Clock) -> None:
    progress = progress_at(now, blocks=4, block_s=10.0)

    assert progress.eta_s(10, None) == 60.0
    now.now_s += 9.0
    assert progress.eta_s(10, None) == 51.0


def test_the_time_to_go_is_never_negative(now: Clock) -> None:
    progress = progress_at(now, blocks=4, block_s=10.0)
    now.now_s += 1000.0

    assert progress.eta_s(10, None) == 0.0
    assert progress.eta_s(None, 1.0) == 0.0


def test_the_first_stopping_rule_to_apply_counts(now: Clock) -> None:
    progress = progress_at(now, blocks=4, block_s=10.0)

    assert progress.eta_s(10, 1.0) == 20.0
    assert progress.eta_s(10, 60.0) == 60.0
    assert progress.eta_s(None, None) is None


def test_the_pace_counts_completed_presentations_only(now: Clock) -> None:
    progress = progress_at(now, blocks=1, block_s=10.0)
    progress.outcomes.update({"completed": 50, "failed_trial": 25})

    assert progress.images_per_s() == 5.0


def test_a_lap_says_where_the_time_went_and_begins_anew(now: Clock) -> None:
    watch = Stopwatch()
    for _ in range(2):
        with watch.measure("render"):
            now.now_s += 1.5
    now.now_s += 1.0
    watch.add("log", 0.5)
    watch.add("wire", -3.0)

    assert watch.lap() == {"render": 3.0, "log": 0.5, "wire": 0.0, "other": 0.5, "total": 4.0}
    assert watch.lap() == {"other": 0.0, "total": 0.0}


def test_time_is_measured_although_the_stage_fails(now: Clock) -> None:
    watch = Stopwatch()

    def fail() -> None:
        with watch.measure("render"):
            now.now_s += 2.0
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert watch.lap()["render"] == 2.0


THREAD = ThreadStatus(
    thread_id=0,
    name="CMA-ES [a]",
    generation=3,
    score_mean=30.0,
    score_sem=2.04,
    reference_mean=12.0,
)
PART = PartStatus(
    part=0,
    images=50,
    image_id=160,
    attempt=1,
    max_attempts=5,
    late=0,
    fixations_broken=0,
    earlier_outcomes={},
)
STATUS = SessionStatus(
    session_id="demo-1",
    state="running",
    label="virtual time: no screen",
    folder="/runs/demo-1",
    block=4,
    max_generations=16,
    elapsed_s=62.4,
    eta_s=3599.7,
    images_per_s=5.44,
    presentations_done=10,
    presentations_planned=50,
    part=PART,
    outcomes={"completed": 200, "failed_trial": 30, "late": 1},
    threads=(THREAD,),
    message="the session goes on",
)


def test_the_status_is_told_in_lines() -> None:
    assert list(status_lines(STATUS)) == [
        "demo-1: running (virtual time: no screen), 4 of 16 generations done",
        "  CMA-ES [a]: evolved 30.0 ± 2.0 sp/s, references 12.0 sp/s",
        "  generation 5: 10 of 50 presentations shown",
        "  presentations of the session: 200 completed, 30 failed trial, 1 late",
        "  1:02 elapsed, 5.4 images/s, about 1:00:00 to go",
        "  the session goes on",
        "  log in /runs/demo-1",
    ]


def test_where_the_search_stands_and_what_the_optimizer_advises_is_told() -> None:
    figures = {
        "code_norm": 317.6,
        "sigma": 2.412,
        "exploration_angle_deg": 31.4,
        "step_angle_deg": 6.04,
        "advice": ("sigma has grown to 4e+03: start again",),
    }
    told = STATUS.model_copy(update={"threads": (THREAD.model_copy(update=figures),)})
    search = "codes of norm 318, sigma 2.41, looks 31° around its mean, which turned by 6.0°"

    assert list(status_lines(told))[2:4] == [
        f"    {search}",
        "    sigma has grown to 4e+03: start again",
    ]
    console = Console(width=100, record=True)
    console.print(view(told))
    shown = console.export_text()
    assert f"CMA-ES [a]: {search}" in shown
    assert "CMA-ES [a]: sigma has grown to 4e+03: start again" in shown


def test_a_session_without_limit_or_numbers_is_told_in_lines_too() -> None:
    young = STATUS.model_copy(
        update={"max_generations": None, "label": "", "eta_s": None, "images_per_s": None}
    )

    assert next(iter(status_lines(young))) == "demo-1: running, 4 generations done"
    assert pace(young) == "1:02 elapsed"


def test_what_is_shown_again_is_told_with_image_attempt_and_what_went_wrong_before() -> None:
    again = PART.model_copy(
        update={
            "part": 1,
            "images": 12,
            "attempt": 2,
            "late": 1,
            "fixations_broken": 3,
            "earlier_outcomes": {"failed_trial": 12, "completed": 38},
        }
    )

    assert part_text(STATUS, again) == (
        "generation 5: 12 images again, 10 of 50 shown; image 160, attempt 2 of 5; 1 late, "
        "3 broken fixations; before: 38 completed, 12 failed trial"
    )


def test_the_wait_for_the_last_spikes_is_told() -> None:
    waiting = PART.model_copy(update={"waiting_for": "the last spikes"})

    assert part_text(STATUS, waiting) == ("generation 5: all 50 shown, waiting for the last spikes")


def test_images_without_a_score_are_told() -> None:
    thread = THREAD.model_copy(update={"n_images": 40, "n_scored": 37})

    assert thread_text(thread).endswith(", 3 of 40 images without a score")


def test_a_generation_is_one_line() -> None:
    assert generation_line(STATUS) == (
        "generation 4/16: CMA-ES [a] evolved 30.0 ± 2.0 sp/s, references 12.0 sp/s; "
        "1:02 elapsed, 5.4 images/s, about 1:00:00 to go"
    )


def test_a_thread_without_a_number_says_so() -> None:
    def told(**missing: None) -> str:
        return thread_text(THREAD.model_copy(update=missing))

    assert told(score_mean=None) == "no image has a score"
    assert told(score_sem=None) == "evolved 30.0 sp/s, references 12.0 sp/s"
    assert told(reference_mean=None) == "evolved 30.0 ± 2.0 sp/s"


@pytest.mark.parametrize("state", ["idle", "paused", "finishing", "finished", "faulted"])
def test_a_session_that_does_not_go_on_has_no_time_to_go(state: str) -> None:
    assert pace(STATUS.model_copy(update={"state": state})) == "1:02 elapsed, 5.4 images/s"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0:00"), (59.4, "0:59"), (59.6, "1:00"), (3599.6, "1:00:00"), (36_061, "10:01:01")],
)
def test_durations_are_told_as_clocks_do(seconds: float, told: str) -> None:
    assert clock(seconds) == told


def seen(status: SessionStatus | None) -> str:
    console = Console(width=120)
    with console.capture() as captured:
        console.print(view(status))
    return captured.get()


def test_the_live_view_shows_state_threads_gain_and_pace() -> None:
    text = seen(STATUS)

    for part in (
        "demo-1  running",
        "CMA-ES [a]",
        "×2.50",
        "4 of 16 generations done",
        "5.4 images/s",
    ):
        assert part in text
    assert seen(None) == "starting the session…\n"


def test_the_live_view_has_no_gain_over_references_that_are_silent_or_missing() -> None:
    for mean in (0.0, None):
        thread = THREAD.model_copy(update={"reference_mean": mean})
        assert "×" not in seen(STATUS.model_copy(update={"threads": (thread,)}))
    nothing = THREAD.model_copy(update={"score_mean": None})
    assert "–" in seen(STATUS.model_copy(update={"threads": (nothing,), "max_generations": None}))


@pytest.mark.parametrize(("unattended", "times"), [(1, "once"), (12, "12 times")])
def test_a_spot_that_nobody_looks_at_is_told_while_it_waits(unattended: int, times: str) -> None:
    part = PART.model_copy(update={"late": 1, "unattended": unattended})
    waiting = STATUS.model_copy(update={"part": part})
    told = f"10 of 50 presentations shown; 1 late, waits for the animal to look, {times} in vain"

    assert f"  generation 5: {told}" in status_lines(waiting)
    assert told in seen(waiting)
    assert "waits for the animal" not in seen(STATUS)


def test_alarms_are_shown_with_what_to_do_while_the_session_waits() -> None:
    alarmed = STATUS.model_copy(update={"alarms": ("audit of block 3: no.",), "state": "paused"})
    wanted = "The session waits for you: neuroloop resume, or neuroloop stop."

    lines = list(status_lines(alarmed))
    assert "  ALARM: audit of block 3: no." in lines
    assert f"  {wanted}" in lines
    assert "ALARM: audit of block 3: no." in seen(alarmed)
    assert wanted in seen(alarmed)
    assert wanted not in seen(alarmed.model_copy(update={"state": "running"}))


def test_the_live_view_has_a_line_for_each_kind_of_news_and_fits_a_narrow_terminal() -> None:
    part = PART.model_copy(update={"part": 1, "earlier_outcomes": {"completed": 38}, "late": 1})
    console = Console(width=60)
    with console.capture() as captured:
        console.print(view(STATUS.model_copy(update={"part": part})))
    lines = captured.get().splitlines()

    assert all(len(line) <= 60 for line in lines)
    for begin in ("now ", "before ", "session ", "time "):
        assert [line for line in lines if line.startswith(begin)]
    text = " ".join(captured.get().split())
    assert "image 160, attempt 1 of 5; 1 late" in text
    assert "38 completed in this generation" in text
    assert "200 completed, 30 failed trial, 1 late" in text


def test_a_thread_without_scores_is_seen_as_such() -> None:
    thread = THREAD.model_copy(update={"score_mean": None, "n_images": 40, "n_scored": 0})

    assert "40 of 40" in seen(STATUS.model_copy(update={"threads": (thread,)}))


def test_sentences_are_broken_between_words_in_a_terminal_and_nowhere_else() -> None:
    sentence = "the session ended by a fault: see /a/very/long/path/that-must-be-copied/daemon.log"

    def printed(terminal: bool) -> list[str]:
        console = Console(width=30, force_terminal=terminal, soft_wrap=True, color_system=None)
        return _wrapped(console, sentence).splitlines()

    assert printed(False) == [sentence]
    assert printed(True)[0] == "the session ended by a fault:"
    assert "/a/very/long/path/that-must-be-copied/daemon.log" in printed(True)[-1]
