"""The relay adapter as a real process, with the relay that users copy as another."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from rig_adapters.testing.recorder_campaign import WINDOW_S, campaign
from rig_adapters.testing.recorder_contract import RecorderContract
from rig_adapters.testing.recorder_kits import Kit


@pytest.mark.system
class TestRelay(RecorderContract):
    module = "rig_adapters.relay"
    emulator = "relay"
    bad_settings: ClassVar[dict[str, Any]] = {"listen_at": "tcp://*:5570"}

    def vendor_table(self, tmp_path: Path) -> dict[str, Any]:
        return {"connect_to": f"ipc://{tmp_path / 'relay'}"}

    def settings_for(self, addresses: Mapping[str, Any]) -> dict[str, Any]:
        return {"listen_at": addresses["connects_to"], "patience_s": 4.0}


@pytest.mark.system
@pytest.mark.parametrize("counts", [False, True])
def test_no_loss_is_silent_and_no_count_is_wrong(counts: bool, tmp_path: Path) -> None:
    window = {"counts_window_s": WINDOW_S} if counts else {}
    kit = Kit(
        module="rig_adapters.relay",
        emulator="relay",
        vendor={"connect_to": f"ipc://{tmp_path / 'relay'}", **window},
        settings=lambda addresses: {"listen_at": addresses["connects_to"], **window},
        crowd={},
        mischief={"drop": 0.005},
        completes_after=0,
    )
    verdict = campaign(kit, 120, seed=1, speed=20.0, mischief=kit.mischief)

    assert verdict.presentations >= 120
    assert 0 < verdict.affected < 80
    assert (verdict.unmarked, verdict.wrong_counts, verdict.wrong_onsets) == (0, 0, 0)
    # Of a relay that counts, windows beside a loss may be those of an onset that was lost.
    assert counts or verdict.is_good, verdict
    assert verdict.marked_without_reason <= 2 * verdict.affected
