"""The SpikeGLX adapter as a real process, with an emulated SpikeGLX as another."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from rig_adapters.testing.recorder_contract import RecorderContract
from rig_adapters.testing.recorder_kits import spikeglx_settings

BAD_SETTINGS = {"host": "127.0.0.1", "stream": "imec0", "filtered": False, "run": "operator"}


@pytest.mark.system
class TestProbe(RecorderContract):
    """It is the adapter that starts the run and has it recorded."""

    module = "rig_adapters.spikeglx"
    emulator = "spikeglx"
    bad_settings: ClassVar[dict[str, Any]] = BAD_SETTINGS

    def vendor_table(self, tmp_path: Path) -> dict[str, Any]:
        return {"running": False}

    def settings_for(self, addresses: Mapping[str, Any]) -> dict[str, Any]:
        return {**spikeglx_settings(addresses), "run": "record", "filtered": True}
