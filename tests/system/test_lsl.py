"""A whole session whose spikes come by the Lab Streaming Layer, in real time."""

import uuid

import pytest

from .conftest import Lab
from .recorders import counts_are_those_that_were_sent, rehearsed

pytestmark = pytest.mark.system


def test_a_session_by_lsl_counts_the_spikes_that_were_sent(lab: Lab) -> None:
    stream = f"spikes-{uuid.uuid4().hex[:12]}"
    log, truth = rehearsed(
        lab,
        "lsl",
        "lsl",
        {"name": stream},
        lambda addresses: {
            "spikes": {"kind": "events", "name": addresses["name"]},
            "sync": {"kind": "ttl", "line": addresses["line"], "edges": "rising"},
            "markers_name": f"{stream}-out",
        },
    )

    assert counts_are_those_that_were_sent(log, truth) >= 16
