"""The surrogate of a neuron: what it can predict it does, and what it cannot know is told."""

import numpy as np
import pytest

from controller import assembly
from controller.replay.counterfactual import raced
from controller.replay.features import SETS, features
from controller.replay.surrogate import FEWEST_IMAGES, fit, predictivity

from .conftest import session_config

GENERATIONS, PER_GENERATION = 6, 20
GENERATION = np.repeat(np.arange(GENERATIONS), PER_GENERATION)
CONFIG = session_config("generators.main.code_dim=64", "generators.main.image_size_px=72")
GENERATORS = assembly.build_generators(CONFIG)


def images(n: int = len(GENERATION), spread: float = 1.0, seed: int = 1) -> np.ndarray:
    codes = spread * np.random.default_rng(seed).standard_normal((n, 64)).astype(np.float32)
    return GENERATORS["main"].render(codes)


def brightness(pictures: np.ndarray) -> np.ndarray:
    """Scores of a neuron that likes light in the upper left, in spikes/s."""
    return 100 * pictures[:, :36, :36].mean(axis=(1, 2, 3)) / 255


def test_features_are_the_same_whatever_the_size_of_an_image() -> None:
    plain = np.full((2, 72, 72, 3), 128, np.uint8)
    larger = np.full((2, 200, 200, 3), 128, np.uint8)

    small, large = features(plain), features(larger)

    assert tuple(small) == SETS
    for kind in SETS:
        np.testing.assert_allclose(small[kind], large[kind], atol=1e-12)
    assert np.abs(small["energy"]).max() < 1e-12


def test_a_neuron_that_can_be_predicted_is() -> None:
    pictures = images()
    scores = brightness(pictures)

    trust = predictivity(pictures, scores, GENERATION, 0.0, "nothing")

    assert min(trust.images, trust.generations, trust.within) > 0.75
    assert trust.ceiling == pytest.approx(1)
    assert trust.suffices


def test_scores_that_have_nothing_to_do_with_the_images_are_refused() -> None:
    scores = np.random.default_rng(0).normal(50, 10, len(GENERATION))

    trust = predictivity(images(), scores, GENERATION, None, "nothing")

    assert trust.ceiling is None
    assert not trust.suffices


def test_the_ceiling_is_that_of_a_model_that_knows_all_but_the_noise() -> None:
    rng = np.random.default_rng(0)
    pictures = images(400)
    true = brightness(pictures)
    noise_per_hz = float(true.var() / true.mean())
    heard = true + np.sqrt(noise_per_hz * true) * rng.standard_normal(len(true))

    trust = predictivity(
        pictures, heard, np.repeat(np.arange(10), 40), noise_per_hz, "what was put in"
    )

    assert trust.ceiling == pytest.approx(np.corrcoef(true, heard)[0, 1], abs=0.06)
    assert 0.7 < trust.normalised < 1.15


def test_images_far_from_those_of_the_log_are_told_apart_and_promise_nothing_more() -> None:
    pictures = images()
    scores = brightness(pictures)
    surrogate = fit(pictures, scores, 0.0)

    near, near_far = surrogate.rates(images(seed=2))
    away, away_far = surrogate.rates(images(seed=2, spread=6.0))

    assert near_far.mean() < 0.5 < away_far.mean()
    for rates in (near, away):
        assert rates.max() <= scores.max()
    assert np.corrcoef(near, brightness(images(seed=2)))[0, 1] > 0.8


def test_a_race_on_a_surrogate_is_the_same_from_the_same_seeds() -> None:
    pictures = images()
    surrogate = fit(pictures, brightness(pictures), 1.0)

    one, again = (
        raced("as logged", CONFIG, 0, GENERATORS, surrogate, 200, range(2)) for _ in range(2)
    )

    assert one.ends.tolist() == again.ends.tolist()
    assert one.runs[0].means.tolist() != one.runs[1].means.tolist()
    assert [run.n_images[-1] for run in one.runs] == [200, 200]


def test_fewer_images_than_are_needed_never_suffice() -> None:
    few = FEWEST_IMAGES - 1
    pictures = images(few)

    trust = predictivity(pictures, brightness(pictures), np.arange(few) % 4, 0.0, "nothing")

    assert trust.images > 0.5
    assert not trust.suffices
