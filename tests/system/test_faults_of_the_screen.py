"""Faults of the stimulus process: real ones that die, fail, and show what they were not sent."""

import json
import signal
import time
from typing import Any

import numpy as np
import psutil
import pytest

from sessions.checks import run_checks
from sessions.reader import LogReader

from .conftest import PATIENCE_S, VIRTUAL, Lab, wait_for

pytestmark = pytest.mark.system

STEADY = (*VIRTUAL, "behaviour.kind=always", "stopping.max_generations=2")


def outlived(lab: Lab, fault: str) -> tuple[str, LogReader]:
    """Run a session whose stimulus process misbehaves once; return what is said, and its log."""
    lab.misbehave(fault)
    log = lab.run(*STEADY)
    is_whole(log)
    (said,) = log.events.text[log.events.kind == "interruption"]
    return str(said), log


def is_whole(log: LogReader) -> None:
    assert log.generations_committed == 2
    assert [f.message for f in run_checks(log) if f.severity == "error"] == []
    assert set(log.scores.n_valid.tolist()) == {1}


def test_a_stimulus_process_killed_between_upload_and_first_flip_has_shown_nothing(
    lab: Lab,
) -> None:
    said, log = outlived(lab, "killed_before_first_flip")

    assert "the stimulus process was killed by SIGKILL" in said
    shown = log.presentations
    before = shown.part == 0
    assert set(shown.outcome[before & (shown.block == 0)]) == {"not_shown"}
    assert set(shown.outcome[~before | (shown.block > 0)]) == {"completed"}


def test_graphics_that_fail_within_a_block_are_started_anew(lab: Lab) -> None:
    said, _ = outlived(lab, "context_lost")

    assert "the stimulus process cannot go on: unexpected OSError: GL_CONTEXT_LOST" in said


STOPPED_S = 0.3
WINDOW = (
    "stopping.max_generations=1",
    "generators.main.code_dim=256",
    "threads.0.optimizer.population_size=6",
    "references.count=2",
    "behaviour.kind=always",
    "scoring.max_attempts=20",
    "display.max_dropped_frames=1",
)
"""A short session in a real window; a busy machine drops frames at other times too."""


def told_of(lab: Lab, fault: str) -> dict[str, Any]:
    lines = (lab.folder / "misbehaviour.jsonl").read_text(encoding="utf-8").splitlines()
    (found,) = [note for note in map(json.loads, lines) if note["fault"] == fault]
    return dict(found)


def presented_at(log: LogReader, block: int, part: int, index: int) -> dict[str, Any]:
    """Return the row of the presentation at a place, where a fault came to it."""
    shown = log.presentations
    row = np.flatnonzero((shown.block == block) & (shown.part == part))[index]
    names = ("image_id", "dropped_frames", "frames_shown", "on_frames", "outcome", "reason")
    return {name: getattr(shown, name)[row] for name in names}


def test_stalls_and_a_lost_window_are_found_where_they_came_and_that_gets_no_score(
    lab: Lab,
) -> None:
    # The third comes to the part in which the first two presentations are shown again.
    stalled, stopped, hidden = "stalled_at=0:0:1", "stopped_at=0:0:4", "hidden_at=0:1:0"
    told = lab.misbehave(stalled, stopped, hidden)
    run = lab.start(*WINDOW)
    wait_for(lambda: told.is_file() and stopped in told.read_text(encoding="utf-8"), "the stop")
    stimulus = psutil.Process(lab.children()["rig_adapters.stimulus"])
    wait_for(lambda: stimulus.status() == psutil.STATUS_STOPPED, "it to be stopped")
    time.sleep(STOPPED_S)
    stimulus.send_signal(signal.SIGCONT)
    output, _ = run.communicate(timeout=PATIENCE_S)

    assert run.returncode == 0, output
    log = lab.the_log()
    for fault, index, at_least_s in ((stalled, 1, 0.05), (stopped, 4, STOPPED_S)):
        row = presented_at(log, 0, 0, index)
        assert row["image_id"] == told_of(lab, fault)["image_id"]
        assert row["dropped_frames"] >= int(60 * at_least_s) - 1
        assert row["frames_shown"] == row["on_frames"] + row["dropped_frames"]
        assert row["outcome"] == "late"
        assert "frames were dropped while it was due, and at most 1 may be" in row["reason"]
    row = presented_at(log, 0, 1, 0)
    assert row["image_id"] == told_of(lab, hidden)["image_id"]
    assert row["dropped_frames"] >= row["on_frames"] - 1
    assert row["outcome"] == "not_heard"
    (said,) = log.events.text[log.events.kind == "interruption"]
    assert "the window is not on the screen any more" in said
    completed = log.presentations.outcome == "completed"
    assert (log.presentations.dropped_frames[completed] <= 1).all()
    for image_id, n_valid in zip(log.scores.image_id, log.scores.n_valid, strict=True):
        assert n_valid == np.count_nonzero(log.presentations.image_id[completed] == image_id)
    assert [f.message for f in run_checks(log) if f.severity == "error"] == []


def test_pixels_with_a_wrong_hash_are_never_scored(lab: Lab) -> None:
    lab.misbehave("wrong_hash")
    sets = [word for override in STEADY for word in ("--set", override)]
    done = lab.neuroloop("run", str(lab.config), *sets)
    assert done.returncode == 4, done.stderr

    told = (lab.folder / "misbehaviour.jsonl").read_text(encoding="utf-8")
    image_id = json.loads(told)["image_id"]
    assert f"showed other pixels than it was sent for image {image_id}" in done.stderr
    again = lab.neuroloop("resume", str(lab.the_log().path.parent))
    assert again.returncode == 0, again.stderr
    log = lab.the_log()
    is_whole(log)
    shown = log.presentations
    wrong = shown.outcome == "wrong_image"
    assert shown.image_id[wrong].tolist() == [image_id]
    assert any(f.check == "wrong images" and f.severity == "warning" for f in run_checks(log))
    assert shown.shown_sha256[wrong].tolist() == ["0" * 64]
    mine = (shown.image_id == image_id) & (shown.block == 0)
    assert np.count_nonzero(shown.outcome[mine] == "completed") == 1
