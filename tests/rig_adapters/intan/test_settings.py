"""The table of an adapter of Intan RHX: what is refused before anything is connected."""

from typing import Any

import pytest
from pydantic import ValidationError

from rig_adapters.acquisition.sync import TtlSync
from rig_adapters.intan.onsets import USB2
from rig_adapters.intan.rhx import sync_channel
from rig_adapters.intan.settings import IntanSettings

CHANNEL = {"name": "A-010", "channel": 10, "units": [0, 1]}
SMALLEST: dict[str, Any] = {"channels": [CHANNEL], "run": "run", "sync": {"kind": "none"}}


def test_the_smallest_table_is_enough() -> None:
    settings = IntanSettings.model_validate(SMALLEST)
    assert settings.channels[0].unit_ids == (1000, 1001)
    assert settings.blocks_per_write == 1


@pytest.mark.parametrize(
    ("host", "margin_s"),
    [("127.0.0.1", 0.005), ("localhost", 0.005), ("::1", 0.005), ("10.0.0.7", 0.25)],
)
def test_spikes_are_waited_for_as_long_as_a_lost_packet_takes(host: str, margin_s: float) -> None:
    assert IntanSettings.model_validate({**SMALLEST, "host": host}).margin_s == margin_s
    stated = {**SMALLEST, "host": host, "spike_margin_s": 0.0}
    assert IntanSettings.model_validate(stated).margin_s == 0.0


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"run": "always"}, "run"),
        ({"channels": [{**CHANNEL, "units": []}]}, "units"),
        ({"channels": [{**CHANNEL, "units": [1, 1]}]}, "named twice"),
        ({"channels": [{**CHANNEL, "units": [5]}]}, "units 0 to 4"),
        ({"channels": [{**CHANNEL, "name": "A-10"}]}, "name"),
        ({"channels": [CHANNEL, {**CHANNEL, "channel": 11}]}, "same name"),
        ({"channels": [CHANNEL, {**CHANNEL, "name": "A-011"}]}, "same channel"),
        ({"file": {"folder": "/d", "name": "x"}}, "only"),
        ({"run": "record", "file": {"folder": "/d; set runmode stop", "name": "x"}}, "folder"),
        ({"sync": {"kind": "ttl", "line": 17, "edges": "both"}}, "lines 1 to 16"),
        ({"sync": {"kind": "photodiode", "channel": "A-001", "dark": 0, "lit": 1}}, "analog input"),
        ({"volume": 11}, "volume"),
    ],
)
def test_what_cannot_be_is_refused(change: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        IntanSettings.model_validate({**SMALLEST, **change})


def test_the_first_line_is_line_1_whatever_the_controller_calls_it() -> None:
    first = TtlSync(kind="ttl", line=1, edges="rising")
    assert sync_channel(first, "ControllerRecordUSB3") == "DIGITAL-IN-01"
    assert sync_channel(first, USB2) == "DIGITAL-IN-00"
