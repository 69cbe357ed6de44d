"""The Open Ephys adapter as a real process, with an emulated Open Ephys as another."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from rig_adapters.testing.recorder_campaign import campaign
from rig_adapters.testing.recorder_contract import RecorderContract
from rig_adapters.testing.recorder_kits import KITS, open_ephys_settings

KIT = KITS["open-ephys"]
pytestmark = [pytest.mark.system]


class TestOpenEphys(RecorderContract):
    """It is the adapter that starts acquisition, and a recording."""

    module = KIT.module
    emulator = KIT.emulator
    bad_settings: ClassVar[dict[str, Any]] = {
        "host": "127.0.0.1",
        "stream": "no units",
        "sync": {"kind": "none"},
    }

    def vendor_table(self, tmp_path: Path) -> dict[str, Any]:
        return {"mode": "IDLE", "late": 0.3, "continuous": 2}

    def settings_for(self, addresses: Mapping[str, Any]) -> dict[str, Any]:
        control = {"start": "recording", "markers": True, "port": addresses["http_port"]}
        return {**open_ephys_settings(addresses), "control": control}


def test_every_affected_presentation_is_marked_and_no_other_and_no_count_is_wrong() -> None:
    verdict = campaign(KIT, 120, seed=1, speed=30.0, mischief=KIT.mischief)

    assert verdict.presentations >= 120
    assert 0 < verdict.affected < 60
    assert verdict.is_good, verdict
