"""Thousands of presentations through the folders of a rig that leaves out, cuts and mixes up.

A whole session and an emulated rig, as they are used, on loopback and in real time. Then what the
log says of each presentation is compared with what the rig says that it wrote.
"""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from controller.cli.config_commands import template
from rig_adapters.emulators.truth import Truth
from rig_adapters.testing.recorder_contract import emulating
from sessions.checks import run_checks
from sessions.reader import LogReader, open_log

CHANNELS = 4
MISCHIEF = {"drop": 0.05, "half": 0.3, "reorder": 0.5, "repeat": 0.3}
TABLES_OF_OTHERS = ("[display.photodiode]", "[behaviour]", "[reward]", "[rig.settings]")


@dataclass(frozen=True)
class Verdict:
    """How presentations went. All but the first two are to be 0."""

    presentations: int
    left_out: int
    """Of which the rig wrote nothing."""
    not_marked: int
    """Of these, said to have a response."""
    marked_without_reason: int
    wrong_responses: int
    complaints: int
    """What the checks of the log found."""

    @property
    def is_good(self) -> bool:
        """Whether what was left out is marked, nothing else is, and no response is wrong."""
        wrong = self.not_marked + self.marked_without_reason + self.wrong_responses
        return not (wrong + self.complaints)

    def __str__(self) -> str:
        return (
            f"xdream: {self.presentations} presentations: {self.left_out} left out by the rig, "
            f"{self.not_marked} of them not marked; {self.marked_without_reason} marked without "
            f"reason; {self.wrong_responses} wrong responses; {self.complaints} complaints of the "
            "log's checks"
        )


def campaign(folder: Path, generations: int, images: int, format: str) -> Verdict:
    """Run a session of so many generations, `images` each, below `folder`, and judge it."""
    images_folder, replies = folder / "images", folder / "replies"
    images_folder.mkdir()
    replies.mkdir()
    config = folder / "session.toml"
    config.write_text(session(images_folder, replies), encoding="utf-8")
    vendor = {
        "image_folder": str(images_folder),
        "reply_folder": str(replies),
        "channels": CHANNELS,
        "format": format,
    }
    settings = (
        f"stopping.max_generations={generations}",
        f"threads.0.optimizer.population_size={images}",
        f"session.folder={folder / 'runs'}",
    )
    words = [word for setting in settings for word in ("--set", setting)]
    with emulating("xdream", {"vendor": vendor, "mischief": MISCHIEF}, folder) as emulated:
        neuroloop = Path(sys.executable).with_name("neuroloop")
        subprocess.run([neuroloop, "run", str(config), *words], check=True, cwd=folder)
        truth = emulated.truth()
    (log,) = (folder / "runs").glob("*/session.h5")
    return judge(open_log(log), truth)


def judge(log: LogReader, truth: Truth) -> Verdict:
    """Compare every presentation of a log with what its rig wrote."""
    sent = sent_by_name(truth)
    shown, reported = log.presentations, log.reported
    outcome = dict(zip(shown.presentation_id.tolist(), shown.outcome.tolist(), strict=True))
    left_out = not_marked = without_reason = wrong = 0
    for presentation_id, file, rates in zip(
        reported.presentation_id.tolist(), reported.file.tolist(), reported.rates, strict=True
    ):
        completed = outcome[presentation_id] == "completed"
        left_out += file not in sent
        not_marked += completed and file not in sent
        without_reason += file in sent and not completed
        wrong += file in sent and not np.array_equal(rates, sent[file])
    # Every part had its reply, so what is not in it was never answered.
    without_reason += len(outcome) - len(reported.presentation_id)
    complaints = sum(finding.severity == "error" for finding in run_checks(log))
    return Verdict(len(outcome), left_out, not_marked, without_reason, wrong, complaints)


def sent_by_name(truth: Truth) -> Mapping[str, list[float]]:
    """Return the responses that the rig wrote of each image file."""
    return {
        name: values
        for event in truth.events
        if event["event"] == "reply"
        for name, values in zip(event["names"], event["values"], strict=True)
    }


def session(images: Path, replies: Path, **settings: Any) -> str:
    """Return the config of a session through these folders."""
    text = template().replace('adapter = "sim"', 'adapter = "xdream"', 1)
    for old, new in (
        ('kind = "psychopy"', 'kind = "folder"'),
        ("response_window_s = [0.05, 0.2]", 'response_window_s = "as_reported"'),
        ("code_dim = 4096", "code_dim = 256"),
        ("driver_units = [101]", "driver_units = [200]"),
    ):
        if old not in text:
            raise AssertionError(f"the template has no {old}")
        text = text.replace(old, new, 1)
    for table in TABLES_OF_OTHERS:
        head, _, rest = text.partition(f"\n{table}")
        text = head + rest[rest.index("\n[") :]
    told = {
        "image_folder": str(images),
        "reply_folder": str(replies),
        "channels": CHANNELS,
        "reply_deadline_s": 60.0,
        "settled_s": 0.2,
        "emulated": True,
        **settings,
    }
    lines = [f"{key} = {_value(value)}" for key, value in told.items()]
    return text + "\n".join(
        ("", "[behaviour]", 'kind = "always"', "", "[rig.settings]", *lines, "")
    )


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)
