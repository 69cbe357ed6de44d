"""The Gaussian denoiser, its closed-form solution, and how far a sampler may be led by it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from generators.diffusion.head_start import GaussianModes
from generators.diffusion.samplers import heun
from generators.diffusion.schedule import edm_sigmas

Array = NDArray[np.float64]
LEVEL = st.floats(0.01, 80.0)


def gaussian(dim: int = 12, n_modes: int = 5, seed: int = 0) -> GaussianModes:
    rng = np.random.default_rng(seed)
    modes = np.linalg.qr(rng.standard_normal((dim, n_modes)))[0].T
    return GaussianModes(
        rng.standard_normal(dim), modes, np.sort(rng.uniform(0.1, 9, n_modes))[::-1]
    )


@given(sigma=LEVEL)
def test_the_denoiser_is_the_mean_of_the_posterior(sigma: float) -> None:
    ours = gaussian()
    x = np.random.default_rng(1).standard_normal((3, 12)) * 5
    covariance = ours.modes.T @ np.diag(ours.variances) @ ours.modes

    gain = covariance @ np.linalg.inv(covariance + sigma**2 * np.eye(12))

    wanted = ours.mean + (x - ours.mean) @ gain.T
    np.testing.assert_allclose(ours.denoise(x, sigma), wanted, atol=1e-9)


@given(start=LEVEL, share=st.floats(0.05, 0.95))
def test_the_solution_has_the_slope_that_the_denoiser_gives(start: float, share: float) -> None:
    ours, end = gaussian(), share * start
    x = np.random.default_rng(1).standard_normal((3, 12)) * start

    step = 1e-5 * end
    slope = (ours.solve(x, start, end + step) - ours.solve(x, start, end - step)) / (2 * step)

    there = ours.solve(x, start, end)
    np.testing.assert_allclose(
        slope, (there - ours.denoise(there, end)) / end, rtol=1e-5, atol=1e-6
    )


@given(start=LEVEL, first=st.floats(0.01, 1.0), second=st.floats(0.0, 1.0))
def test_two_head_starts_are_one(start: float, first: float, second: float) -> None:
    ours = gaussian()
    x = np.random.default_rng(1).standard_normal((3, 12)) * start
    via, end = first * start, first * second * start

    np.testing.assert_allclose(
        ours.solve(ours.solve(x, start, via), via, end), ours.solve(x, start, end), atol=1e-9
    )
    np.testing.assert_allclose(ours.solve(x, start, start), x, atol=1e-9)


def test_the_end_of_the_ode_has_the_covariance_of_the_ensemble() -> None:
    ours = gaussian()
    noise = np.random.default_rng(2).standard_normal((200_000, 12))

    ends = ours.solve(80.0 * noise, 80.0, 0.0)

    # The noise level at which the ODE begins takes lam / (1 + lam / 80^2) from each variance,
    # and moves the mean by the share of its modes that 80 does not drown.
    measured = np.cov(ends @ ours.modes.T, rowvar=False)
    error = np.sqrt(2.0 / len(ends)) * ours.variances.max()
    np.testing.assert_allclose(measured, np.diag(ours.variances), atol=6 * error)
    # Outside the modes everything has ended at the mean.
    outside = (ends - ours.mean) - (ends - ours.mean) @ ours.modes.T @ ours.modes
    np.testing.assert_allclose(outside, 0, atol=1e-9)


def test_the_way_of_a_picture_is_a_turn_from_its_noise_to_its_end() -> None:
    """Of the energy of the path with kept variance, 99.9 % lie in the plane of start and end."""
    rng = np.random.default_rng(0)
    variances = np.arange(1, 257) ** -1.5
    modes = np.linalg.qr(rng.standard_normal((256, 256)))[0]
    ours = GaussianModes(np.zeros(256), modes, variances * 0.25 / variances.mean())
    times = np.arange(1, 101) / 100
    sigmas = np.sqrt(
        np.exp(0.5 * 19.9 * times**2 + 0.1 * times) - 1
    )  # VP of Karras et al., table 1
    alphas = 1 / np.sqrt(1 + sigmas**2)

    in_plane, in_two = [], []
    for noise in rng.standard_normal((100, 1, 256)):
        start = noise / alphas[-1]
        path = np.concatenate(
            [a * ours.solve(start, sigmas[-1], s) for a, s in zip(alphas, sigmas, strict=True)]
        )
        ends = np.concatenate([noise, ours.solve(start, sigmas[-1], 0.0)])
        plane = np.linalg.qr(ends.T)[0]
        in_plane.append(((path @ plane) ** 2).sum() / (path**2).sum())
        spread = np.linalg.svd(path - path.mean(axis=0), compute_uv=False) ** 2
        in_two.append(spread[:2].sum() / spread.sum())

    assert np.mean(in_plane) == pytest.approx(0.9992, abs=2e-4)
    assert np.min(in_plane) > 0.998
    assert np.mean(in_two) > 0.9998


class Mixture:
    """Ten blobs, and the best denoiser for them: nothing like a Gaussian up close."""

    def __init__(self, dim: int, deviation: float) -> None:
        self.centres = np.random.default_rng(1).standard_normal((10, dim))
        self._variance = deviation**2
        covariance = np.cov(self.centres, rowvar=False, bias=True)
        variances, modes = np.linalg.eigh(covariance + self._variance * np.eye(dim))
        mean = self.centres.mean(axis=0)
        self.matched = GaussianModes(mean, modes.T[::-1], variances[::-1])

    def denoise(self, x: Array, sigma: float) -> Array:
        total = self._variance + sigma**2
        far = ((x[:, None] - self.centres) ** 2).sum(axis=2)
        weights = np.exp((far.min(axis=1, keepdims=True) - far) / (2 * total))
        centre = weights / weights.sum(axis=1, keepdims=True) @ self.centres
        return centre + self._variance / total * (x - centre)

    def nearest(self, x: Array) -> Array:
        found: Array = ((x[:, None] - self.centres) ** 2).sum(axis=2).argmin(axis=1)
        return found


def test_up_to_four_of_eighteen_steps_a_gaussian_leads_ten_blobs_as_they_go() -> None:
    mixture, sigmas = Mixture(dim=16, deviation=0.2), edm_sigmas(18).tolist()
    # One start in hundreds lies so near the border of two blobs that the least change turns it; in
    # this draw none is turned by four steps.
    start = 80.0 * np.random.default_rng(5).standard_normal((200, 16))
    whole = heun(mixture.denoise, start, sigmas)

    off, same = {}, {}
    for skip in (1, 2, 3, 4, 6, 8, 10):
        led = mixture.matched.solve(start, sigmas[0], sigmas[skip])
        ended = heun(mixture.denoise, led, sigmas[skip:])
        off[skip] = float(np.sqrt(((ended - whole) ** 2).mean()))
        same[skip] = float((mixture.nearest(ended) == mixture.nearest(whole)).mean())

    assert off[1] < off[2] < off[3] < off[4] < 0.005
    assert off[4] < off[6] < off[8] < off[10]
    assert off[10] > 0.1
    assert same[4] == 1.0
    assert 0.95 < same[8] <= same[6]
    # With the mean alone, all blobs are still led, but not one as well.
    alone = GaussianModes(mixture.matched.mean, np.zeros((0, 16)), np.zeros(0))
    ended = heun(mixture.denoise, alone.solve(start, sigmas[0], sigmas[4]), sigmas[4:])
    assert float(np.sqrt(((ended - whole) ** 2).mean())) > 10 * off[4]
