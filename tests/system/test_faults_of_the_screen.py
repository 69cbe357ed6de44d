"""Faults of the stimulus process: real ones that die, fail, and show what they were not sent."""

import json

import numpy as np
import pytest

from sessions.checks import run_checks
from sessions.reader import LogReader

from .conftest import VIRTUAL, Lab

pytestmark = pytest.mark.system

STEADY = (*VIRTUAL, "rig.settings.failed_trial_probability=0", "stopping.max_generations=2")


def faulted(lab: Lab, fault: str) -> str:
    """Run a session whose stimulus process misbehaves; return what its operator reads."""
    lab.misbehave(fault)
    sets = [word for override in STEADY for word in ("--set", override)]
    done = lab.neuroloop("run", str(lab.config), *sets)
    assert done.returncode == 4, done.stderr
    return done.stderr


def gone_on(lab: Lab) -> LogReader:
    """Go on with the session, now with processes that behave, to its good end."""
    lab.behave()
    done = lab.neuroloop("resume", str(lab.the_log().path.parent))
    assert done.returncode == 0, done.stderr
    log = lab.the_log()
    assert log.generations_committed == 2
    assert [f.message for f in run_checks(log) if f.severity == "error"] == []
    assert set(log.scores.n_valid.tolist()) == {1}
    return log


def test_a_stimulus_process_killed_between_upload_and_first_flip_has_shown_nothing(
    lab: Lab,
) -> None:
    said = faulted(lab, "killed_before_first_flip")

    assert "the stimulus process was killed by SIGKILL" in said
    shown = gone_on(lab).presentations
    before = shown.part == 0
    assert set(shown.outcome[before & (shown.block == 0)]) == {"not_shown"}
    assert set(shown.outcome[~before | (shown.block > 0)]) == {"completed"}


def test_graphics_that_fail_within_a_block_end_the_session_in_a_sentence(lab: Lab) -> None:
    said = faulted(lab, "context_lost")

    assert "the stimulus process cannot go on: unexpected OSError: GL_CONTEXT_LOST" in said
    end = lab.the_log().end
    assert end is not None
    assert end.exit_status == "fail"


def test_pixels_with_a_wrong_hash_are_never_scored(lab: Lab) -> None:
    said = faulted(lab, "wrong_hash")

    told = (lab.folder / "misbehaviour.jsonl").read_text(encoding="utf-8")
    image_id = json.loads(told)["image_id"]
    assert f"showed other pixels than it was sent for image {image_id}" in said
    log = gone_on(lab)
    shown = log.presentations
    wrong = shown.outcome == "wrong_image"
    assert shown.image_id[wrong].tolist() == [image_id]
    assert any(f.check == "wrong images" and f.severity == "warning" for f in run_checks(log))
    assert shown.shown_sha256[wrong].tolist() == ["0" * 64]
    mine = (shown.image_id == image_id) & (shown.block == 0)
    assert np.count_nonzero(shown.outcome[mine] == "completed") == 1
