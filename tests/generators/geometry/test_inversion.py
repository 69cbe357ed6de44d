"""Codes of pictures: of pictures that have one, of any picture, and without gradients."""

import numpy as np
import pytest
from numpy.typing import NDArray

from generators.base import ExactlyInvertible, Generator
from generators.errors import SettingsError
from generators.gaussian import GaussianGenerator
from generators.geometry.decoder import Decoder
from generators.geometry.distances import PixelDistance, PyramidDistance
from generators.geometry.inversion import RECIPES, Recipe, invert
from generators.geometry.service import measure
from generators.procedural import natural_references

Codes = NDArray[np.float32]


class Circling:
    """A search that halves the circle around the best it was told of."""

    def __init__(self, start: Codes, width: float) -> None:
        self._best, self._least, self._width = start, np.inf, width
        self._rng = np.random.default_rng(0)
        self.asked: list[Codes] = []
        self.told: list[NDArray[np.float64]] = []

    def ask(self) -> Codes:
        drawn = self._rng.standard_normal((6, *self._best.shape)) * self._width
        self.asked.append((self._best + drawn).astype(np.float32))
        return self.asked[-1]

    def tell(self, losses: NDArray[np.float64]) -> None:
        self.told.append(losses)
        if losses.min() < self._least:
            self._least, self._best = losses.min(), self.asked[-1][losses.argmin()]
        self._width *= 0.9


def picture_of(generator: Generator, code: Codes) -> NDArray[np.uint8]:
    return generator.render(code[np.newaxis])[0]


def test_a_picture_of_the_generator_gets_a_code_that_paints_it(
    curved: Decoder, codes: Codes
) -> None:
    picture = picture_of(curved, codes[0])
    starts = np.zeros((1, 12), np.float32)
    axes = measure(curved, PixelDistance(), codes).axes
    found = invert(curved, picture, PixelDistance(), starts, axes, Recipe(0, 0, 150))

    assert found.distance < 0.2 * found.start_distance
    assert not found.exact
    apart = picture_of(curved, found.code).astype(float) - picture
    assert found.distance == pytest.approx(np.sqrt(np.square(apart / 255).mean()), rel=1e-3)
    assert found.mean_absolute == pytest.approx(np.abs(apart / 255).mean(), rel=1e-3)


def test_the_same_call_gives_the_same_code(curved: Decoder, codes: Codes) -> None:
    picture = picture_of(curved, codes[0])
    first, again = (
        invert(curved, picture, PyramidDistance(), codes[1:], recipe=Recipe(0, 0, 5)).code
        for _ in range(2)
    )

    np.testing.assert_array_equal(first, again)


def test_the_nearest_of_several_starts_is_taken(curved: Decoder, codes: Codes) -> None:
    picture = picture_of(curved, codes[1])
    found = invert(curved, picture, PixelDistance(), codes, recipe=Recipe(0, 0, 0))

    np.testing.assert_array_equal(found.code, codes[1])
    assert found.distance == 0.0


def test_a_few_axes_leave_the_rest_of_the_space_to_be_searched(
    linear: Decoder, codes: Codes
) -> None:
    picture = picture_of(linear, codes[0])
    few = measure(linear, PixelDistance(), codes[:1], n_axes=2).axes
    starts = np.zeros((1, 12), np.float32)
    found = invert(linear, picture, PixelDistance(), starts, few, Recipe(0, 0, 200))

    beside = codes[0] - (codes[0] @ few.vectors.T) @ few.vectors
    still = found.code - codes[0]
    assert np.linalg.norm(still) < 0.8 * np.linalg.norm(beside)


def test_along_the_axes_a_stretched_generator_is_descended_further(
    linear: Decoder, codes: Codes
) -> None:
    pictures = [picture_of(linear, code) for code in codes]
    axes = measure(linear, PixelDistance(), codes[:1]).axes
    starts = np.zeros((1, 12), np.float32)
    along, in_genes = (
        np.mean([
            invert(linear, p, PixelDistance(), starts, each, Recipe(0, 0, 40)).distance
            for p in pictures
        ])
        for each in (axes, None)
    )  # fmt: skip

    assert along < in_genes


def test_proposals_are_judged_by_where_they_descend_to(curved: Decoder, codes: Codes) -> None:
    picture = picture_of(curved, codes[0])
    losses = {}
    for descent in (0, 10):
        search = Circling(np.zeros(12, np.float32), 1.0)
        invert(curved, picture, PixelDistance(), codes[1:], None, Recipe(2, descent, 0), search)
        losses[descent] = search.told[0]
        assert len(search.told) == 2

    assert (losses[10] < losses[0]).all()


def test_a_generator_without_gradients_is_inverted_by_a_search(
    curved: Decoder, codes: Codes
) -> None:
    class Pictures:
        """The same generator without its gradients."""

        render, initial_codes = curved.render, curved.initial_codes
        name, code_dim, image_shape = curved.name, curved.code_dim, curved.image_shape
        weights_sha256, provenance = curved.weights_sha256, curved.provenance
        norm_hint = curved.norm_hint

    picture = picture_of(curved, codes[0])
    starts = np.zeros((1, 12), np.float32)
    search = Circling(starts[0], 1.0)
    found = invert(Pictures(), picture, PixelDistance(), starts, None, Recipe(40, 5, 100), search)

    assert found.distance < 0.8 * found.start_distance


def test_an_exact_inverse_is_taken_as_it_is() -> None:
    gaussian = GaussianGenerator(64, image_size_px=72)
    picture = natural_references(1, 72, np.random.default_rng(0))[0]
    found = invert(gaussian, picture, PyramidDistance(), np.zeros((0, 64), np.float32))

    assert isinstance(gaussian, ExactlyInvertible)
    np.testing.assert_array_equal(found.code, gaussian.invert(picture[np.newaxis])[0])
    assert found.exact
    assert 0.0 < found.distance < 0.2
    # Nothing nearer is to be found, in pixels before they are cut.
    wanted = picture / 127.5 - 1.0
    off = np.square(gaussian.pixels(found.code[np.newaxis])[0] - wanted).mean()
    for direction in np.eye(64, dtype=np.float32)[:8]:
        moved = gaussian.pixels((found.code + direction)[np.newaxis])[0]
        assert np.square(moved - wanted).mean() > off


def test_what_cannot_be_asked_for_is_refused(curved: Decoder, codes: Codes) -> None:
    picture = picture_of(curved, codes[0])
    with pytest.raises(SettingsError, match="scale them"):
        invert(curved, picture[1:], PixelDistance(), codes)
    with pytest.raises(SettingsError, match="no codes to start from"):
        invert(curved, picture, PixelDistance(), codes[:0])
    with pytest.raises(SettingsError, match="without a search"):
        invert(curved, picture, PixelDistance(), codes, recipe=RECIPES["basin"])
    with pytest.raises(SettingsError, match="negative"):
        Recipe(0, 0, -1)
