"""The adapter of Blackrock's instruments as a real process, with an emulated one as another."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from rig_adapters.testing.recorder_campaign import campaign
from rig_adapters.testing.recorder_contract import RecorderContract
from rig_adapters.testing.recorder_kits import KITS

KIT = KITS["blackrock"]

pytestmark = [pytest.mark.system]


class TestGemini(RecorderContract):
    """It counts nanoseconds since 1970."""

    module = KIT.module
    emulator = KIT.emulator
    recording_s = 0.5
    bad_settings: ClassVar[dict[str, Any]] = {"host": "127.0.0.1", "port": 51002}

    def vendor_table(self, tmp_path: Path) -> dict[str, Any]:
        return {"clock": "ns", "epoch_s": 1.75e9}

    def settings_for(self, addresses: Mapping[str, Any]) -> dict[str, Any]:
        return KIT.settings(addresses)


def test_every_affected_presentation_is_marked_and_no_other_and_no_count_is_wrong() -> None:
    verdict = campaign(KIT, 120, seed=1, speed=20.0, mischief=KIT.mischief)

    assert verdict.presentations >= 120
    assert 0 < verdict.affected < 60
    assert verdict.is_good, verdict
