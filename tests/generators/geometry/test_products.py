"""Products with the metric: three ways beside the matrix that autograd makes in a fourth."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from generators.errors import SettingsError
from generators.gaussian import GaussianGenerator
from generators.geometry.decoder import Decoder
from generators.geometry.distances import Distance, PixelDistance, PyramidDistance
from generators.geometry.products import ROUTES, Products, Route
from generators.geometry.steerable import SteerableDistance

Codes = NDArray[np.float32]
N = 12


class Quartic:
    """A distance without features: it has second derivatives only."""

    name = "quartic"

    def squared(self, one: Tensor, other: Tensor) -> Tensor:
        difference = (one - other).flatten(1)
        return difference.square().mean(dim=1) + difference.pow(4).mean(dim=1)


def hessian(decoder: Decoder, distance: Distance, code: Codes) -> NDArray[np.float64]:
    """Second derivatives of the squared distance, by torch's own routine, in float64."""
    here = torch.from_numpy(code[np.newaxis])
    there = decoder.torch_pixels(here)

    def squared(moved: Tensor) -> Tensor:
        return distance.squared(decoder.torch_pixels(moved[np.newaxis]), there).sum()

    found: Tensor = torch.autograd.functional.hessian(squared, here[0])
    return found.numpy().astype(np.float64)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("distance", [PixelDistance(), PyramidDistance(), SteerableDistance()])
def test_every_route_gives_the_second_derivative(
    curved: Decoder, codes: Codes, distance: Distance, route: Route
) -> None:
    vectors = np.random.default_rng(1).standard_normal(codes.shape)
    found = Products(curved, distance, route).of(codes, vectors)

    tolerance = 2e-2 if route == "differences" else 1e-4
    for code, vector, product in zip(codes, vectors, found, strict=True):
        expected = hessian(curved, distance, code) @ vector
        assert np.linalg.norm(product - expected) < tolerance * np.linalg.norm(expected)


@pytest.mark.parametrize("route", ROUTES)
def test_the_metric_of_a_linear_generator_is_twice_its_square(
    linear: Decoder, matrix: Codes, codes: Codes, route: Route
) -> None:
    exact = 2.0 * matrix.astype(np.float64).T @ matrix / len(matrix)
    vectors = np.eye(N)
    found = Products(linear, PixelDistance(), route).of(np.repeat(codes[:1], N, axis=0), vectors)

    tolerance = 1e-3 if route == "differences" else 1e-6
    assert np.abs(found - exact).max() < tolerance * np.abs(exact).max()


@pytest.mark.parametrize("route", ROUTES)
def test_the_metric_at_the_zero_code_is_found_as_well(
    curved: Decoder, codes: Codes, route: Route
) -> None:
    zero = np.zeros_like(codes[:1])
    vector = np.random.default_rng(2).standard_normal((1, N))
    found = Products(curved, PixelDistance(), route).of(zero, vector)

    # Biases keep the network away from its kinks there.
    expected = hessian(curved, PixelDistance(), zero[0]) @ vector[0]
    assert np.linalg.norm(found[0] - expected) < 2e-2 * np.linalg.norm(expected)


def test_products_are_linear_in_the_length_of_the_vector_also_where_float32_ends(
    curved: Decoder, codes: Codes
) -> None:
    products = Products(curved, PixelDistance(), "jacobian")
    vector = np.random.default_rng(2).standard_normal((1, N))
    one, long, none = (products.of(codes[:1], f * vector) for f in (1.0, 1e60, 0.0))

    np.testing.assert_allclose(long, 1e60 * one, rtol=1e-5)
    np.testing.assert_array_equal(none, np.zeros_like(none))


def test_a_product_does_not_depend_on_the_ones_beside_it(curved: Decoder, codes: Codes) -> None:
    products = Products(curved, PyramidDistance())
    many = np.repeat(codes, 9, axis=0)
    vectors = np.random.default_rng(4).standard_normal(many.shape)
    together = products.of(many, vectors)

    alone = np.concatenate(
        [products.of(many[i : i + 1], vectors[i : i + 1]) for i in range(len(many))]
    )
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-6 * np.abs(together).max())


def test_a_distance_without_features_is_differentiated_twice(curved: Decoder, codes: Codes) -> None:
    products = Products(curved, Quartic())
    vector = np.random.default_rng(1).standard_normal((1, N))

    assert products.route == "second"
    expected = hessian(curved, Quartic(), codes[0]) @ vector[0]
    np.testing.assert_allclose(products.of(codes[:1], vector)[0], expected, rtol=1e-3, atol=1e-6)
    with pytest.raises(SettingsError, match="quartic has no features"):
        Products(curved, Quartic(), "jacobian").of(codes[:1], vector)


class Once(torch.autograd.Function):
    """A half, by a function that can be differentiated once and backwards only."""

    @staticmethod
    def forward(pixels: Tensor) -> Tensor:
        return pixels * 0.5

    @staticmethod
    def setup_context(ctx: object, inputs: object, output: object) -> None:
        """Nothing is kept."""

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(_ctx: object, slope: Tensor) -> Tensor:
        return slope * 0.5


class HalfOnce(PixelDistance):
    def features(self, pixels: Tensor) -> Tensor:
        return super().features(Once.apply(pixels))


def test_where_torch_can_differentiate_once_only_differences_are_taken(
    curved: Decoder, codes: Codes
) -> None:
    products = Products(curved, HalfOnce())
    vector = np.random.default_rng(1).standard_normal((1, N))

    assert products.route == "differences"
    expected = 0.25 * hessian(curved, PixelDistance(), codes[0]) @ vector[0]
    found = products.of(codes[:1], vector)[0]
    assert np.linalg.norm(found - expected) < 2e-2 * np.linalg.norm(expected)


def test_the_gaussian_generator_is_affine_to_its_metric() -> None:
    gaussian = GaussianGenerator(64, image_size_px=72)
    products = Products(gaussian, PixelDistance())
    codes = gaussian.initial_codes(2, np.random.default_rng(0))
    codes[1] = 0.0
    vectors = np.repeat(np.random.default_rng(1).standard_normal((1, 64)), 2, axis=0)
    at_code, at_zero = products.of(codes, vectors)

    unit = np.eye(64, dtype=np.float32)
    slopes = 0.5 * (gaussian.pixels(unit).astype(np.float64) - gaussian.pixels(0 * unit))
    slopes = slopes.reshape(64, -1)
    exact = 2.0 * slopes @ slopes.T / slopes.shape[1] @ vectors[0]
    np.testing.assert_allclose(at_code, at_zero, rtol=1e-4, atol=1e-6 * np.abs(at_zero).max())
    np.testing.assert_allclose(at_code, exact, rtol=1e-3, atol=1e-4 * np.abs(exact).max())


def test_settings_that_cannot_be_are_refused(curved: Decoder, codes: Codes) -> None:
    with pytest.raises(SettingsError, match="relative step is 0"):
        Products(curved, PixelDistance(), relative_step=0.0)
    with pytest.raises(SettingsError, match="not finite"):
        Products(curved, PixelDistance()).of(codes[:1] * np.float32(np.nan), np.ones((1, N)))
