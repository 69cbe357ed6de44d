"""What every reward promises, as tests.

A lab runs them on its own:

    class TestOurValve(RewardContract):
        @pytest.fixture
        def opened(self):
            return OurStage()

`reward` is new for each test; `openings_s` says for how long the valve was open so far, pulse by
pulse, and `is_open` whether it is now.
"""

import time
from typing import Protocol

import pytest

from rig_adapters.stimulus.reward.base import Reward

PULSE_S = 0.05
DEADLINE_S = 20.0


class RewardStage(Protocol):
    """A reward, and what became of its valve."""

    reward: Reward

    @property
    def openings_s(self) -> list[float]:
        """For how long the valve was open, for each pulse that is over."""
        ...

    @property
    def is_open(self) -> bool:
        """Whether it is open now."""
        ...


class RewardContract:
    """Subclass it and give an `opened` fixture."""

    @pytest.fixture
    def reward(self, opened: RewardStage) -> Reward:
        return opened.reward

    def test_each_pulse_opens_the_valve_once_for_at_least_its_length(
        self, opened: RewardStage
    ) -> None:
        for _ in range(3):
            opened.reward.pulse(PULSE_S)

        _wait_for(opened, 3)
        assert all(open_s >= 0.99 * PULSE_S for open_s in opened.openings_s)
        assert not opened.is_open

    def test_nobody_waits_for_a_pulse(self, opened: RewardStage) -> None:
        opened.reward.pulse(5.0)
        # It is not over: whoever ordered it goes on meanwhile.
        opened.reward.close()

        assert not opened.is_open

    def test_closing_closes_the_valve_and_forgets_what_was_to_follow(
        self, opened: RewardStage
    ) -> None:
        opened.reward.pulse(5.0)
        opened.reward.pulse(5.0)

        opened.reward.close()
        opened.reward.close()
        opened.reward.pulse(PULSE_S)

        assert not opened.is_open
        assert sum(opened.openings_s) < 15.0

    def test_it_can_be_closed_before_the_first_pulse(self, opened: RewardStage) -> None:
        opened.reward.close()

        assert not opened.is_open
        assert opened.openings_s == []

    def test_lengths_and_flow_are_known(self, reward: Reward) -> None:
        assert min(reward.acquired_pulse_s, reward.completed_pulse_s, reward.ml_per_s) >= 0


def _wait_for(opened: RewardStage, n_pulses: int) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while len(opened.openings_s) < n_pulses:
        assert time.monotonic() < deadline_s, "the pulses did not come"
        time.sleep(0.005)
