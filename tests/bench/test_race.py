"""A race is fair, complete and repeatable, also where responses are missing or wrong."""

import math
from dataclasses import replace
from multiprocessing import resource_tracker

import numpy as np
import pytest

from controller.bench import heat as heat_module
from controller.bench.conditions import VIOLATIONS
from controller.bench.entrants import ENTRANTS, REFERENCE, Setting
from controller.bench.heat import Heat, HeatResult, initial_codes, run_heat
from controller.bench.neuron_sets import neurons_of
from controller.bench.race import heats_of, race
from controller.optimizers.base import Codes, Floats, Ids, Population
from controller.optimizers.errors import DivergedError
from controller.optimizers.random_search import RandomSearch
from controller.optimizers.registry import KINDS

D = 32


@pytest.fixture(scope="module", autouse=True)
def tracker() -> None:
    """Start Python's tracker of what processes share, which stays as long as this process."""
    resource_tracker.ensure_running()


LINEAR, RADIAL = neurons_of("tuning", D)[:2]
HEAT = Heat("genetic", LINEAR, "poisson", seed=3, n_presentations=400)


def _without_times(result: HeatResult) -> HeatResult:
    return replace(result, ask_tell_ms=(0.0, 0.0))


def test_a_heat_repeats_to_the_last_digit_and_with_another_seed_does_not() -> None:
    first, again = (_without_times(run_heat(HEAT)) for _ in range(2))
    assert first == again
    assert run_heat(replace(HEAT, seed=4)).mean_hz != first.mean_hz


def test_all_optimizers_begin_with_the_same_codes() -> None:
    for name in ENTRANTS:
        other = replace(HEAT, optimizer=name)
        assert np.array_equal(initial_codes(other), initial_codes(HEAT))
    first = {run_heat(replace(HEAT, optimizer=name, n_presentations=80)).mean_hz[0]
             for name in ("genetic", "random", "cholesky_cma")}  # fmt: skip
    assert len(first) == 1


def test_the_budget_is_met_within_half_a_generation() -> None:
    for name in ("genetic", "cholesky_cma"):
        result = run_heat(replace(HEAT, optimizer=name))
        steps = np.diff(result.presentations)
        assert abs(result.presentations[-1] - 400) <= steps[-1] / 2
        assert len(result.mean_hz) == len(result.best_hz) == len(result.presentations)
        assert (np.diff(result.best_hz) >= 0).all()


def test_codes_of_all_can_be_kept_at_one_norm() -> None:
    for name in ("genetic", "cholesky_cma"):
        result = run_heat(replace(HEAT, optimizer=name, norms=(9.0, 9.0)))
        assert result.code_norm == pytest.approx(9.0, abs=0.01)


def test_a_key_changes_with_all_that_changes_the_result() -> None:
    others = [
        replace(HEAT, optimizer="random"),
        replace(HEAT, neuron=RADIAL),
        replace(HEAT, neuron=replace(LINEAR, spread=0.1)),
        replace(HEAT, condition="none"),
        replace(HEAT, seed=4),
        replace(HEAT, n_presentations=440),
        replace(HEAT, norms=(None, 9.0)),
    ]
    assert len({one.key for one in [HEAT, *others]}) == len(others) + 1


@pytest.mark.parametrize("violation", VIOLATIONS)
@pytest.mark.parametrize("name", [name for name, one in ENTRANTS.items() if not one.on_request])
def test_every_optimizer_gets_through_with_gaps_drift_and_artefacts(
    name: str, violation: str
) -> None:
    result = run_heat(Heat(name, LINEAR, f"poisson+{violation}", seed=0, n_presentations=320))
    assert result.error == ""
    assert result.presentations[-1] > 280
    assert math.isfinite(result.code_norm)
    assert min(result.mean_hz) >= LINEAR.baseline_hz


class _Runaway(RandomSearch):
    """Diverges after two generations."""

    def ask(self, rng: np.random.Generator, first_id: int, n: int | None = None) -> Population:
        if self.generation == 2:
            raise DivergedError("the search has diverged")
        return super().ask(rng, first_id, n)


def test_an_optimizer_that_diverges_ends_its_heat_and_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runaway = replace(ENTRANTS["random"], make=lambda setting: _Runaway(setting.initial_codes))
    monkeypatch.setattr(heat_module, "ENTRANTS", {"random": runaway})
    result = run_heat(replace(HEAT, optimizer="random"))
    assert result.error == "the search has diverged"
    assert len(result.mean_hz) == 2


class _Listener(RandomSearch):
    """Random search that keeps what it was told."""

    def __init__(self, initial: Codes) -> None:
        super().__init__(initial)
        self.heard: list[Floats] = []

    def tell(self, ids: Ids, codes: Codes, scores: Floats, n_valid: Ids) -> None:
        super().tell(ids, codes, scores, n_valid)
        self.heard.append(scores)


def test_an_optimizer_hears_noisy_responses_and_is_judged_without_noise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    built: list[_Listener] = []

    def make(setting: Setting) -> _Listener:
        built.append(_Listener(setting.initial_codes))
        return built[-1]

    monkeypatch.setattr(heat_module, "ENTRANTS", {"random": replace(ENTRANTS["random"], make=make)})
    results = [
        run_heat(replace(HEAT, optimizer="random", condition=noise))
        for noise in ("none", "poisson")
    ]
    assert results[0].mean_hz == results[1].mean_hz
    quiet, noisy = (np.concatenate(one.heard) for one in built)
    assert not np.array_equal(quiet, noisy)
    assert quiet.mean() == pytest.approx(np.mean(results[0].mean_hz), rel=1e-3)


def test_only_optimizers_that_use_the_metric_race_with_a_wrong_one() -> None:
    heats = heats_of(["random"], [LINEAR], ["poisson", "poisson+wrong_metric"], [0], 400)
    assert [heat.condition for heat in heats] == ["poisson"]


def test_two_processes_give_the_results_of_one() -> None:
    heats = heats_of(["random", "genetic"], [LINEAR], ["none"], [0, 1], 120)
    alone, together = (
        {result.key: _without_times(result) for result in race(heats, n_workers=n)} for n in (1, 2)
    )
    assert alone == together
    assert len(alone) == 4


def test_a_race_that_is_left_ends_its_processes() -> None:
    # That none stays behind is checked after every test.
    heats = heats_of(["genetic"], [LINEAR], ["none"], range(50), 2000)
    racing = race(heats, n_workers=2)
    assert next(iter(racing)).optimizer == "genetic"
    racing.close()  # type: ignore[attr-defined]  # it is a generator


def test_who_uses_the_metric_is_given_that_of_the_condition() -> None:
    users = [name for name, entrant in ENTRANTS.items() if entrant.uses_metric]
    assert "hessian_cma" in users
    for name in users:
        steady, wrong = (
            run_heat(replace(HEAT, optimizer=name, condition=condition, n_presentations=120))
            for condition in ("poisson", "poisson+wrong_metric")
        )
        assert steady.mean_hz[0] == wrong.mean_hz[0]
        assert steady.mean_hz[-1] != wrong.mean_hz[-1]


def test_every_kind_races_but_those_around_others() -> None:
    raced = {name.partition("+")[0] for name in ENTRANTS}
    assert raced == {kind.name for kind in KINDS.values() if not kind.inner}
    assert REFERENCE in raced
