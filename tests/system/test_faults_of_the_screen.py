"""Faults of the stimulus process: real ones that die, fail, and show what they were not sent."""

import json

import numpy as np
import pytest

from sessions.checks import run_checks
from sessions.reader import LogReader

from .conftest import VIRTUAL, Lab

pytestmark = pytest.mark.system

STEADY = (*VIRTUAL, "rig.settings.failed_trial_probability=0", "stopping.max_generations=2")


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
