"""Refused messages are counted by reason, and a flood of them writes little."""

import logging

import pytest

from rig_adapters.errors import Reason, RemoteProtocolError
from rig_adapters.refusals import AT_ONCE, INTERVAL_S, Refusals

STRANGER = RemoteProtocolError("somebody else said it", Reason.STRANGER)
HEADER = RemoteProtocolError("header is not JSON", Reason.HEADER)


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_flood_writes_one_line_in_ten_seconds_and_says_how_much_it_left_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    refusals = Refusals("display", clock)
    with caplog.at_level(logging.WARNING):
        for _ in range(1000):
            refusals.add(STRANGER)
        clock.now_s = INTERVAL_S
        refusals.add(HEADER)
    assert len(caplog.messages) == AT_ONCE + 1
    assert caplog.messages[-1] == (
        f"display refused a message: header is not JSON (and {1000 - AT_ONCE} more before it)"
    )
    assert refusals.total == 1001


def test_the_total_is_written_once_and_by_reason(caplog: pytest.LogCaptureFixture) -> None:
    refusals = Refusals("display")
    refusals.add(STRANGER)
    refusals.add(HEADER)
    refusals.add(STRANGER)
    caplog.clear()
    refusals.write_total()
    refusals.write_total()
    assert caplog.messages == ["display: refused 3 messages (1 header, 2 stranger)"]
    assert refusals.counts == {Reason.HEADER: 1, Reason.STRANGER: 2}


def test_where_nothing_was_refused_nothing_is_written(caplog: pytest.LogCaptureFixture) -> None:
    Refusals("display").write_total()
    assert caplog.messages == []
