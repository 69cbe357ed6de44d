"""Whole sessions whose spikes come from Open Ephys, emulated, in real time."""

from collections.abc import Mapping
from typing import Any

import pytest

from rig_adapters.testing.recorder_kits import open_ephys_settings

from .conftest import Lab
from .recorders import counts_are_those_that_were_sent, rehearsed

pytestmark = pytest.mark.system


def test_a_session_through_open_ephys_counts_the_spikes_that_were_sent(lab: Lab) -> None:
    vendor = {"late": 0.3, "mode": "IDLE", "photodiode": True, "ttl_line": None}
    log, truth = rehearsed(lab, "open-ephys", "open-ephys", vendor, with_photodiode)

    assert counts_are_those_that_were_sent(log, truth) >= 16
    told = [event["text"] for event in truth.events if event["event"] == "message"]
    assert told[0] == "neuroloop: a recording begins"
    assert told[-1] == "neuroloop: a recording ends"


def with_photodiode(addresses: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings that have Open Ephys record, and onsets from a photodiode."""
    return {
        **open_ephys_settings(addresses),
        "sync": {"kind": "photodiode", "channel": "ADC1", "dark": 0.2, "lit": 3.0},
        "control": {"start": "recording", "markers": True, "port": addresses["http_port"]},
    }
