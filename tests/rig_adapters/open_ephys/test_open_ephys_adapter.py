"""The Open Ephys adapter as a real process, with an emulated Open Ephys as another."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from rig_adapters.testing.recorder_contract import RecorderContract


def settings_for(addresses: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Settings of an adapter for all units of an emulator at these addresses."""
    channels = addresses["channels"]
    return {
        "host": addresses["host"],
        "data_port": addresses["data_port"],
        "stream": addresses["stream"],
        "spikes": [
            {
                "electrode": "Electrode {channel}",
                "channels": channels,
                "sorted_ids": addresses["sorted_ids"],
            }
        ],
        "sync": {"kind": "ttl", "line": 1, "edges": "rising"},
        **more,
    }


BAD_SETTINGS = {"host": "127.0.0.1", "stream": "a", "sync": {"kind": "none"}}


@pytest.mark.system
class TestOpenEphys(RecorderContract):
    """It is the adapter that starts acquisition."""

    module = "rig_adapters.open_ephys"
    emulator = "open-ephys"
    bad_settings: ClassVar[dict[str, Any]] = BAD_SETTINGS

    def vendor_table(self, tmp_path: Path) -> dict[str, Any]:
        return {"mode": "IDLE", "late": 0.3, "continuous": 2}

    def settings_for(self, addresses: Mapping[str, Any]) -> dict[str, Any]:
        control = {"start": "recording", "markers": True, "port": addresses["http_port"]}
        return settings_for(addresses, control=control)
