"""A whole session whose spikes come from an emulated Blackrock instrument, in real time."""

import pytest

from rig_adapters.testing.recorder_kits import blackrock_settings

from .conftest import Lab
from .recorders import counts_are_those_that_were_sent, rehearsed

pytestmark = pytest.mark.system


def test_a_session_through_an_instrument_counts_the_spikes_that_were_sent(lab: Lab) -> None:
    vendor = {"clock": "ns", "epoch_s": 1.75e9, "instrument": 1, "ttl_line": 1}
    log, truth = rehearsed(lab, "blackrock", "blackrock", vendor, blackrock_settings)

    assert counts_are_those_that_were_sent(log, truth) >= 16
