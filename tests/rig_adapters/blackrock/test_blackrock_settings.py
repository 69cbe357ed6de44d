"""What the adapter's settings and the emulator's table refuse, and how settings are read."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rig_adapters.acquisition.process import SettingsRefused, read_settings
from rig_adapters.blackrock.settings import BlackrockSettings
from rig_adapters.emulators.blackrock import emulate
from rig_adapters.emulators.mischief import Mischief
from rig_adapters.emulators.process import EmulatorRefused, Stage
from rig_adapters.emulators.truth import TruthWriter
from rig_adapters.emulators.world import SteadySettings, SteadyWorld

GOOD: dict[str, Any] = {
    "host": "192.168.137.200",
    "port": 51002,
    "listen": "192.168.137.255",
    "digital_channel": 279,
    "electrodes": [{"channels": "3-5", "units": [0, 2]}, {"channels": [9], "units": [1]}],
    "sync": {"kind": "ttl", "line": 1, "edges": "rising"},
}


def test_units_are_named_by_ranges_and_lists_of_channels() -> None:
    found = read_settings(BlackrockSettings, "blackrock", GOOD).unit_of()
    assert found == {
        (3, 0): 300,
        (3, 2): 302,
        (4, 0): 400,
        (4, 2): 402,
        (5, 0): 500,
        (5, 2): 502,
        (9, 1): 901,
    }


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"host": "hub1"}, "host"),
        ({"listen": None}, "listen"),
        ({"electrodes": []}, "electrodes"),
        ({"electrodes": [{"channels": "5-3", "units": [0]}]}, "channels must be"),
        ({"electrodes": [{"channels": "all", "units": [0]}]}, "channels must be"),
        ({"electrodes": [{"channels": [0], "units": [0]}]}, "channels must be"),
        ({"electrodes": [{"channels": [1], "units": [6]}]}, "units 0 to 5"),
        ({"electrodes": [{"channels": [1, 1], "units": [0]}]}, "named twice"),
        ({"digital_channel": None}, "digital_channel is needed"),
        ({"digital_channel": 4}, "one of the electrodes"),
        ({"sync": {"kind": "ttl", "line": 17, "edges": "both"}}, "lines 1 to 16"),
        (
            {"sync": {"kind": "photodiode", "channel": "ainp1", "dark": 0.0, "lit": 1.0}},
            "continuous channels are not read",
        ),
        ({"hosts": "192.168.137.200"}, "hosts"),
    ],
)
def test_what_cannot_be_is_refused_by_name(change: dict[str, Any], why: str) -> None:
    with pytest.raises(SettingsRefused, match=why):
        read_settings(BlackrockSettings, "blackrock", {**GOOD, **change})


def test_nothing_has_to_mark_onsets() -> None:
    table = {**GOOD, "sync": {"kind": "none"}, "digital_channel": None}
    assert read_settings(BlackrockSettings, "blackrock", table).digital_channel is None


def test_a_world_of_another_rate_is_no_instruments(tmp_path: Path) -> None:
    world = SteadyWorld(SteadySettings(sample_rate_hz=20_000.0), 1)
    truth = TruthWriter(tmp_path / "truth")
    with pytest.raises(EmulatorRefused, match="30000 Hz"):
        emulate(Stage(world, {}, Mischief(), truth, np.random.default_rng(1)))
    truth.close()
