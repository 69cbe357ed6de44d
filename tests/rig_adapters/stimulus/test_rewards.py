"""Every reward keeps the contract; a valve is closed whatever happens, and its faults are told."""

import logging
import time

import pytest

from rig_adapters.errors import BehaviourError
from rig_adapters.stimulus.animal import make_reward
from rig_adapters.stimulus.reward.simulated import NoReward, SimulatedReward
from rig_adapters.stimulus.reward.valve import ValveReward
from rig_adapters.testing.reward_contract import DEADLINE_S, RewardContract
from rig_adapters.wire import animal


class SimulatedStage:
    def __init__(self) -> None:
        self.reward = SimulatedReward(0.02, 0.1, 1.5)
        self.is_open = False

    @property
    def openings_s(self) -> list[float]:
        return self.reward.pulses_s


class TestSimulatedReward(RewardContract):
    @pytest.fixture
    def opened(self) -> SimulatedStage:
        return SimulatedStage()


class MeasuredLine:
    """A line that measures for how long it was high, and may be out of order."""

    def __init__(self) -> None:
        self.openings_s: list[float] = []
        self.is_open = False
        self.closed = False
        self.fails: list[bool] = []
        self._since_s = 0.0

    def set_high(self, high: bool) -> None:
        assert not self.closed
        if high in self.fails:
            self.fails.remove(high)
            raise OSError(5, "Input/output error")
        if high and not self.is_open:
            self._since_s = time.monotonic()
        elif self.is_open and not high:
            self.openings_s.append(time.monotonic() - self._since_s)
        self.is_open = high

    def close(self) -> None:
        self.set_high(False)
        self.closed = True


class ValveStage:
    def __init__(self) -> None:
        self.line = MeasuredLine()
        self.reward = ValveReward(self.line, 0.02, 0.1, 1.5)

    @property
    def openings_s(self) -> list[float]:
        return self.line.openings_s

    @property
    def is_open(self) -> bool:
        return self.line.is_open


class TestValveReward(RewardContract):
    @pytest.fixture
    def opened(self):  # type: ignore[no-untyped-def]  # a fixture that yields
        stage = ValveStage()
        yield stage
        stage.reward.close()


def wait_until_told(reward: ValveReward) -> None:
    """Order pulses until the fault is told."""
    deadline_s = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline_s:
        reward.pulse(0.001)
        time.sleep(0.005)


def test_a_valve_that_does_not_open_is_told_at_the_next_pulse() -> None:
    line = MeasuredLine()
    reward = ValveReward(line, 0.0, 0.1, 1.0)
    line.fails = [True]

    with pytest.raises(BehaviourError, match=r"valve does not answer .*Input/output error"):
        wait_until_told(reward)

    reward.close()
    assert line.closed


def test_a_valve_that_does_not_close_is_told_once_more_to() -> None:
    stage = ValveStage()
    stage.line.fails = [False]

    stage.reward.pulse(0.001)
    stage.reward.pulse(0.001)
    deadline_s = time.monotonic() + DEADLINE_S
    while len(stage.openings_s) < 2 and time.monotonic() < deadline_s:
        time.sleep(0.005)

    assert len(stage.openings_s) == 2
    stage.reward.close()
    assert not stage.is_open


def test_nothing_is_paid_where_nothing_is_configured() -> None:
    reward = make_reward(animal.NoRewardSettings(kind="none"))

    assert isinstance(reward, NoReward)
    assert reward.completed_pulse_s == reward.acquired_pulse_s == 0


def test_what_a_simulated_reward_would_have_been_is_told(caplog: pytest.LogCaptureFixture) -> None:
    reward = SimulatedReward(0.0, 0.1, 1.5)
    reward.pulse(0.1)
    reward.pulse(0.1)

    with caplog.at_level(logging.INFO):
        reward.close()

    assert "2 simulated reward pulses, 0.30 ml" in caplog.text


PULSES = {"completed_pulse_s": 0.1, "ml_per_s": 1.0}


def test_a_serial_port_that_is_not_there_is_told() -> None:
    settings = animal.SerialRewardSettings(kind="serial", device="/dev/no-such-port", **PULSES)

    with pytest.raises(
        BehaviourError, match=r"reward's line cannot be opened .*/dev/no-such-port is there"
    ):
        make_reward(settings)


def test_a_parallel_port_that_is_not_there_is_told() -> None:
    settings = animal.ParallelRewardSettings(kind="parallel", device="/dev/no-such", **PULSES)

    with pytest.raises(
        BehaviourError, match=r"reward's line cannot be opened .*/dev/no-such is there"
    ):
        make_reward(settings)
