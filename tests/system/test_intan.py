"""A whole session through an emulated Intan RHX whose neurons watch the session's screen."""

from collections.abc import Mapping
from typing import Any

import pytest

from rig_adapters.testing.recorder_kits import intan_settings

from .conftest import Lab
from .recorders import counts_are_those_that_were_sent, rehearsed

pytestmark = pytest.mark.system


def settings(addresses: Mapping[str, Any]) -> dict[str, Any]:
    photodiode = {"kind": "photodiode", "channel": "ANALOG-IN-1", "dark": 0.2, "lit": 1.8}
    return {**intan_settings(addresses), "sync": photodiode}


def test_a_session_through_rhx_counts_the_spikes_that_it_sent(lab: Lab) -> None:
    log, truth = rehearsed(lab, "intan", "intan", {}, settings)

    assert log.end is not None
    assert log.end.exit_status == "success"
    assert counts_are_those_that_were_sent(log, truth) > 10
