"""A run is the bare loop: optimizer, generator and neuron by hand give the same numbers."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from controller.bench.addresses import RacePurpose, race_rng
from controller.bench.conditions import condition_of
from controller.bench.errors import BenchError
from controller.bench.plans.load import parse_plan
from controller.bench.plans.results import from_json
from controller.bench.plans.results_file import same
from controller.bench.plans.running import run, run_described
from controller.bench.plans.runs import Run, runs_of
from controller.bench.responses import Moment, responses
from controller.optimizers.cma.cholesky import CholeskyCmaEs, CholeskyCmaEsOptions
from generators.gaussian import GaussianGenerator
from rig_adapters.sim.neurons.shape.neuron import ShapeNeurons
from rig_adapters.sim.neurons.shape.settings import ShapeSettings


def run_of(text: str, **wanted: object) -> Run:
    runs = runs_of(parse_plan(text))
    found = [r for r in runs if all(getattr(r, key) == value for key, value in wanted.items())]
    return found[0]


@pytest.mark.parametrize("noise", ["none", "gain_0.5"])
def test_a_run_is_what_the_loop_by_hand_gives(small: str, noise: str) -> None:
    described = run_of(small, optimizer="Cholesky CMA", noise=noise, repeat=1)
    result, cost = run(described)

    seed, where = 3 * 1_000_003 + 1, "main/shape seed=1"
    generator = GaussianGenerator(code_dim=16, image_size_px=72)
    neuron = ShapeNeurons([ShapeSettings(channel=1, seed=1, spontaneous_hz=0.0)])
    options = CholeskyCmaEsOptions(sigma0=3.0, population_size=8)
    optimizer = CholeskyCmaEs(np.zeros((1, 16), np.float32), options, "maximise")
    clean, noisy, shown = [], [], 0
    for generation in range(4):
        asked = optimizer.ask(race_rng(seed, RacePurpose.ASK, where, generation), shown)
        rates = neuron.evoked_hz(generator.render(asked.codes))[:, 0]
        moment = Moment(seed, where, generation, generation / 4)
        scores, n_valid = responses(rates, condition_of(noise), moment)
        optimizer.tell(asked.ids, asked.codes, scores, n_valid)
        shown += len(asked.ids)
        clean.append(rates)
        noisy.append(scores)
    assert result.clean_max == max(rates.max() for rates in clean)
    assert result.noisy_best == max(scores.max() for scores in noisy)
    assert result.mean_hz == tuple(float(rates.mean()) for rates in clean)
    assert result.last_hz == np.mean([rates.mean() for rates in clean[-2:]])
    assert result.presentations == tuple(np.cumsum([len(rates) for rates in clean]))
    assert result.sigma[-1] == optimizer.summary()["sigma"]
    assert result.error == ""
    assert 0 < cost.neuron_s <= cost.total_s


def test_competitors_meet_the_same_first_codes_and_noise(changed: Callable[..., str]) -> None:
    text = changed('initial = "zeros", sigma0', 'initial = "normal", sigma0')
    results = [
        run(run_of(text, optimizer=name, noise="gain_0.5"))[0] for name in ("GA", "Cholesky CMA")
    ]
    assert results[0].first_hz == results[1].first_hz
    assert results[0].mean_hz[1] != results[1].mean_hz[1]
    other = run(run_of(text, optimizer="GA", noise="gain_0.5", repeat=1))[0]
    assert other.first_hz != results[0].first_hz


def test_a_shuffled_control_shows_the_same_first_images_and_then_others(small: str) -> None:
    described = run_of(small, optimizer="GA", noise="none")
    evolved, shuffled = (run(replace(described, control=c))[0] for c in ("none", "shuffled"))
    assert evolved.first_hz == shuffled.first_hz
    assert evolved.mean_hz[1] != shuffled.mean_hz[1]
    assert evolved.key != shuffled.key


@pytest.mark.usefixtures("one_thread")
def test_the_same_description_gives_the_same_line(small: str) -> None:
    described = run_of(small, optimizer="GA", noise="gain_0.5").to_json()
    first, second = (from_json(run_described(described))[0] for _ in range(2))
    assert same(first, second)
    assert not same(first, replace(first, mean_hz=(*first.mean_hz[:-1], 1.0)))


def test_a_worker_with_several_threads_is_refused(
    small: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with pytest.raises(BenchError, match="OMP_NUM_THREADS=1"):
        run_described(run_of(small, optimizer="GA").to_json())


def test_an_optimizer_that_cannot_begin_says_so_in_its_result(changed: Callable[..., str]) -> None:
    # A sphere has no place for the code of zeros.
    text = changed('kind = "genetic", initial = "normal"', 'kind = "sphere_cma", initial = "zeros"')
    text = text.replace("population_size = 8, n_elites = 2", "population_size = 8")
    result, _ = run(run_of(text, optimizer="GA"))
    assert result.error
    assert np.isnan(result.clean_max)
    assert result.presentations == ()
