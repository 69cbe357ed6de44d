"""Schedules and samplers: published noise levels, cost, accuracy, and DDIM in both forms."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from generators.diffusion.head_start import GaussianModes
from generators.diffusion.samplers import SAMPLERS, ddim, heun, network_calls
from generators.diffusion.schedule import edm_sigmas
from generators.errors import SettingsError

Array = NDArray[np.float64]
DIM = 256


@pytest.fixture(scope="module")
def gaussian() -> GaussianModes:
    """Give a Gaussian of 256 dimensions: variances fall as k^-1.5, 0.5^2 on average."""
    rng = np.random.default_rng(0)
    variances = np.arange(1, DIM + 1) ** -1.5
    modes = np.linalg.qr(rng.standard_normal((DIM, DIM)))[0]
    return GaussianModes(np.zeros(DIM), modes, variances * 0.25 / variances.mean())


def noise(n: int, seed: int = 1) -> Array:
    return np.random.default_rng(seed).standard_normal((n, DIM))


def test_the_schedule_is_the_published_one() -> None:
    sigmas = edm_sigmas(18)

    assert np.round(sigmas[:7], 1).tolist() == [80.0, 57.6, 40.8, 28.4, 19.4, 12.9, 8.4]
    assert sigmas[17] == pytest.approx(0.002)
    assert sigmas[18] == 0
    assert (np.diff(sigmas) < 0).all()


@pytest.mark.parametrize("skip", [1, 3, 8])
def test_a_schedule_from_a_later_level_is_the_rest_of_the_schedule(skip: int) -> None:
    whole = edm_sigmas(18)

    np.testing.assert_allclose(
        edm_sigmas(18 - skip, sigma_max=whole[skip]), whole[skip:], rtol=1e-9
    )


def test_a_schedule_has_two_steps_or_more() -> None:
    assert edm_sigmas(2).tolist() == pytest.approx([80.0, 0.002, 0.0])
    with pytest.raises(SettingsError, match="1 steps were asked for"):
        edm_sigmas(1)


@pytest.mark.parametrize(("skip", "calls"), list(enumerate([35, 33, 31, 29, 27, 25, 23])))
def test_each_skipped_step_of_heun_saves_two_calls(
    gaussian: GaussianModes, skip: int, calls: int
) -> None:
    asked = []

    def denoise(x: Array, sigma: float) -> Array:
        asked.append(sigma)
        return gaussian.denoise(x, sigma)

    rest = edm_sigmas(18)[skip:].tolist()
    heun(denoise, rest[0] * noise(1), rest)
    assert len(asked) == network_calls("heun", rest) == calls

    asked.clear()
    ddim(denoise, rest[0] * noise(1), rest)
    assert len(asked) == network_calls("ddim", rest) == 18 - skip
    assert network_calls("heun", [3.0, 2.0, 1.0]) == 4


@pytest.mark.parametrize(
    ("n_steps", "error"), [(10, 0.161), (18, 0.041), (40, 0.0072), (80, 0.0017)]
)
def test_heun_comes_as_near_the_closed_form_as_it_should(
    gaussian: GaussianModes, n_steps: int, error: float
) -> None:
    start = 80.0 * noise(64)
    exact = gaussian.solve(start, 80.0, 0.0)

    found = heun(gaussian.denoise, start, edm_sigmas(n_steps).tolist())

    off = float(np.linalg.norm(found - exact) / np.linalg.norm(exact))
    assert off == pytest.approx(error, rel=0.06)
    coarse = ddim(gaussian.denoise, start, edm_sigmas(n_steps).tolist())
    assert np.linalg.norm(coarse - exact) > 1.3 * np.linalg.norm(found - exact)


@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
def test_what_is_skipped_exactly_changes_nothing_in_the_limit(
    gaussian: GaussianModes, sampler: Callable[..., Array]
) -> None:
    sigmas = edm_sigmas(400).tolist()
    start = 80.0 * noise(2)

    whole = sampler(gaussian.denoise, start, sigmas)
    rest = sampler(gaussian.denoise, gaussian.solve(start, 80.0, sigmas[140]), sigmas[140:])

    np.testing.assert_allclose(rest, whole, atol=0.05)


def test_ddim_is_the_published_step_for_networks_that_predict_noise(
    gaussian: GaussianModes,
) -> None:
    """Equation 12 of Song, Meng & Ermon as it stands, on levels of DDPM (``kept`` is alpha_t)."""
    kept = np.cumprod(1.0 - np.linspace(1e-4, 0.02, 1000))[np.arange(980, -1, -20)]
    sigmas = np.sqrt((1 - kept) / kept)

    def predicted_noise(x_vp: Array, share: float) -> Array:
        sigma = np.sqrt((1 - share) / share)
        x = x_vp / np.sqrt(share)
        return (x - gaussian.denoise(x, sigma)) / sigma

    x_vp = noise(2)
    for here, there in zip(kept, [*kept[1:], 1.0], strict=True):
        eps = predicted_noise(x_vp, here)
        picture = (x_vp - np.sqrt(1 - here) * eps) / np.sqrt(here)
        x_vp = np.sqrt(there) * picture + np.sqrt(1 - there) * eps

    start = noise(2) / np.sqrt(kept[0])
    np.testing.assert_allclose(ddim(gaussian.denoise, start, [*sigmas, 0.0]), x_vp, atol=1e-10)
