"""The adapter of Intan RHX as a real process, against an emulated RHX as another."""

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from rig_adapters.testing.recorder_contract import RecorderContract

from .conftest import settings_for


@pytest.mark.system
class TestIntan(RecorderContract):
    module = "rig_adapters.intan"
    emulator = "intan"
    recording_s = 0.7
    bad_settings: ClassVar[dict[str, Any]] = {"channels": [], "run": "run"}

    def settings_for(self, addresses: Mapping[str, Any]) -> dict[str, Any]:
        return settings_for(dict(addresses), patience_s=0.5)
