"""A whole session through an emulated Intan RHX whose neurons watch the session's screen."""

from collections.abc import Mapping
from typing import Any

import pytest

from .conftest import Lab
from .recorders import counts_are_those_that_were_sent, rehearsed

pytestmark = pytest.mark.system


def settings(addresses: Mapping[str, Any]) -> dict[str, Any]:
    ports = {name: where for name, where in addresses.items() if name.endswith(("host", "port"))}
    return {
        **ports,
        "channels": [
            {"name": name, "channel": int(name[2:]), "units": [1]} for name in addresses["channels"]
        ],
        "run": "run",
        "sync": {"kind": "photodiode", "channel": "ANALOG-IN-1", "dark": 0.2, "lit": 1.8},
    }


def test_a_session_through_rhx_counts_the_spikes_that_it_sent(lab: Lab) -> None:
    log, truth = rehearsed(lab, "intan", "intan", {}, settings)

    assert log.end is not None
    assert log.end.exit_status == "success"
    assert counts_are_those_that_were_sent(log, truth) > 10
