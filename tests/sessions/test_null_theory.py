"""What is expected of an evolution without a signal is right: by quadrature, and by simulation."""

import numpy as np
import pytest
from scipy import integrate, stats

from sessions.analysis.null_theory import (
    Selection,
    StepSizeControl,
    endless_walk_shares,
    expected_order_statistics,
    null_norm_sd,
    random_walk_shares,
    selection,
)
from sessions.analysis.trajectory import (
    cosine_fits,
    linear_r2,
    mean_angle_deg,
    principal_components,
    step_cosines,
)
from sessions.records import Floats


def _weights(n_parents: int) -> Floats:
    weights: Floats = np.log(n_parents + 0.5) - np.log(np.arange(1, n_parents + 1))
    return weights / weights.sum()


def _of(population_size: int) -> Selection:
    return selection(_weights(population_size // 2), population_size)


@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_order_statistics_are_those_of_the_beta_integral(n: int) -> None:
    def expected(i: int) -> float:
        share = stats.beta(n + 1 - i, i)
        return float(integrate.quad(lambda u: stats.norm.ppf(u) * share.pdf(u), 0, 1)[0])

    found = expected_order_statistics(n)
    some = sorted({1, 2, n // 2 + 1, n} & set(range(1, n + 1)))
    assert [found[i - 1] for i in some] == pytest.approx([expected(i) for i in some], abs=1e-7)
    assert found == pytest.approx(-found[::-1], abs=1e-12)


def test_order_statistics_of_large_generations_stay_exact() -> None:
    # The sum of their squares is n minus the sum of all variances, and the largest is tabled.
    found = expected_order_statistics(1000)
    assert found[0] == pytest.approx(3.2414, abs=1e-4)  # Harter 1961
    assert np.all(np.diff(found) < 0)


@pytest.mark.parametrize(
    ("population_size", "m", "s", "mu_eff", "cosine", "cosine_500"),
    [
        (20, 1.215, 0.168, 5.9, 0.046, 0.131),
        (30, 1.255, 0.116, 8.6, 0.058, 0.163),
        (40, 1.279, 0.0884, 11.3, 0.067, 0.189),
        (80, 1.320, 0.0459, 21.8, 0.096, 0.266),
    ],
)
def test_selection_is_that_of_the_published_table(
    population_size: int, m: float, s: float, mu_eff: float, cosine: float, cosine_500: float
) -> None:
    found = _of(population_size)
    assert found.m == pytest.approx(m, abs=0.0006)
    assert found.s == pytest.approx(s, rel=0.004)
    assert found.mu_eff == pytest.approx(mu_eff, abs=0.06)
    assert found.alignment(1.0, 4096) == pytest.approx(cosine, abs=0.0006)
    assert found.alignment(1.0, 500) == pytest.approx(cosine_500, abs=0.0006)


@pytest.mark.parametrize(("rho", "on"), [(1.0, 1.279), (0.7, 0.895), (0.4, 0.512), (0.0, 0.0)])
def test_steps_are_as_long_and_as_well_aimed_as_predicted(rho: float, on: float) -> None:
    rng = np.random.default_rng(int(10 * rho))
    found, weights, n_steps, dim = _of(40), _weights(20), 6000, 64
    z = rng.standard_normal((n_steps, 40, dim))
    scores = rho * z[..., 0] + np.sqrt(1 - rho**2) * rng.standard_normal((n_steps, 40))
    order = np.argsort(-scores, axis=1)[:, :20]
    steps = np.einsum("k,nkd->nd", weights, np.take_along_axis(z, order[..., np.newaxis], axis=1))
    assert found.on_task_step(1.0, rho) == pytest.approx(on, abs=0.001)
    assert steps[:, 0].mean() == pytest.approx(found.on_task_step(1.0, rho), abs=0.015)
    off2 = np.square(steps[:, 1:]).sum(axis=1).mean()
    assert off2 == pytest.approx(found.off_task_norm2(1.0, dim), rel=0.01)


def test_random_walks_drift_and_bend_as_predicted() -> None:
    rng = np.random.default_rng(1)
    found, dim, n = _of(40), 512, 75
    walks = np.cumsum(3 * np.sqrt(found.s) * rng.standard_normal((40, n, dim)), axis=1)
    norm2 = np.square(walks).sum(axis=2)
    predicted = found.null_norm2(np.full(n, 3.0), dim)
    assert norm2.mean(axis=0)[[9, 49, 74]] == pytest.approx(predicted[[9, 49, 74]], rel=0.03)
    spread = np.sqrt(norm2[:, -1]).std()
    assert spread == pytest.approx(null_norm_sd(np.sqrt(predicted[-1]), dim), rel=0.4)
    shares = np.mean([principal_components(walk)[1][:3] for walk in walks], axis=0)
    assert shares == pytest.approx(random_walk_shares(n, 3), abs=0.02)
    cosines = np.array([step_cosines(walk).mean() for walk in walks])
    assert abs(cosines).max() < 0.03


def test_published_norms_of_null_walks_are_those_of_the_formula() -> None:
    predicted = _of(40).null_norm2(np.full(100, 3.0), 4096)
    assert predicted[[9, 49, 99]] == pytest.approx([32_596, 162_978, 325_957], rel=1e-4)


def test_shares_of_a_random_walk_add_up_and_tend_to_their_limit() -> None:
    assert random_walk_shares(75, 74).sum() == pytest.approx(1)
    assert random_walk_shares(4, 6)[3:].tolist() == [0, 0, 0]
    assert endless_walk_shares(3) == pytest.approx([0.608, 0.152, 0.068], abs=0.0005)
    assert random_walk_shares(10_000, 3) == pytest.approx(endless_walk_shares(3), abs=1e-6)
    # Exactly: n points of an ideal walk have the covariance min(i, j), centred.
    n = 20
    centre = np.eye(n) - 1 / n
    covariance = centre @ np.minimum.outer(np.arange(n), np.arange(n)) @ centre
    eigenvalues = np.linalg.eigvalsh(covariance)[::-1]
    assert random_walk_shares(n, 5) == pytest.approx((eigenvalues / eigenvalues.sum())[:5])


def test_sigma_without_a_signal_falls_as_its_paths_lengths_say() -> None:
    control, dim, n_steps = StepSizeControl(0.2, 1.2, np.sqrt(50) * (1 - 1 / 200)), 50, 30
    rng = np.random.default_rng(2)
    quick = control.null_sigmas(2.0, n_steps, dim, 3000, rng)
    path, log_sigma = np.zeros((3000, dim)), np.zeros(3000)
    for _ in range(n_steps):
        path = 0.8 * path + np.sqrt(0.2 * 1.8) * rng.standard_normal((3000, dim))
        log_sigma += 0.2 / 1.2 * (np.linalg.norm(path, axis=1) / control.chi - 1)
    slow = 2 * np.exp(log_sigma)
    assert quick[:, 0].tolist() == [2.0] * 3000
    assert quick[:, -1].mean() == pytest.approx(slow.mean(), rel=0.02)
    assert quick[:, -1].std() == pytest.approx(slow.std(), rel=0.1)


def test_cosines_are_found_with_their_cycles_and_phase() -> None:
    x = np.linspace(0, 1, 75)
    second = 3 * np.cos(2 * np.pi * 1.1 * (x + 0.05)) + 0.5
    shifted, ideal = cosine_fits(np.stack([np.cos(np.pi * x), second], axis=1))[::-1]
    assert (ideal.cycles, ideal.r2, ideal.fixed_r2) == pytest.approx((0.5, 1, 1), abs=1e-4)
    figures = (shifted.cycles, shifted.phase, shifted.amplitude, shifted.offset, shifted.r2)
    assert figures == pytest.approx((1.1, 0.05, 3, 0.5, 1), abs=1e-3)
    assert shifted.fixed_r2 < 0.95
    assert np.isnan(cosine_fits(np.zeros((10, 1)))[0].r2)


def test_figures_of_trajectories_are_right_where_they_can_be_computed() -> None:
    line = np.outer(np.arange(10.0), np.ones(5))
    projections, shares = principal_components(line)
    assert shares[0] == pytest.approx(1)
    assert np.ptp(projections[:, 0]) == pytest.approx(9 * np.sqrt(5))
    assert principal_components(np.ones((4, 3)))[1].tolist() == [0, 0, 0]
    assert linear_r2(3.0 * np.arange(10)) == pytest.approx(1)
    assert linear_r2(np.full(10, 90_000.0)) == 0
    assert mean_angle_deg(np.eye(6, dtype=np.float32)) == pytest.approx(90)
    assert mean_angle_deg(np.ones((6, 3), np.float32)) == pytest.approx(0, abs=0.1)
    assert step_cosines(line) == pytest.approx(1)
    assert np.isnan(step_cosines(np.ones((3, 2)))).all()
