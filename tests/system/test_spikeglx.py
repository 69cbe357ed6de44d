"""Whole sessions whose spikes come from SpikeGLX, emulated, in real time."""

from collections.abc import Mapping
from typing import Any

import pytest

from rig_adapters.testing.recorder_kits import spikeglx_settings

from .conftest import Lab
from .recorders import counts_are_those_that_were_sent, rehearsed

pytestmark = pytest.mark.system


def test_a_session_through_spikeglx_counts_the_spikes_that_were_sent(lab: Lab) -> None:
    vendor = {"stream": "nidq", "running": False}
    drivers = "threads.0.driver_units=[100]"
    log, truth = rehearsed(lab, "spikeglx", "spikeglx", vendor, with_photodiode, drivers)

    assert counts_are_those_that_were_sent(log, truth) >= 16
    told = [event["command"] for event in truth.events if event["event"] == "told"]
    assert told == ["STARTRUN", "SETRECORDENAB 1", "SETRECORDENAB 0", "STOPRUN"]


def with_photodiode(addresses: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings that have SpikeGLX record, and onsets from a photodiode."""
    return {
        **spikeglx_settings(addresses),
        "sync": {"kind": "photodiode", "channel": "XA0", "dark": 0.2, "lit": 3.0},
        "run": "record",
    }
