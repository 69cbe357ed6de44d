"""Sessions that were cut off go on: nothing committed is lost, nothing committed is shown again."""

import os
import signal
from pathlib import Path

import h5py
import numpy as np
import pytest

from controller import assembly
from controller.control.messages import Pause, Stop
from controller.replay.configs import logged_config
from controller.resume import tell_again
from sessions.checks import run_checks
from sessions.journal import blocks_with_journals
from sessions.reader import LogReader
from sessions.recover import recover

from .conftest import ENDLESS, PATIENCE_S, VIRTUAL, Lab, wait_for

pytestmark = pytest.mark.system

FOUR = (*VIRTUAL, "stopping.max_generations=4", "scoring.repeats=4")
"""Four blocks of 200 presentations."""


def codes_of_an_uninterrupted_run_differ(log: LogReader) -> list[str]:
    """Tell fresh optimizers the log, and say where they ask for other codes than were shown."""
    config = logged_config(log)
    return tell_again(assembly.build_threads(config, assembly.build_generators(config)), log)


def errors_in(log: LogReader) -> list[str]:
    return [finding.message for finding in run_checks(log) if finding.severity == "error"]


def cut_off(lab: Lab, *overrides: str, at: str) -> Path:
    """Run a session whose daemon is killed at `BLOCK:PART:N`; return its folder."""
    told = lab.misbehave(*(f"killed_at={place}" for place in at.split()))
    run = lab.start(*overrides)
    run.communicate(timeout=PATIENCE_S)
    lab.started.remove(run)
    assert told.is_file(), lab.daemon_log()
    (log,) = lab.logs()
    return log.parent


def test_a_session_goes_on_after_a_kill_with_the_codes_it_would_have_shown(lab: Lab) -> None:
    folder = cut_off(lab, *FOUR, at="2:0:30")
    with h5py.File(folder / "session.h5", "r") as file:
        committed = int(file.attrs["generations_committed"])
    recovered = recover(folder)
    assert recovered.interrupted is not None
    asked = recovered.interrupted.opened.threads[0]

    done = lab.neuroloop("resume", str(folder))

    assert done.returncode == 0, done.stderr + lab.daemon_log()
    after = lab.the_log()
    assert (after.generations_committed, committed >= 2) == (4, True)
    assert errors_in(after) == []
    assert codes_of_an_uninterrupted_run_differ(after) == []
    codes = after.codes(0)
    rows = codes.generation == committed
    np.testing.assert_array_equal(codes.image_id[rows], asked.image_ids)
    np.testing.assert_array_equal(codes.code[rows], asked.codes)
    assert any("goes on with block" in text for text in after.events.text)
    assert blocks_with_journals(folder) == []


def test_what_had_its_response_is_not_shown_again(lab: Lab) -> None:
    folder = cut_off(lab, *FOUR, "behaviour.correct_probability=0.7", at="2:0:100")

    assert lab.neuroloop("resume", str(folder)).returncode == 0
    shown = lab.the_log().presentations

    # Four responses were asked for of each image, and no image got more.
    for block in np.unique(shown.block):
        completed = shown.image_id[(shown.block == block) & (shown.outcome == "completed")]
        assert np.unique(completed, return_counts=True)[1].max() <= 4
    assert len(np.unique(shown.presentation_id)) == len(shown.presentation_id)


def test_with_show_whole_a_block_that_was_cut_off_is_shown_anew_as_a_whole(lab: Lab) -> None:
    whole = ("scoring.interrupted_block=show_whole", "behaviour.correct_probability=0.7")
    folder = cut_off(lab, *FOUR, *whole, at="1:1:5")

    assert lab.neuroloop("resume", str(folder)).returncode == 0
    log = lab.the_log()

    shown = log.presentations
    assert errors_in(log) == []
    assert (log.scores.n_valid[log.scores.kind == "generated"] <= 4).all()
    (block,) = set(shown.block[shown.outcome == "set_aside"].tolist())
    for image_id in np.unique(shown.image_id[shown.block == block]):
        mine = (shown.block == block) & (shown.image_id == image_id)
        before = np.count_nonzero(shown.outcome[mine] == "set_aside")
        # All four responses are new, whatever it had before.
        assert np.count_nonzero(shown.attempt[mine] == 0) >= 4 + before
    assert {
        r for r in shown.reason[shown.outcome == "set_aside"] if "whole block" not in r
    } == set()


def test_a_session_that_is_cut_off_twice_in_a_block_keeps_all_that_was_shown(lab: Lab) -> None:
    one = (*FOUR, "stopping.max_generations=1")
    folder = cut_off(lab, *one, at="0:0:100 0:1:100")
    again = lab.go_on(folder)
    again.communicate(timeout=PATIENCE_S)
    wait_for(lambda: not lab.processes(), "the end of all processes")

    assert lab.neuroloop("resume", str(folder)).returncode == 0
    log = lab.the_log()

    assert errors_in(log) == []
    # Ids count on without a hole, so no presentation of any of the three runs is missing.
    ids = log.presentations.presentation_id
    assert np.array_equal(np.sort(ids), np.arange(len(ids)))


def test_a_session_killed_while_paused_goes_on(lab: Lab) -> None:
    run = lab.start(*VIRTUAL, ENDLESS)
    lab.wait_for_block(2)
    lab.command(Pause())
    paused = lab.wait_for_state("paused")
    os.kill(lab.daemon_pid(), signal.SIGKILL)
    run.communicate(timeout=PATIENCE_S)
    lab.started.remove(run)
    (log,) = lab.logs()

    done = lab.neuroloop("resume", str(log.parent), "--detach")
    assert done.returncode == 0, done.stderr
    lab.wait_for_block(paused.block + 1)
    lab.command(Stop())
    wait_for(lambda: lab.card() is None, "the end of the session")

    after = lab.the_log()
    assert errors_in(after) == []
    assert codes_of_an_uninterrupted_run_differ(after) == []


def test_an_aborted_session_can_go_on_and_a_complete_one_cannot(lab: Lab) -> None:
    lab.hold_at(place := "1:0:30")
    run = lab.start(*FOUR)
    lab.wait_until_held(place)
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=PATIENCE_S)
    (log,) = lab.logs()
    assert lab.the_log().end is not None

    assert lab.neuroloop("resume", str(log.parent)).returncode == 0
    assert errors_in(lab.the_log()) == []
    again = lab.neuroloop("resume", str(log.parent))
    assert again.returncode == 2
    assert "ended well, so there is nothing to go on with" in again.stderr


def test_a_running_session_is_not_resumed_a_second_time(lab: Lab) -> None:
    lab.hold_at(place := "0:0:20")
    run = lab.start(*VIRTUAL, ENDLESS)
    lab.wait_until_held(place)
    (log,) = lab.logs()

    done = lab.neuroloop("resume", str(log.parent))

    assert done.returncode == 5
    assert "is still running" in done.stderr
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=PATIENCE_S)
