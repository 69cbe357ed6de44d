"""Whole sessions through folders: another program shows the images and counts the spikes."""

import json
import math
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from controller.control import messages as c
from controller.testing.folder_campaign import MISCHIEF, judge, session
from rig_adapters.testing.recorder_contract import emulating
from sessions.reader import open_log

from .conftest import Lab, wait_for

pytestmark = pytest.mark.system

THROUGH_FOLDERS = (
    "stopping.max_generations=2",
    "threads.0.optimizer.population_size=8",
    "references.count=2",
    "supervision.max_restarts=0",
)
PRESENTATIONS = 2 * (8 + 2)


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, str]:
    """Where images and replies go."""
    for name in ("images", "replies"):
        (tmp_path / name).mkdir()
    return {
        "image_folder": str(tmp_path / "images"),
        "reply_folder": str(tmp_path / "replies"),
    }


def through(lab: Lab, folders: Mapping[str, str], **settings: Any) -> None:
    """Have the lab's session go through these folders."""
    images, replies = (Path(folder) for folder in folders.values())
    lab.config.write_text(session(images, replies, **settings), encoding="utf-8")


def test_a_session_through_folders_scores_what_the_rig_wrote(
    lab: Lab, folders: dict[str, str]
) -> None:
    through(lab, folders)
    # Images are left out of replies, told in any order, and replies come in pieces, or again.
    told = {"vendor": folders, "mischief": MISCHIEF}
    with emulating("xdream", told, lab.folder) as emulated:
        log = lab.run(*THROUGH_FOLDERS)
        truth = emulated.truth()

    assert log.end is not None
    assert log.end.exit_status == "success"
    verdict = judge(log, truth)
    assert verdict.is_good, verdict
    assert verdict.presentations - verdict.left_out == PRESENTATIONS
    assert log.start.response_window_s is None
    assert log.start.rig_simulated
    assert not len(log.spikes.rig_time_s)
    generated = log.scores.score[log.scores.kind == "generated"]
    assert len(generated) == 16
    assert np.isfinite(generated).all()
    assert not any(math.isfinite(flip) for flip in log.presentations.flip_on_host_s)
    assert list(Path(folders["image_folder"]).iterdir()) == []


def test_a_rig_that_does_not_answer_pauses_the_session_and_a_dead_daemon_is_gone_on_after(
    lab: Lab, folders: dict[str, str]
) -> None:
    through(lab, folders, reply_deadline_s=8.0)
    lab.start(*THROUGH_FOLDERS, "stopping.max_generations=3")
    status = lab.wait_for_status(lambda s: s.state == "paused", "a pause")
    assert "no responses to block 0" in status.message
    assert "block000.mat" in status.message
    assert list(Path(folders["image_folder"]).iterdir()) == []

    with emulating(
        "xdream", {"vendor": {**folders, "format": "h5", "answer_s": 0.5}}, lab.folder
    ) as emulated:
        lab.command(c.Resume())
        lab.wait_for_block(1)
        # Wherever it is: images may lie there, and a reply may be on its way.
        psutil.Process(lab.daemon_pid()).send_signal(signal.SIGKILL)
        lab.started[-1].wait()
        wait_for(lambda: not lab.processes(), "the end of all processes")
        folder = lab.logs()[0].parent
        done = lab.neuroloop("resume", str(folder))
        assert done.returncode == 0, done.stderr + lab.daemon_log()
        truth = emulated.truth()

    log = open_log(folder)
    assert (log.presentations.outcome == "completed").sum() == 3 * (8 + 2)
    verdict = judge(log, truth)
    assert (verdict.not_marked, verdict.wrong_responses, verdict.complaints) == (0, 0, 0)
    blocks = log.replies.folder_block.tolist()
    assert blocks == sorted(set(blocks))
    assert blocks[0] > 0
    lab.is_clean()


def test_preflight_looks_at_the_folders_and_leaves_them_alone(
    lab: Lab, folders: dict[str, str]
) -> None:
    through(lab, folders)
    words = [word for override in THROUGH_FOLDERS for word in ("--set", override)]
    done = lab.neuroloop("preflight", str(lab.config), "--json", *words)
    assert done.returncode == 0, done.stderr
    states = {row["what"]: row["state"] for row in json.loads(done.stdout)["findings"]}
    assert states["folders"] == states["driver units"] == "pass"
    assert list(Path(folders["image_folder"]).iterdir()) == []

    (Path(folders["reply_folder"]) / "block003.mat").write_bytes(b"old")
    done = lab.neuroloop("preflight", str(lab.config), "--json", *words)
    assert done.returncode == 6
    assert "another session" in done.stdout

    done = lab.neuroloop("rig", "test", str(lab.config), "--json", *words)
    assert done.returncode == 6
    assert "neuroloop preflight" in done.stdout
