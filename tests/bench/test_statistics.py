"""Tables of a benchmark say what the published ones say of the published scores."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from controller.bench.errors import BenchError
from controller.bench.significance import paired_t, student_t, two_way_anova, welch_t
from controller.bench.statistics import (
    Run,
    anova_by_kind,
    anova_by_noise,
    compare,
    kind_of,
    noise_of,
    normalised,
    not_told_apart_from_best,
    optimizer_of,
    ordering,
    summaries,
)
from controller.optimizers.base import Floats

OPTIMIZERS = ("genetic", "cholesky", "pycma", "diagonal", "sphere_exp", "sphere_inv")
LAYERS = ("conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8")
NOISE = ("none", "gain_0.2", "gain_0.5")
CELLS = """
.525 .016 .838 .013 .770 .027 .823 .027 .901 .013 .822 .013
.473 .014 .654 .027 .626 .019 .685 .027 .659 .013 .637 .021
.406 .011 .565 .021 .545 .015 .633 .013 .548 .015 .546 .014
.443 .013 .791 .013 .793 .010 .812 .011 .886 .013 .819 .011
.398 .012 .618 .010 .607 .010 .663 .010 .603 .011 .598 .011
.345 .012 .524 .009 .492 .011 .526 .011 .495 .013 .486 .012
.378 .011 .758 .015 .723 .013 .728 .014 .859 .017 .754 .017
.358 .010 .554 .012 .546 .012 .618 .013 .570 .014 .532 .013
.299 .009 .446 .012 .435 .011 .468 .012 .440 .011 .420 .011
.372 .008 .756 .009 .764 .011 .760 .014 .913 .011 .792 .009
.354 .008 .547 .009 .539 .008 .598 .008 .542 .013 .523 .009
.298 .006 .456 .009 .429 .007 .464 .008 .433 .008 .409 .007
.320 .010 .663 .033 .706 .031 .659 .020 .830 .041 .662 .033
.295 .009 .444 .020 .435 .019 .457 .023 .438 .019 .404 .020
.249 .009 .338 .016 .344 .015 .345 .017 .310 .015 .318 .012
.244 .014 .571 .039 .577 .039 .519 .037 .766 .047 .613 .033
.228 .012 .361 .026 .370 .026 .429 .026 .404 .024 .399 .025
.201 .010 .309 .017 .276 .021 .276 .022 .259 .019 .260 .019
.308 .008 .703 .015 .733 .013 .600 .017 .865 .017 .712 .011
.281 .007 .448 .011 .458 .010 .439 .011 .473 .011 .446 .008
.228 .006 .328 .008 .319 .008 .324 .008 .316 .008 .305 .007
"""
"""Mean and SEM of 50 runs, by layer and noise (rows) and optimizer: Wang & Ponce 2022, round 2."""


@pytest.fixture(scope="module")
def published() -> list[Run]:
    """1050 runs of each optimizer, with exactly the published mean and SEM in every cell."""
    table = np.array(CELLS.split(), float).reshape(7, 3, 6, 2)
    rng = np.random.default_rng(0)
    runs: list[Run] = []
    for (k, kind), (s, noise), (o, name) in product(
        enumerate(LAYERS), enumerate(NOISE), enumerate(OPTIMIZERS)
    ):
        mean, sem = table[k, s, o]
        drawn = rng.standard_normal(50)
        scores = mean + sem * np.sqrt(50) * (drawn - drawn.mean()) / drawn.std(ddof=1)
        runs += [
            Run(f"{kind}-{i // 5}", kind, noise, i % 5, name, float(score))
            for i, score in enumerate(scores)
        ]
    return runs


def _of(runs: list[Run], optimizer: str, noise: str | None = None) -> Floats:
    chosen = (r for r in runs if r.optimizer == optimizer and noise in (None, r.noise))
    return np.array([run.score for run in chosen])


def test_published_cells_give_the_published_pooled_means(published: list[Run]) -> None:
    pooled = summaries(published, optimizer_of)
    told = [0.333, 0.556, 0.547, 0.563, 0.596, 0.546]
    assert [pooled[(name,)].mean for name in OPTIMIZERS] == pytest.approx(told, abs=0.001)
    sems = [0.003, 0.006, 0.006, 0.006, 0.008, 0.006]
    assert [pooled[(name,)].sem for name in OPTIMIZERS] == pytest.approx(sems, abs=0.0006)
    assert {each.n for each in pooled.values()} == {1050}
    by_noise = summaries(published, optimizer_of, noise_of)
    exp = [by_noise["sphere_exp", noise].mean for noise in NOISE]
    assert exp == pytest.approx([0.860, 0.527, 0.400], abs=0.001)
    assert by_noise["cholesky", "none"].sem == pytest.approx(0.009, abs=0.0006)
    by_layer = summaries(published, optimizer_of, kind_of)
    ratios = [by_layer["cholesky", k].mean / by_layer["genetic", k].mean for k in LAYERS]
    assert ratios == pytest.approx([1.46, 1.63, 1.70, 1.72, 1.67, 1.85, 1.81], abs=0.01)


def test_published_cells_give_the_published_ratios_and_t(published: list[Run]) -> None:
    rng = np.random.default_rng(1)
    cma = compare(published, "cholesky", "genetic", rng)
    assert cma.ratio.value == pytest.approx(1.667, abs=0.004)
    assert cma.ratio.low < 1.667 < cma.ratio.high
    assert (cma.n_pairs, cma.n_neurons, cma.ahead) == (1050, 70, 1)
    assert cma.student.df == 2098
    assert cma.student.t == pytest.approx(31.3, abs=0.3)
    assert 1e-185 < cma.student.p < 1e-170  # published: 7.5e-177
    sphere = compare(published, "sphere_exp", "cholesky", rng)
    assert sphere.ratio.value == pytest.approx(1.072, abs=0.002)
    assert sphere.student.t == pytest.approx(4.03, abs=0.06)
    for noise, ratio, t in zip(NOISE, (1.185, 1.017, 0.945), (9.67, 0.80, -2.28), strict=True):
        some = compare(
            [run for run in published if run.noise == noise], "sphere_exp", "cholesky", rng
        )
        assert some.ratio.value == pytest.approx(ratio, abs=0.002)
        assert some.student.t == pytest.approx(t, abs=0.12)
        assert some.student.df == 698
        assert (some.ahead > 0.5) == (t > 0)


def test_published_cells_give_the_published_orders(published: list[Run]) -> None:
    rng = np.random.default_rng(2)
    clean = [run for run in published if run.noise == "none"]
    noisy = [run for run in published if run.noise == "gain_0.5"]
    found = ordering(clean, rng)
    assert (found.optimizers[0], found.optimizers[-2:]) == ("sphere_exp", ("diagonal", "genetic"))
    assert found.steps[0] > 0.99
    assert found.steps[-1] == 1
    assert not_told_apart_from_best(clean) == ("sphere_exp",)
    best, *same = not_told_apart_from_best(noisy)
    assert best == "diagonal"
    assert "cholesky" in same
    assert "genetic" not in same
    backwards = ordering(clean, rng, ("genetic", "sphere_exp"))
    assert (backwards.steps, backwards.whole) == ((0.0,), 0.0)


def test_scores_are_parts_of_the_highest_of_their_neuron_at_any_noise() -> None:
    runs = [
        Run("a", "v1", "none", 0, "x", 20.0),
        Run("a", "v1", "gain_0.5", 0, "y", 40.0),
        Run("b", "v1", "none", 0, "x", 0.0),
        Run("b", "v1", "none", 0, "y", -1.0),
    ]
    usable, silent = normalised(runs)
    assert [run.score for run in usable] == [0.5, 1.0]
    assert silent == ("b",)
    with pytest.raises(BenchError, match="twice"):
        normalised([*runs, runs[0]])
    with pytest.raises(BenchError, match="has no score"):
        normalised([Run("a", "v1", "none", 1, "x", np.nan)])


def test_only_runs_on_the_same_neuron_noise_and_repeat_are_compared() -> None:
    rng = np.random.default_rng(3)
    ours = [Run(f"n{i}", "v1", "none", 0, "ours", 2.0 * (i + 1)) for i in range(4)]
    theirs = [Run(f"n{i}", "v1", "none", 0, "theirs", 1.0 * (i + 1)) for i in range(3)]
    alone = Run("n9", "v1", "none", 0, "theirs", 1e9)
    found = compare([*ours, *reversed(theirs), alone], "ours", "theirs", rng)
    assert (found.n_pairs, found.n_neurons) == (3, 3)
    # Each pair has the ratio 2, so every resampling has it; the difference varies.
    assert (found.ratio.low, found.ratio.value, found.ratio.high) == (2, 2, 2)
    assert found.difference.low < found.difference.value < found.difference.high
    with pytest.raises(BenchError, match="too few"):
        compare([ours[0], alone], "ours", "theirs", rng)


def test_intervals_widen_where_runs_on_a_neuron_are_alike() -> None:
    rng = np.random.default_rng(4)

    def width(shared: float) -> float:
        # As many runs and as much variance in all, shared by the runs on a neuron or not.
        runs = []
        for neuron in range(30):
            common = rng.normal()
            for repeat in range(10):
                lead = np.sqrt(shared) * common + np.sqrt(1 - shared) * rng.normal()
                runs.append(Run(f"n{neuron}", "v1", "none", repeat, "ours", 10 + float(lead)))
                runs.append(Run(f"n{neuron}", "v1", "none", repeat, "theirs", 10.0))
        found = compare(runs, "ours", "theirs", rng).difference
        return found.high - found.low

    # The standard errors are 1/sqrt(300) and about 1/sqrt(30).
    assert width(0.0) == pytest.approx(2 * 1.96 / np.sqrt(300), rel=0.3)
    assert width(0.999) == pytest.approx(2 * 1.96 / np.sqrt(30), rel=0.3)


def test_one_neuron_says_nothing_of_others() -> None:
    runs = [Run("a", "v1", "none", i, name, 1.0 + i) for i in range(3) for name in ("x", "y")]
    found = compare(runs, "x", "y", np.random.default_rng(5))
    assert found.ratio.value == 1
    assert np.isnan([found.ratio.low, found.ratio.high, found.ahead]).all()
    assert np.isnan(ordering(runs, np.random.default_rng(5)).whole)


def test_t_tests_agree_with_scipy() -> None:
    rng = np.random.default_rng(6)
    a, b, c = rng.normal(1.0, 1.0, 12), rng.normal(0.0, 3.0, 30), rng.normal(0.5, 2.0, 12)
    oracles = [
        (student_t(a, b), stats.ttest_ind(a, b)),
        (welch_t(a, b), stats.ttest_ind(a, b, equal_var=False)),
        (paired_t(a, c), stats.ttest_rel(a, c)),
    ]
    for ours, theirs in oracles:
        assert (ours.t, ours.df, ours.p) == pytest.approx(
            (theirs.statistic, theirs.df, theirs.pvalue), rel=1e-10
        )
    assert np.isnan(paired_t(a, a).t)


def test_analysis_of_variance_agrees_with_fits_of_whole_models() -> None:
    rng = np.random.default_rng(7)
    first = np.repeat(["x", "y", "z"], [14, 9, 17])
    second = np.array([f"n{i % 4}" for i in range(40)])
    values = rng.normal(size=40) + 2.0 * (first == "x") + (first == "y") * (second == "n1")
    ours = two_way_anova(values, first.tolist(), second.tolist())

    def rest(*labels: np.ndarray) -> float:
        design = np.hstack([np.equal.outer(each, np.unique(each)) for each in labels]).astype(float)
        fitted = design @ np.linalg.pinv(design) @ values
        return float(np.square(values - fitted).sum())

    both, cell = rest(first, second), rest(np.char.add(first, second))
    sums = [rest(second) - both, rest(first) - both, both - cell]
    effects = (ours.first, ours.second, ours.interaction)
    assert [each.sum_of_squares for each in effects] == pytest.approx(sums)
    assert [each.df for each in effects] == [2, 3, 6]
    assert (ours.residual_ss, ours.residual_df) == pytest.approx((cell, 28))
    for each in effects:
        f = each.sum_of_squares / each.df / (cell / 28)
        assert (each.f, each.p) == pytest.approx((f, stats.f.sf(f, each.df, 28)))


def test_analysis_of_variance_of_the_published_cells(published: list[Run]) -> None:
    by_noise = anova_by_noise(published)
    # Balanced, so the parts add up, and the main effect is that of the group means.
    parts = by_noise.first, by_noise.second, by_noise.interaction
    scores = np.array([run.score for run in published])
    total = np.square(scores - scores.mean()).sum()
    assert sum(p.sum_of_squares for p in parts) + by_noise.residual_ss == pytest.approx(total)
    means = np.array([_of(published, name).mean() for name in OPTIMIZERS])
    between = 1050 * np.square(means - means.mean()).sum()
    assert by_noise.first.sum_of_squares == pytest.approx(between)
    assert by_noise.second.eta2 > by_noise.first.eta2 > by_noise.interaction.eta2
    assert anova_by_kind(published).first.sum_of_squares == pytest.approx(between)
    with pytest.raises(BenchError, match="every combination"):
        two_way_anova(scores[:3], ["x", "x", "y"], ["a", "b", "a"])
