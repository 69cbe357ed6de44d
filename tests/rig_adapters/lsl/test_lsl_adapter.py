"""The adapter and the emulator as real processes, over liblsl confined to this machine."""

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from rig_adapters.testing.recorder_contract import RecorderContract
from rig_adapters.testing.recorder_kits import lsl_settings


def name() -> str:
    """A name that no other test on this machine has."""
    return f"spikes-{uuid.uuid4().hex[:12]}"


@pytest.mark.system
class TestEvents(RecorderContract):
    module = "rig_adapters.lsl"
    emulator = "lsl"
    bad_settings: ClassVar[dict[str, Any]] = {"spikes": {"kind": "events"}}

    def vendor_table(self, tmp_path: Path) -> dict[str, Any]:
        return {"name": name()}

    def settings_for(self, addresses: Mapping[str, Any]) -> dict[str, Any]:
        return lsl_settings(addresses)
