"""Split halves and noise ceilings, against the truth they were made from and other formulas."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from sessions.analysis.reliability import corrected, noise_ceiling, split_half
from sessions.records import Floats, Ints


def _shown(
    signal_sd: float, n_images: int, n_repeats: int, seed: int
) -> tuple[Floats, Ints, Floats]:
    rng = np.random.default_rng(seed)
    true = 40 + signal_sd * rng.standard_normal(n_images)
    image = np.repeat(np.arange(n_images), n_repeats)
    return true[image] + rng.standard_normal(image.size), image, true


def test_two_presentations_have_one_split_and_its_correlation_is_that_of_scipy() -> None:
    score, image, _ = _shown(1.0, 60, 2, seed=1)
    found = split_half(score, image, np.random.default_rng(0))
    # Which half is which is drawn; the correlation hardly depends on it.
    r = pearsonr(score[::2], score[1::2]).statistic
    assert found.half == pytest.approx(r, abs=0.03)
    assert found.whole.value == pytest.approx(2 * found.half / (1 + found.half))
    assert found.n_images == 60


@pytest.mark.parametrize("signal_sd", [0.5, 1.0])
def test_reliability_is_the_squared_correlation_of_means_with_the_truth(signal_sd: float) -> None:
    score, image, true = _shown(signal_sd, 2000, 4, seed=2)
    found = split_half(score, image, np.random.default_rng(0))
    r = pearsonr(score.reshape(2000, 4).mean(axis=1), true).statistic
    assert found.whole.value == pytest.approx(r**2, abs=0.05)
    assert found.whole.low < found.whole.value < found.whole.high


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    true = 1 / (1 + 1 / 4)
    held = 0
    for seed in range(40):
        score, image, _ = _shown(1.0, 60, 4, seed=100 + seed)
        found = split_half(score, image, np.random.default_rng(seed)).whole
        held += found.low < true < found.high
    assert 32 <= held <= 40


def test_the_ceiling_is_that_of_an_analysis_of_variance() -> None:
    score, image, _ = _shown(1.0, 50, 5, seed=3)
    table = anova_lm(ols("score ~ C(image)", pd.DataFrame({"score": score, "image": image})).fit())
    f = table["F"].iloc[0]
    found = noise_ceiling(score, image)
    assert found is not None
    assert found.explainable == pytest.approx(1 - 1 / f)
    assert found.noise_sd == pytest.approx(math.sqrt(table["mean_sq"].iloc[1]))
    assert (found.n_images, found.n_presentations) == (50, 250)


def test_a_perfect_model_reaches_the_root_of_the_ceiling() -> None:
    score, image, true = _shown(0.7, 4000, 3, seed=4)
    found = noise_ceiling(score, image)
    assert found is not None
    r = pearsonr(score.reshape(4000, 3).mean(axis=1), true).statistic
    assert math.sqrt(found.explainable) == pytest.approx(r, abs=0.02)


def test_what_says_nothing_is_not_told() -> None:
    rng = np.random.default_rng(0)
    once = split_half(np.arange(9.0), np.arange(9), rng)
    assert math.isnan(once.whole.value)
    assert noise_ceiling(np.arange(9.0), np.arange(9)) is None
    missing = np.array([1.0, 2.0, math.nan, 5.0, 3.0, 4.0])
    assert noise_ceiling(missing, np.array([0, 0, 1, 1, 2, 2])) is not None
    # Responses that say the opposite of themselves have no reliability to speak of.
    assert math.isnan(corrected(-1.0))
    nothing = noise_ceiling(np.array([1.0, 3.0, 3.0, 1.0]), np.array([0, 0, 1, 1]))
    assert nothing is not None
    assert nothing.explainable == 0
