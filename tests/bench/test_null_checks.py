"""In code space a success looks like nothing, as published; what differs is the rate."""

import numpy as np
import pytest

from controller.bench.null_checks import (
    Evolved,
    TunedNeuron,
    bridge_hz,
    cosine,
    evolve,
    null_walk_norm2,
    one_step,
    tuned_neuron,
    usual_selection,
)
from sessions.analysis.null_theory import random_walk_shares
from sessions.analysis.trajectory import principal_components, step_cosines

CODE_DIM = 4096


@pytest.fixture(scope="module")
def neuron() -> TunedNeuron:
    return tuned_neuron(CODE_DIM, 0)


@pytest.fixture(scope="module")
def tuned(neuron: TunedNeuron) -> list[Evolved]:
    return [evolve(neuron, seed) for seed in (0, 2)]


@pytest.fixture(scope="module")
def dead(neuron: TunedNeuron) -> Evolved:
    return evolve(neuron, 10, dead=True)


def test_a_tuned_neuron_is_driven_and_a_dead_channel_is_not(
    tuned: list[Evolved], dead: Evolved
) -> None:
    for e in tuned:
        assert e.rates_hz[0] == pytest.approx(31, abs=0.1)
        assert e.rates_hz[-5:].mean() == pytest.approx(71, abs=8)
        assert np.nanmean(e.rho) == pytest.approx(0.16, abs=0.04)
    assert dead.rates_hz[-5:].mean() < 36


def test_codes_do_not_show_which_was_driven(
    neuron: TunedNeuron, tuned: list[Evolved], dead: Evolved
) -> None:
    for e in (*tuned, dead):
        norm = np.linalg.norm(e.last_mean)
        on_task = np.linalg.norm(neuron.on_task(e.last_mean))
        drift = np.sqrt(usual_selection(40).null_norm2(e.sigmas[1:], CODE_DIM)[-1])
        assert np.sqrt(norm**2 - on_task**2) == pytest.approx(drift, rel=0.025)
        assert on_task**2 / norm**2 < 0.01
        shares = principal_components(e.means[1:])[1][:3]
        assert shares == pytest.approx(random_walk_shares(74, 3), abs=0.02)
        assert abs(step_cosines(e.means[1:]).mean()) < 0.01


def test_two_evolutions_of_a_neuron_end_far_apart_without_a_valley_between(
    neuron: TunedNeuron, tuned: list[Evolved]
) -> None:
    a, b = (e.last_mean for e in tuned)
    assert abs(cosine(a, b)) < 0.05
    assert cosine(neuron.on_task(a), neuron.on_task(b)) > 0.6
    rates = bridge_hz(neuron, a, b)
    assert rates[[0, -1]] == pytest.approx(neuron.rates_hz(np.stack([a, b])))
    assert rates[1:-1].min() > rates[[0, -1]].min()


@pytest.mark.parametrize("rho", [1.0, 0.4, 0.0])
def test_steps_by_the_optimizers_weights_are_those_of_theory(rho: float) -> None:
    found = usual_selection(40)
    along, _ = one_step(rho, 1, 4000, seed=1)
    assert along == pytest.approx(found.on_task_step(1.0, rho), abs=0.02)
    _, rest2 = one_step(rho, CODE_DIM, 20, seed=2)
    assert rest2 == pytest.approx(found.off_task_norm2(1.0, CODE_DIM), rel=0.02)


def test_the_mean_walks_as_far_as_theory_says() -> None:
    expected = usual_selection(40).null_norm2(np.full(50, 3.0), CODE_DIM)
    norm2 = null_walk_norm2(3.0, 50, CODE_DIM, seed=0)
    assert norm2[[9, 49]] == pytest.approx(expected[[9, 49]], rel=0.05)
