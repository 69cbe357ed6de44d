"""The adapter of Intan RHX as a real process, against an emulated RHX as another."""

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from rig_adapters.testing.recorder_campaign import campaign
from rig_adapters.testing.recorder_contract import RecorderContract
from rig_adapters.testing.recorder_kits import KITS

KIT = KITS["intan"]

pytestmark = [pytest.mark.system]


class TestIntan(RecorderContract):
    """RHX is started by the adapter."""

    module = KIT.module
    emulator = KIT.emulator
    recording_s = 0.7
    bad_settings: ClassVar[dict[str, Any]] = {"channels": [], "run": "run"}

    def settings_for(self, addresses: Mapping[str, Any]) -> dict[str, Any]:
        return KIT.settings(addresses)


def test_every_affected_presentation_is_marked_and_no_other_and_no_count_is_wrong() -> None:
    verdict = campaign(KIT, 80, seed=1, speed=10.0, mischief=KIT.mischief)

    assert verdict.presentations >= 80
    assert 0 < verdict.affected < 40
    assert verdict.is_good, verdict
