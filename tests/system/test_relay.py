"""A whole session whose spikes come from a relay, in real time."""

import pytest

from .conftest import Lab
from .recorders import counts_are_those_that_were_sent, free_port, rehearsed

pytestmark = pytest.mark.system


def test_a_session_through_a_relay_counts_the_spikes_that_were_sent(lab: Lab) -> None:
    where = f"tcp://127.0.0.1:{free_port()}"
    log, truth = rehearsed(
        lab, "relay", "relay", {"connect_to": where}, lambda _: {"listen_at": where}
    )

    assert counts_are_those_that_were_sent(log, truth) >= 16
