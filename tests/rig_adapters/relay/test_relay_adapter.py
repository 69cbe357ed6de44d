"""The relay adapter as a real process, with the relay that users copy as another."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from rig_adapters.testing.recorder_contract import RecorderContract


@pytest.mark.system
class TestRelay(RecorderContract):
    module = "rig_adapters.relay"
    emulator = "relay"
    bad_settings: ClassVar[dict[str, Any]] = {"listen_at": "tcp://*:5570"}

    def vendor_table(self, tmp_path: Path) -> dict[str, Any]:
        return {"connect_to": f"ipc://{tmp_path / 'relay'}"}

    def settings_for(self, addresses: Mapping[str, Any]) -> dict[str, Any]:
        return {"listen_at": addresses["connects_to"], "patience_s": 4.0}
