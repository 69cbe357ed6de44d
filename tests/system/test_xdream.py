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
from rig_adapters.emulators.truth import Truth
from rig_adapters.testing.recorder_contract import emulating
from sessions.checks import run_checks
from sessions.reader import LogReader, open_log

from .conftest import Lab, wait_for
from .recorders import use_adapter

pytestmark = pytest.mark.system

THROUGH_FOLDERS = (
    "stopping.max_generations=3",
    "generators.embedded.code_dim=256",
    "threads.0.optimizer.population_size=8",
    "threads.0.driver_units=[200]",
    "references.count=2",
    "display.kind=folder",
    "scoring.response_window_s=as_reported",
    "supervision.max_restarts=0",
)
PRESENTATIONS = 3 * (8 + 2)


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Any]:
    """What the process at the folders is told."""
    for name in ("images", "replies"):
        (tmp_path / name).mkdir()
    return {
        "image_folder": str(tmp_path / "images"),
        "reply_folder": str(tmp_path / "replies"),
        "channels": 4,
        "reply_deadline_s": 60.0,
        "settled_s": 0.2,
        "emulated": True,
    }


def through(lab: Lab, settings: Mapping[str, Any]) -> None:
    """Have the lab's session go through folders: no patch, no animal, no reward of its own."""
    use_adapter(lab, "xdream", settings)
    text = lab.config.read_text(encoding="utf-8")
    for table in ("[display.photodiode]", "[behaviour]", "[reward]"):
        head, _, rest = text.partition(f"\n{table}")
        text = head + rest[rest.index("\n[") :]
    lab.config.write_text(f'{text}\n[behaviour]\nkind = "always"\n', encoding="utf-8")


def rig(settings: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Return what the emulated rig at the same folders is told."""
    return {name: settings[name] for name in ("image_folder", "reply_folder")} | more


def responses_are_those_that_were_sent(log: LogReader, truth: Truth) -> int:
    """Compare what is logged of every presentation with what the rig says that it wrote."""
    assert [f.message for f in run_checks(log) if f.severity == "error"] == []
    sent = {
        name: values
        for event in truth.events
        if event["event"] == "reply"
        for name, values in zip(event["names"], event["values"], strict=True)
    }
    shown, reported = log.presentations, log.reported
    outcome = dict(zip(shown.presentation_id.tolist(), shown.outcome.tolist(), strict=True))
    n = 0
    for presentation_id, file, rates in zip(
        reported.presentation_id.tolist(), reported.file.tolist(), reported.rates, strict=True
    ):
        assert (outcome[presentation_id] == "completed") == (file in sent)
        if file in sent:
            np.testing.assert_array_equal(rates, sent[file])
            n += 1
    assert n == list(outcome.values()).count("completed")
    return n


@pytest.mark.parametrize("format", ["mat", "h5"])
def test_a_session_through_folders_scores_what_the_rig_wrote(
    lab: Lab, folders: dict[str, Any], format: str
) -> None:
    through(lab, folders)
    # Some images are left out of replies, and some replies come in two pieces.
    mischief = {"drop": 0.1, "half": 0.5} if format == "mat" else {}
    told = {"vendor": rig(folders, format=format), "mischief": mischief}
    with emulating("xdream", told, lab.folder) as emulated:
        log = lab.run(*THROUGH_FOLDERS)
        truth = emulated.truth()

    assert log.end is not None
    assert log.end.exit_status == "success"
    assert responses_are_those_that_were_sent(log, truth) == PRESENTATIONS
    assert log.start.response_window_s is None
    assert log.start.rig_simulated
    assert not len(log.spikes.rig_time_s)
    generated = log.scores.score[log.scores.kind == "generated"]
    assert len(generated) == 24
    assert np.isfinite(generated).all()
    assert not any(math.isfinite(flip) for flip in log.presentations.flip_on_host_s)
    assert list(Path(folders["image_folder"]).iterdir()) == []


def test_a_rig_that_does_not_answer_pauses_the_session_and_a_dead_daemon_is_gone_on_after(
    lab: Lab, folders: dict[str, Any]
) -> None:
    through(lab, {**folders, "reply_deadline_s": 1.0})
    lab.start(*THROUGH_FOLDERS)
    status = lab.wait_for_status(lambda s: s.state == "paused", "a pause")
    assert "no responses to block 0" in status.message
    assert "block000.mat" in status.message
    assert list(Path(folders["image_folder"]).iterdir()) == []

    with emulating("xdream", {"vendor": rig(folders, answer_s=0.3)}, lab.folder) as emulated:
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
    assert responses_are_those_that_were_sent(log, truth) == PRESENTATIONS
    blocks = log.replies.folder_block.tolist()
    assert blocks == sorted(set(blocks))
    assert blocks[0] > 0
    lab.is_clean()


def test_preflight_looks_at_the_folders_and_leaves_them_alone(
    lab: Lab, folders: dict[str, Any]
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
