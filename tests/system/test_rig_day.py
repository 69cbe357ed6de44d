"""A bad day at the rig, through real processes: all is shown and told, and it can be resumed."""

import numpy as np
import pytest

from sessions.checks import run_checks
from sessions.reader import LogReader

from .conftest import PATIENCE_S, VIRTUAL, Lab

pytestmark = pytest.mark.system

PROFILE = """
[rig.settings]
gain_trend_sd_per_min = 0.01
[rig.settings.variability]
presentation_gain_cv = 0.2
presentation_gain_correlation = 0.5
[rig.settings.time_course]
latency_jitter_s = 0.003
latency_of_weakest_s = 0.02
[rig.settings.adaptation]
fatigue = 0.1
repetition_suppression = 0.1
[rig.settings.background]
rate_hz = 60.0
spread = 0.5
[rig.settings.losses]
units_lost_per_hour = 20.0
dropouts_per_hour = 20.0
dropout_s = 5.0
missed_spikes = 0.02
gaps_per_hour = 200.0
gap_s = 0.5
missing_replies_per_hour = 20.0
late_replies_per_hour = 20.0
late_reply_s = 0.2
disconnects_per_hour = 30.0
[behaviour]
kind = "simulated"
correct_probability = 0.7
correct_log_odds_sd = 0.5
"""


def events_of(log: LogReader, kind: str) -> list[str]:
    return [str(text) for text in log.events.text[log.events.kind == kind]]


def test_a_session_goes_through_a_bad_day_and_a_kill_and_says_what_was_lost(lab: Lab) -> None:
    profile = lab.folder / "bad_day.toml"
    profile.write_text(PROFILE, encoding="utf-8")
    lab.misbehave("killed_at=1:0:10")
    run = lab.start(
        *VIRTUAL,
        f"rig.settings.profile={profile}",
        "session.seed=242",
        "rig.response_deadline_s=0.5",
        "supervision.max_restarts=50",
        "stopping.max_generations=5",
        "display.inter_trial_frames=120",
    )
    run.communicate(timeout=PATIENCE_S)
    lab.started.remove(run)
    lab.behave()
    profile.unlink()
    done = lab.neuroloop("resume", str(lab.logs()[0].parent))
    assert done.returncode == 0, done.stderr + lab.daemon_log()

    log = lab.the_log()
    shown, told = log.presentations, [str(text) for text in log.events.text]
    assert log.generations_committed == 5
    assert [f.message for f in run_checks(log) if f.severity == "error"] == []
    assert any("goes on with block 1" in text for text in told)
    # Each presentation ended once, and in one way.
    assert np.unique(shown.presentation_id).size == shown.presentation_id.size
    assert set(shown.outcome) <= {"completed", "failed_trial", "not_heard", "not_shown"}
    heard = shown.response_counts.min(axis=1) >= 0
    assert heard[shown.outcome == "completed"].all()
    # What was lost is told, has no counts, and was shown again.
    lost = shown.outcome == "not_heard"
    assert lost.any()
    assert not heard[lost].any()
    assert any("which the rig lost" in reason for reason in shown.reason[lost])
    assert events_of(log, "recording gap")
    assert any("disconnected, as its settings ask for" in text for text in told)
    for block, image_id in set(zip(shown.block[lost], shown.image_id[lost], strict=True)):
        tries = (shown.block == block) & (shown.image_id == image_id)
        assert "completed" in shown.outcome[tries] or np.count_nonzero(tries) >= 5
    # A lost unit is told too; its responses are 0 spikes, and no gap.
    assert any("did not fire once" in text for text in events_of(log, "silent unit"))
