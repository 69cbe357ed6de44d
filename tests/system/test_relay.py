"""A whole session whose spikes come from a relay, in real time."""

import json

import numpy as np
import pytest

from sessions.checks import run_checks

from .conftest import Lab
from .recorders import counts_are_those_that_were_sent, free_port, rehearsed

pytestmark = pytest.mark.system


def test_a_session_through_a_relay_counts_the_spikes_that_were_sent(lab: Lab) -> None:
    where = f"tcp://127.0.0.1:{free_port()}"
    log, truth = rehearsed(
        lab, "relay", "relay", {"connect_to": where}, lambda _: {"listen_at": where}
    )

    assert counts_are_those_that_were_sent(log, truth) >= 16


def test_a_session_through_a_relay_that_counts_has_the_counts_that_were_sent(lab: Lab) -> None:
    where, window_s = f"tcp://127.0.0.1:{free_port()}", [0.05, 0.2]
    log, truth = rehearsed(
        lab,
        "relay",
        "relay",
        {"connect_to": where, "counts_window_s": window_s},
        lambda _: {"listen_at": where, "counts_window_s": window_s},
        "stopping.max_generations=1",
    )

    assert [f.message for f in run_checks(log) if f.severity == "error"] == []
    shown, rate_hz = log.presentations, float(json.loads(log.start.extra["rig"])["sample_rate_hz"])
    seen = (shown.response_counts.min(axis=1) >= 0) & (shown.sync == "photodiode")
    assert seen.sum() >= 6
    # The relay counts whole samples: no rounding decides about a spike at the end of a window.
    onsets_s = shown.onset_rig_s[seen] - 0.5 / rate_hz
    sent = truth.counts(log.unit_ids, onsets_s, (0.05, 0.2), rate_hz)
    np.testing.assert_array_equal(shown.response_counts[seen], sent)
    assert sent.sum() > 0
    # Counts have no times: all of an onset's are in the middle of its window.
    assert len(np.unique(log.spikes.rig_time_s)) <= len(shown.onset_rig_s)
