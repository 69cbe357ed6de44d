"""Eigenvalues and axes: exact for a linear generator, Lanczos beside the whole matrix."""

import numpy as np
import pytest
from numpy.typing import NDArray

from generators.base import Generator
from generators.errors import SettingsError
from generators.gaussian import GaussianGenerator
from generators.geometry import metric as module
from generators.geometry.decoder import Decoder
from generators.geometry.distances import PixelDistance, PyramidDistance
from generators.geometry.metric import all_axes, full_matrix, top_axes
from generators.geometry.products import Products, Route
from generators.geometry.rendered import RenderedChanges
from generators.geometry.service import measure
from generators.geometry.spectrum import dims_for

Codes = NDArray[np.float32]


def exact(matrix: Codes) -> NDArray[np.float64]:
    return 2.0 * matrix.astype(np.float64).T @ matrix / len(matrix)


def test_the_matrix_of_a_linear_generator_is_exact(
    linear: Decoder, matrix: Codes, codes: Codes
) -> None:
    found = full_matrix(Products(linear, PixelDistance()), codes[0])

    np.testing.assert_allclose(found, exact(matrix), atol=1e-6 * exact(matrix).max())


def test_the_geometry_of_a_linear_generator_is_the_same_everywhere(
    linear: Decoder, matrix: Codes, codes: Codes
) -> None:
    geometry = measure(linear, PixelDistance(), codes)
    values = np.linalg.eigvalsh(exact(matrix))[::-1]

    assert geometry.homogeneity.linear == pytest.approx(1.0, abs=1e-9)
    assert geometry.homogeneity.log == pytest.approx(1.0, abs=1e-9)
    assert geometry.homogeneity.n_left_out == 0
    np.testing.assert_allclose(geometry.axes.values, values, rtol=1e-4)
    np.testing.assert_allclose(geometry.local_values, np.tile(values, (3, 1)), rtol=1e-4)
    assert geometry.axes.total == pytest.approx(values.sum(), rel=1e-6)
    assert geometry.n_negative == 0
    assert geometry.complete


def test_axes_are_eigenvectors_in_falling_order(curved: Decoder, codes: Codes) -> None:
    matrix = full_matrix(Products(curved, PyramidDistance()), codes[0])
    axes = all_axes(matrix)

    assert (np.diff(axes.values) <= 0).all()
    np.testing.assert_allclose(axes.vectors @ axes.vectors.T, np.eye(12), atol=1e-10)
    scaled = axes.vectors * axes.values[:, np.newaxis]
    np.testing.assert_allclose(axes.vectors @ matrix, scaled, atol=1e-10)


def test_all_routes_make_one_matrix(curved: Decoder, codes: Codes) -> None:
    by_jacobian, by_second = (
        full_matrix(Products(curved, PixelDistance(), route), codes[0])
        for route in ("jacobian", "second")
    )

    np.testing.assert_allclose(by_jacobian, by_second, atol=1e-5 * np.abs(by_second).max())


def test_a_jacobian_too_large_to_keep_is_done_without(
    curved: Decoder, codes: Codes, monkeypatch: pytest.MonkeyPatch
) -> None:
    products = Products(curved, PixelDistance())
    kept = full_matrix(products, codes[0])
    monkeypatch.setattr(module, "MAX_JACOBIAN_BYTES", 1000)

    np.testing.assert_allclose(full_matrix(products, codes[0]), kept, atol=1e-6 * kept.max())
    with pytest.raises(SettingsError, match="too long for the metric"):
        full_matrix(RenderedChanges(curved, PixelDistance()), codes[0])


@pytest.mark.parametrize("route", ["jacobian", "second"])
def test_lanczos_finds_the_largest_eigenvalues(curved: Decoder, codes: Codes, route: Route) -> None:
    whole = all_axes(full_matrix(Products(curved, PixelDistance()), codes[0]))
    top = top_axes(Products(curved, PixelDistance(), route), codes[:1], 4)

    np.testing.assert_allclose(top.values, whole.values[:4], atol=1e-5 * whole.values[0])
    assert np.abs((top.vectors * whole.vectors[:4]).sum(axis=1)).min() > 0.99
    assert top.total == pytest.approx(whole.total, rel=0.1)


def test_lanczos_finds_the_axes_of_the_mean_metric(curved: Decoder, codes: Codes) -> None:
    products = Products(curved, PixelDistance())
    mean = all_axes(np.mean([full_matrix(products, code) for code in codes], axis=0))

    np.testing.assert_allclose(top_axes(products, codes, 3).values, mean.values[:3], rtol=1e-4)


def test_lanczos_gives_the_same_numbers_again(curved: Decoder, codes: Codes) -> None:
    products = Products(curved, PixelDistance())
    first, again = (top_axes(products, codes[:1], 3) for _ in range(2))

    np.testing.assert_array_equal(first.values, again.values)
    np.testing.assert_array_equal(first.vectors, again.vectors)
    assert first.total == again.total


def test_a_few_axes_agree_with_all_of_them(curved: Decoder, codes: Codes) -> None:
    few = measure(curved, PyramidDistance(), codes, n_axes=5)
    whole = measure(curved, PyramidDistance(), codes)

    top = whole.axes.values[0]
    np.testing.assert_allclose(few.axes.values, whole.axes.values[:5], atol=1e-4 * top)
    np.testing.assert_allclose(few.local_values, whole.local_values[:, :5], atol=1e-4 * top)
    np.testing.assert_allclose(few.local_totals, whole.local_totals, rtol=0.1)
    assert not few.complete


def test_a_few_axes_are_compared_with_what_the_next_code_has(curved: Decoder, codes: Codes) -> None:
    found = measure(curved, PyramidDistance(), codes[:2], n_axes=5).homogeneity

    metrics = [full_matrix(Products(curved, PyramidDistance()), code) for code in codes[:2]]
    axes = [all_axes(metric) for metric in metrics]
    expected = [
        np.corrcoef(np.diag(u @ metric @ u.T), other.values[:5])[0, 1]
        for u, metric, other in (
            (axes[0].vectors[:5], metrics[1], axes[1]),
            (axes[1].vectors[:5], metrics[0], axes[0]),
        )
    ]
    assert found.linear == pytest.approx(np.mean(expected), abs=1e-3)


def test_negative_eigenvalues_are_told_with_their_sign() -> None:
    axes = all_axes(np.diag([1.0, -2.0, 0.5]))

    np.testing.assert_array_equal(axes.values, [1.0, 0.5, -2.0])
    assert axes.n_negative == 1
    assert axes.total == pytest.approx(-0.5)
    assert dims_for(axes.values, 0.99) == 2


class Pictures:
    """A generator that hands out pictures only, as one that torch cannot differentiate."""

    def __init__(self, inner: Generator) -> None:
        self._inner = inner
        self.render, self.initial_codes = inner.render, inner.initial_codes
        self.name, self.code_dim, self.norm_hint = inner.name, inner.code_dim, inner.norm_hint
        self.image_shape, self.weights_sha256 = inner.image_shape, inner.weights_sha256
        self.provenance = inner.provenance


def test_a_generator_without_gradients_is_measured_by_its_pictures() -> None:
    gaussian = GaussianGenerator(16, image_size_px=72)
    # Far from black and white, where pictures do not show what the code says.
    codes = 0.3 * gaussian.initial_codes(2, np.random.default_rng(0))
    exactly = measure(gaussian, PyramidDistance(), codes)
    by_pictures = measure(Pictures(gaussian), PyramidDistance(), codes)

    assert by_pictures.route == "rendered"
    assert exactly.route == "jacobian"
    np.testing.assert_allclose(by_pictures.axes.values[:5], exactly.axes.values[:5], rtol=0.1)
    overlap = by_pictures.axes.vectors[:3] @ exactly.axes.vectors[:3].T
    assert np.linalg.norm(overlap) ** 2 > 2.8


@pytest.mark.parametrize("n_axes", [-1, 13])
def test_axes_that_there_are_not_cannot_be_asked_for(
    curved: Decoder, codes: Codes, n_axes: int
) -> None:
    with pytest.raises(SettingsError, match="axes were asked for"):
        measure(curved, PixelDistance(), codes, n_axes=n_axes)
    with pytest.raises(SettingsError, match="no reference codes"):
        measure(curved, PixelDistance(), codes[:0])


def test_one_code_says_nothing_of_homogeneity(curved: Decoder, codes: Codes) -> None:
    for n_axes in (None, 3):
        homogeneity = measure(curved, PixelDistance(), codes[:1], n_axes).homogeneity
        assert np.isnan(homogeneity.linear)
        assert np.isnan(homogeneity.log)


def test_the_mean_over_one_code_is_not_computed_a_second_time(
    curved: Decoder, codes: Codes
) -> None:
    told: list[str] = []
    found = measure(curved, PixelDistance(), codes[:1], 3, told.append)

    np.testing.assert_array_equal(found.axes.values, found.local_values[0])
    assert not any("mean" in each for each in told)


def test_progress_is_told(curved: Decoder, codes: Codes) -> None:
    told: list[str] = []
    measure(curved, PixelDistance(), codes, 3, told.append)

    assert told[0] == "code 1 of 3: product 1 with the metric, for 3 axes"
    assert told[-1] == "axes of code 3 at code 1"
