"""What every behaviour promises, as tests.

A lab runs them on its own:

    class TestOurTracker(BehaviourContract):
        @pytest.fixture
        def stage(self):
            return OurStage()

A stage makes a new behaviour, and has the eyes behind it do something in the next trial: hold the
fixation, break it, or not look at all. Override `can` where an animal cannot do all of that.
"""

from collections.abc import Sequence
from typing import Literal, Protocol

import pytest

from rig_adapters.stimulus.behaviour.base import Behaviour, Look

Deed = Literal["hold", "break", "ignore"]
FRAME_S = 1 / 60
HOLD_S = 0.5
MOST_FRAMES = 2000


class BehaviourStage(Protocol):
    """A behaviour, and the animal in front of it."""

    behaviour: Behaviour

    def next_trial(self, deed: Deed, trial_id: int, spot_on_s: float) -> int:
        """Have the eyes do this while the next spot is on; return the trial's id to use.

        `trial_id` is the least that may be used.
        """
        ...

    def until(self, time_s: float) -> None:
        """Let the eyes do what they do until then."""
        ...


class BehaviourContract:
    """Subclass it and give a `stage` fixture; its clock begins at 100 s."""

    can: Sequence[Deed] = ("hold", "break", "ignore")

    @pytest.fixture
    def trials(self, stage: BehaviourStage) -> "Trials":
        return Trials(stage)

    def test_a_trial_that_is_held_is_acquired_once_and_never_broken(self, trials: "Trials") -> None:
        looks = trials.run("hold")

        assert [look.what for look in looks] == ["acquired"]

    def test_a_trial_that_is_broken_is_acquired_before(self, trials: "Trials") -> None:
        self.needs("break")
        looks = trials.run("break")

        assert [look.what for look in looks] == ["acquired", "broken"]

    def test_a_spot_that_nobody_looks_at_is_not_acquired(self, trials: "Trials") -> None:
        self.needs("ignore")

        assert trials.run("ignore") == []

    def test_what_is_told_happened_while_the_spot_was_on_and_in_order(
        self, trials: "Trials"
    ) -> None:
        for deed in (*self.can, *self.can, *self.can):
            looks = trials.run(deed)
            times = [look.time_s for look in looks]
            assert times == sorted(times)
            assert all(trials.spot_on_s <= time_s <= trials.spot_off_s for time_s in times)

    def test_nothing_is_told_between_trials(self, trials: "Trials") -> None:
        assert trials.idle() == []
        for deed in self.can:
            trials.run(deed)
            assert trials.idle() == []

    def test_one_trial_leaves_nothing_to_the_next(self, trials: "Trials") -> None:
        for deed in (*self.can, *reversed(self.can)):
            trials.run(deed)
            assert [look.what for look in trials.run("hold")] == ["acquired"]

    def test_a_spot_that_goes_off_early_takes_the_rest_of_the_trial_with_it(
        self, trials: "Trials"
    ) -> None:
        trials.run("hold", frames=1)
        assert trials.idle() == []

        assert [look.what for look in trials.run("hold")] == ["acquired"]

    def test_it_can_be_closed_before_the_first_trial_and_twice(self, stage: BehaviourStage) -> None:
        stage.behaviour.close()
        stage.behaviour.close()

    def test_it_says_how_long_a_spot_waits(self, stage: BehaviourStage) -> None:
        assert stage.behaviour.acquisition_timeout_s > 0

    def needs(self, deed: Deed) -> None:
        """Skip a test of what this animal never does."""
        if deed not in self.can:
            pytest.skip(f"this animal never does it: {deed}")


class Trials:
    """Runs trials as the stimulus process does, on a clock of frames."""

    def __init__(self, stage: BehaviourStage) -> None:
        self.spot_on_s = self.spot_off_s = 0.0
        self._stage = stage
        self._now_s = 100.0
        self._trial_id = 0

    def run(self, deed: Deed, frames: int = MOST_FRAMES) -> list[Look]:
        """Run one trial, of at most so many frames; return what was told until its end."""
        behaviour = self._stage.behaviour
        self.spot_on_s = self._now_s
        trial_id = self._stage.next_trial(deed, self._trial_id, self._now_s)
        self._trial_id = trial_id + 1
        behaviour.begin_trial(trial_id, self._now_s, HOLD_S)
        looks = self._watch()
        while frames > 1 and not self._is_over(looks):
            self._now_s += FRAME_S
            looks += self._watch()
            frames -= 1
        self.spot_off_s = self._now_s
        behaviour.end_trial(self._now_s, [look.what for look in looks] == ["acquired"])
        return looks

    def idle(self) -> list[Look]:
        """Let a second pass without a trial; return what was told meanwhile."""
        looks = []
        for _ in range(60):
            self._now_s += FRAME_S
            looks += self._watch()
        return looks

    def _watch(self) -> list[Look]:
        self._stage.until(self._now_s)
        return list(self._stage.behaviour.watch(self._now_s))

    def _is_over(self, looks: Sequence[Look]) -> bool:
        timeout_s = min(self._stage.behaviour.acquisition_timeout_s, 5.0)
        if not looks:
            return self._now_s - self.spot_on_s >= timeout_s
        return looks[-1].what == "broken" or self._now_s - looks[0].time_s >= HOLD_S
