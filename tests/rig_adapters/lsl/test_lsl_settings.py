"""What the table [rig.settings] of an LSL session must say."""

from typing import Any

import pytest

from rig_adapters.acquisition.process import SettingsRefused, read_settings
from rig_adapters.lsl.settings import LslSettings

EVENTS = {"kind": "events", "name": "spikes"}
COUNTS = {"kind": "counts", "name": "spikes", "widest_bin_s": 0.01}
TTL = {"kind": "ttl", "line": 1, "edges": "rising"}
DIODE = {"kind": "photodiode", "channel": "diode", "dark": 0.1, "lit": 0.9}
NONE = {"kind": "none"}
ONSETS = {"source_id": "ttl-box"}


@pytest.mark.parametrize(
    "table",
    [
        {"spikes": EVENTS, "sync": TTL},
        {"spikes": EVENTS, "sync": NONE},
        {"spikes": COUNTS, "sync": NONE},
        {"spikes": COUNTS, "sync": TTL, "onsets": ONSETS},
        {"spikes": EVENTS, "sync": DIODE, "onsets": ONSETS, "network": "lab"},
    ],
)
def test_what_is_complete_is_accepted(table: dict[str, Any]) -> None:
    settings = read_settings(LslSettings, "lsl", table)
    assert settings.spikes.without_counter == "refused"


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ({"sync": TTL}, "spikes"),
        ({"spikes": EVENTS}, "sync"),
        ({"spikes": {"kind": "events"}, "sync": TTL}, "none is taken by chance"),
        ({"spikes": {"kind": "counts", "name": "spikes"}, "sync": NONE}, "widest_bin_s"),
        ({"spikes": {**EVENTS, "name": "a' or 'b'='b"}, "sync": TTL}, "name"),
        ({"spikes": EVENTS, "sync": DIODE}, "needs the table onsets"),
        ({"spikes": COUNTS, "sync": TTL}, "counts have no lines"),
        ({"spikes": EVENTS, "sync": NONE, "onsets": ONSETS}, "no use"),
        ({"spikes": EVENTS, "sync": TTL, "network": "world"}, "network"),
        ({"spikes": EVENTS, "sync": TTL, "volume": 11}, "volume"),
    ],
)
def test_what_is_missing_or_makes_no_sense_is_named(table: dict[str, Any], why: str) -> None:
    with pytest.raises(SettingsRefused, match=why):
        read_settings(LslSettings, "lsl", table)
