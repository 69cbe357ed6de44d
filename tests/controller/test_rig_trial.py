"""What a trial of the recording system makes of its measures; with processes: tests/system."""

import time
from dataclasses import replace

import numpy as np
import pytest

from controller.preflight.rig_trial import FEWEST_BATCHES, Heard, measured_findings
from rig_adapters.clocks import ClockMap
from rig_adapters.recorded import Gap
from rig_adapters.wire.messages import Presented, SpikesRecorded

from .test_preflight import shown

CLOCK = ClockMap(1000.0, 40e-6, 2e-4, 20)


PRESENTED = Presented(
    presentation_id=0,
    trial_id=0,
    image_id=1,
    image_sha256="ab" * 32,
    flip_on_host_s=10.0,
    flip_off_host_s=10.1,
    frames_shown=6,
    dropped_frames=0,
)


def batch(now_s: float, delay_s: float, busy_s: float = 0.001) -> SpikesRecorded:
    none = np.zeros(0)
    return SpikesRecorded(
        sequence=0,
        from_rig_s=4.0,
        through_rig_s=5.0,
        spike_rig_s=none,
        spike_unit_ids=np.zeros(0, np.int32),
        sync_rig_s=none,
        fixation_broken_rig_s=none,
        # Its end, at 5 s of the rig, was `delay_s` ago: the reading is of 100 ms before that.
        clock_host_s=now_s - delay_s - 0.1,
        clock_rig_s=4.9,
        clock_uncertainty_s=0.01,
        busy_s=busy_s,
    )


def findings(heard: Heard, n_edges: int = 3) -> dict[str, tuple[str, str]]:
    edges = np.arange(n_edges) * 1.0
    rows = [replace(shown(), report=PRESENTED)] * 3
    found = measured_findings(rows, CLOCK, heard, edges)
    return {finding.what: (finding.state, finding.found) for finding in found}


def test_a_good_trial_passes_with_its_drift_and_jitter() -> None:
    found = findings(Heard())

    assert {state for state, _ in found.values()} == {"pass"}
    assert found["drift"][1] == "+40.0 ppm, jitter 0.200 ms, by 20 onsets"
    assert found["events"][1] == "3 edges for 3 onsets on the screen"


def test_edges_that_belong_to_nothing_are_warned_of() -> None:
    assert findings(Heard(), n_edges=5)["events"][0] == "warn"


def test_losses_and_steps_are_warned_of_with_how_long_they_were() -> None:
    lost = Heard(gaps=[Gap(1.0, 1.25), Gap(3.0, 3.0)], steps_s=[0.5])

    assert findings(lost)["losses"] == (
        "warn",
        "2 gaps, 0.250 s together, and 1 steps of the clock",
    )


def test_delays_are_from_the_end_of_a_batch_to_its_arrival() -> None:
    heard = Heard()
    for _ in range(FEWEST_BATCHES):
        heard.batch(batch(time.monotonic(), delay_s=0.25))

    assert heard.delays_s == pytest.approx([0.25] * FEWEST_BATCHES, abs=0.2)
    assert min(heard.delays_s) >= 0.25
    assert heard.busy_s == pytest.approx(0.001 * FEWEST_BATCHES)
    assert "after 2" in findings(heard)["delay"][1]
