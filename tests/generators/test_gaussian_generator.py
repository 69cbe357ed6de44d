"""The linear-Gaussian generator against its contract and its closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from generators.base import Generator
from generators.errors import SettingsError
from generators.gaussian import (
    NORM_HINT,
    SIGMA_MAX,
    GaussianGenerator,
    embedded_statistics,
    endpoint_gains,
)
from generators.gaussian_statistics import GaussianStatistics
from generators.testing.differentiable_contract import DifferentiableContract
from generators.testing.generator_contract import GeneratorContract, InvertibleContract


class TestEmbeddedGeneratorWithAllModes(GeneratorContract):
    @pytest.fixture(scope="class")
    @classmethod
    def generator(cls) -> Generator:
        return GaussianGenerator(4096)


class TestEmbeddedGeneratorWithFewModes(
    GeneratorContract, InvertibleContract, DifferentiableContract
):
    @pytest.fixture(scope="class")
    @classmethod
    def generator(cls) -> Generator:
        return GaussianGenerator(512)


class TestEmbeddedGeneratorOnAFinerGrid(
    GeneratorContract, InvertibleContract, DifferentiableContract
):
    @pytest.fixture(scope="class")
    @classmethod
    def generator(cls) -> Generator:
        return GaussianGenerator(64, image_size_px=200)


def small_statistics(size: int = 8, variance_at_top: float = 900.0) -> GaussianStatistics:
    """Every mode of a small picture, with a power-law spectrum and a mean."""
    rng = np.random.default_rng(11)
    n_modes = 3 * size**2
    basis = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    return GaussianStatistics(
        image_size_px=size,
        mode_index=rng.permutation(n_modes).astype(np.int32),
        mode_mean=rng.standard_normal(n_modes).astype(np.float32),
        mode_variance=(variance_at_top * np.arange(1, n_modes + 1) ** -1.5).astype(np.float32),
        colour_basis=basis.astype(np.float32),
        provenance="Made up for a test.",
    )


def complete_generator() -> GaussianGenerator:
    statistics = small_statistics()
    return GaussianGenerator(statistics.n_modes, statistics.image_size_px, statistics)


def modes_as_rows(generator: GaussianGenerator) -> NDArray[np.float64]:
    """Image change per unit of each coefficient c_k: ``(code_dim, h * w * 3)``."""
    zero = np.zeros((1, generator.code_dim), dtype=np.float32)
    unit = np.eye(generator.code_dim, dtype=np.float32) * (NORM_HINT / np.sqrt(generator.code_dim))
    change = generator.pixels(unit.astype(np.float32)).astype(np.float64) - generator.pixels(zero)
    rows: NDArray[np.float64] = change.reshape(generator.code_dim, -1)
    return rows


def test_modes_are_orthogonal_with_the_gains_of_the_closed_form() -> None:
    rows = modes_as_rows(complete_generator())

    variance = small_statistics().mode_variance.astype(np.float64)
    expected = np.diag(variance / (1.0 + variance / 6400.0))
    np.testing.assert_allclose(rows @ rows.T, expected, rtol=1e-3, atol=1e-4)


def test_variance_of_random_images_is_the_variance_of_the_modes() -> None:
    generator = complete_generator()
    codes = generator.initial_codes(4000, np.random.default_rng(0))
    rows = modes_as_rows(generator)
    directions = rows / np.linalg.norm(rows, axis=1, keepdims=True)

    pixels = generator.pixels(codes).reshape(len(codes), -1)
    sampled = (pixels @ directions.T).var(axis=0, ddof=1)

    lam = small_statistics().mode_variance
    # Six standard errors of a variance estimated from 4000 draws.
    np.testing.assert_allclose(sampled, lam / (1 + lam / 6400), rtol=6 * np.sqrt(2 / 4000))


def test_heun_integration_of_the_probability_flow_ends_at_the_closed_form() -> None:
    generator = complete_generator()
    rows = modes_as_rows(generator)
    directions = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    lam = small_statistics().mode_variance.astype(np.float64)
    zero = np.zeros((1, generator.code_dim), dtype=np.float32)
    mean = generator.pixels(zero).reshape(-1).astype(np.float64)
    code = generator.initial_codes(1, np.random.default_rng(2))
    coefficients = code[0].astype(np.float64) * np.sqrt(generator.code_dim) / NORM_HINT

    def denoised(x: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
        shrunk = lam / (lam + sigma**2) * (directions @ (x - mean))
        moved: NDArray[np.float64] = mean + directions.T @ shrunk
        return moved

    def slope(x: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
        return (x - denoised(x, sigma)) / sigma

    steps = np.linspace(SIGMA_MAX ** (1 / 7), 0.002 ** (1 / 7), 80) ** 7
    # The formula drops a term of order mean / 80 by starting at 80 z + mean.
    x = mean + SIGMA_MAX * (directions.T @ coefficients)
    for sigma, following in zip(steps, [*steps[1:], 0.0], strict=True):
        first = slope(x, sigma)
        euler = x + (following - sigma) * first
        second = slope(euler, following) if following > 0 else first
        x = x + (following - sigma) * 0.5 * (first + second)

    closed_form = generator.pixels(code).reshape(-1)
    assert np.linalg.norm(x - closed_form) < 0.005 * np.linalg.norm(closed_form - mean)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(-2.0, 2.0), st.floats(-2.0, 2.0))
def test_pixels_are_affine_in_the_code(seed: int, a: float, b: float) -> None:
    generator = complete_generator()
    one, two = generator.initial_codes(2, np.random.default_rng(seed))
    zero = np.zeros_like(one)

    mixed, at_one, at_two, at_zero = generator.pixels(np.stack([a * one + b * two, one, two, zero]))

    expected = at_zero + a * (at_one - at_zero) + b * (at_two - at_zero)
    np.testing.assert_allclose(mixed, expected, atol=2e-4 * (1 + np.abs(at_one).max()))


def test_gains_saturate_at_the_largest_noise_level() -> None:
    gains = endpoint_gains(np.array([1e-4, 1.0, 1e12], dtype=np.float32))

    np.testing.assert_allclose(gains, [1e-2, np.sqrt(6400 / 6401), SIGMA_MAX], rtol=1e-6)


def test_a_finer_grid_shows_the_same_picture() -> None:
    coarse, fine = GaussianGenerator(100), GaussianGenerator(100, image_size_px=256)
    codes = coarse.initial_codes(2, np.random.default_rng(4))

    averaged = fine.pixels(codes).reshape(2, 128, 2, 128, 2, 3).mean(axis=(2, 4))

    np.testing.assert_allclose(averaged, coarse.pixels(codes), atol=0.01)


def test_a_truncated_code_spans_the_strongest_modes() -> None:
    few, many = GaussianGenerator(16), GaussianGenerator(64)
    code = few.initial_codes(1, np.random.default_rng(4))

    # The same coefficients c need the same code_dim-dependent scale.
    padded = np.zeros((1, 64), dtype=np.float32)
    padded[:, :16] = code * np.sqrt(16 / 64)

    np.testing.assert_allclose(few.pixels(code), many.pixels(padded), atol=1e-5)


def test_contrast_grows_with_the_norm_of_the_code() -> None:
    generator = GaussianGenerator()
    code = generator.initial_codes(1, np.random.default_rng(8)) / np.float32(300)

    spreads = [float(generator.render(code * np.float32(norm)).std()) for norm in (10, 100, 300)]

    assert spreads == sorted(spreads)
    assert spreads[0] < 0.2 * spreads[2]


def test_few_random_pixels_are_clipped_at_natural_contrast() -> None:
    generator = GaussianGenerator()
    images = generator.render(generator.initial_codes(20, np.random.default_rng(8)))

    assert float(((images == 0) | (images == 255)).mean()) < 0.15


def test_more_modes_than_there_are_is_refused() -> None:
    with pytest.raises(SettingsError, match="code_dim is 4097, but these statistics hold 4096"):
        GaussianGenerator(4097)


def test_an_image_too_small_for_the_modes_is_refused() -> None:
    finest = int((embedded_statistics().mode_index % 128).max())
    with pytest.raises(SettingsError, match="images of 16 pixels cannot show"):
        GaussianGenerator(4096, image_size_px=16)
    assert finest > 16


@pytest.mark.parametrize(("code_dim", "size_px"), [(512, 128), (300, 200)])
def test_the_code_of_an_image_is_the_one_that_painted_it(code_dim: int, size_px: int) -> None:
    generator = GaussianGenerator(code_dim, size_px)
    codes = 0.2 * generator.initial_codes(3, np.random.default_rng(2))
    # Dim enough that no pixel is clipped; what is left is the rounding to bytes.
    found = generator.invert(generator.render(codes))

    assert np.linalg.norm(found - codes, axis=1).max() < 0.01 * np.linalg.norm(codes, axis=1).min()


def test_no_other_code_has_an_image_nearer_to_a_picture() -> None:
    generator = GaussianGenerator(64, 72)
    rng = np.random.default_rng(4)
    picture = rng.integers(0, 256, (1, 72, 72, 3), dtype=np.uint8)
    wanted = picture / 127.5 - 1.0
    code = generator.invert(picture)

    def error(codes: NDArray[np.float32]) -> NDArray[np.float64]:
        off: NDArray[np.float64] = np.square(generator.pixels(codes) - wanted).sum(axis=(1, 2, 3))
        return off

    around = code + 50.0 * rng.standard_normal((50, 64)).astype(np.float32)
    assert (error(around) > error(code)).all()
