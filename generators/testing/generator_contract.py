"""The contract of a generator as tests.

A laboratory runs it on a generator of its own:

    class TestMyGenerator(GeneratorContract):
        @pytest.fixture(scope="class")
        @classmethod
        def generator(cls) -> Generator:
            return MyGenerator(...)

Left out: speed, and whether the images are any good.
"""

import re
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from generators.base import Generator, Invertible, render_stream
from generators.errors import CodesError, SettingsError

N_CODES = 9
"""Enough for a full mini-batch of 8 and a remainder."""


class GeneratorContract:
    """Tests that every generator passes; a subclass supplies the fixture ``generator``."""

    @pytest.fixture(scope="class")
    @classmethod
    def codes(cls, generator: Generator) -> NDArray[np.float32]:
        """Give random codes at natural contrast, ``(N_CODES, code_dim)``."""
        return generator.initial_codes(N_CODES, np.random.default_rng(7))

    @pytest.fixture(scope="class")
    @classmethod
    def images(cls, generator: Generator, codes: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Give the images of all codes, rendered in one call."""
        return generator.render(codes)

    def test_it_is_a_generator(self, generator: Generator) -> None:
        assert isinstance(generator, Generator)

    def test_its_description_is_complete(self, generator: Generator) -> None:
        height, width, channels = generator.image_shape
        assert re.fullmatch(r"[a-z0-9][a-z0-9._-]*", generator.name)
        assert generator.code_dim >= 1
        assert min(height, width) >= 1
        assert channels == 3
        assert re.fullmatch(r"[0-9a-f]{64}", generator.weights_sha256)
        assert 0 < generator.norm_hint < np.inf
        assert generator.provenance.endswith(".")

    @pytest.mark.parametrize(
        "attribute",
        ["name", "code_dim", "image_shape", "weights_sha256", "norm_hint", "provenance"],
    )
    def test_its_description_cannot_be_changed(self, generator: Generator, attribute: str) -> None:
        before = getattr(generator, attribute)
        with pytest.raises(AttributeError):
            setattr(generator, attribute, before)

    def test_images_have_the_promised_shape_and_type(
        self, generator: Generator, images: NDArray[np.uint8]
    ) -> None:
        assert images.shape == (N_CODES, *generator.image_shape)
        assert images.dtype == np.uint8

    def test_different_codes_give_different_images(self, images: NDArray[np.uint8]) -> None:
        assert len({image.tobytes() for image in images}) == N_CODES

    def test_rendering_again_gives_the_same_bytes(
        self, generator: Generator, codes: NDArray[np.float32], images: NDArray[np.uint8]
    ) -> None:
        np.testing.assert_array_equal(generator.render(codes), images)

    def test_an_image_does_not_depend_on_the_codes_beside_it(
        self, generator: Generator, codes: NDArray[np.float32], images: NDArray[np.uint8]
    ) -> None:
        alone = np.concatenate([generator.render(codes[i : i + 1]) for i in range(3)])
        np.testing.assert_array_equal(alone, images[:3])
        np.testing.assert_array_equal(generator.render(codes[::-1]), images[::-1])

    @pytest.mark.parametrize("sizes", [(1,) * N_CODES, (1, 2, 4, 2), (N_CODES,)])
    def test_a_stream_equals_one_call(
        self,
        generator: Generator,
        codes: NDArray[np.float32],
        images: NDArray[np.uint8],
        sizes: tuple[int, ...],
    ) -> None:
        portions = list(render_stream(generator, codes, sizes))
        assert [len(part) for _, part in portions] == list(sizes)
        assert [rows.start for rows, _ in portions] == [sum(sizes[:k]) for k in range(len(sizes))]
        np.testing.assert_array_equal(np.concatenate([part for _, part in portions]), images)

    @pytest.mark.parametrize("sizes", [(), (N_CODES - 1,), (N_CODES, 1), (0, N_CODES)])
    def test_a_stream_that_does_not_cover_the_codes_is_refused(
        self, generator: Generator, codes: NDArray[np.float32], sizes: tuple[int, ...]
    ) -> None:
        with pytest.raises(SettingsError, match="together they hold all"):
            next(render_stream(generator, codes, sizes))

    def test_a_code_that_is_not_finite_stops_a_stream_before_its_first_image(
        self, generator: Generator, codes: NDArray[np.float32]
    ) -> None:
        bad = codes.copy()
        bad[-1, 0] = np.nan
        with pytest.raises(CodesError, match=f"row {N_CODES - 1}"):
            next(render_stream(generator, bad, [1] * N_CODES))

    def test_codes_are_left_unchanged(
        self, generator: Generator, codes: NDArray[np.float32]
    ) -> None:
        mine = codes[:2].copy()
        generator.render(mine)
        np.testing.assert_array_equal(mine, codes[:2])

    def test_read_only_codes_are_rendered(
        self, generator: Generator, codes: NDArray[np.float32], images: NDArray[np.uint8]
    ) -> None:
        frozen = codes[:2].copy()
        frozen.flags.writeable = False
        np.testing.assert_array_equal(generator.render(frozen), images[:2])

    def test_images_handed_out_stay_as_they_are(
        self, generator: Generator, codes: NDArray[np.float32], images: NDArray[np.uint8]
    ) -> None:
        handed_out = generator.render(codes[:1])
        generator.render(codes[1:2])
        np.testing.assert_array_equal(handed_out, images[:1])

    def test_no_codes_give_no_images(self, generator: Generator) -> None:
        none = np.zeros((0, generator.code_dim), dtype=np.float32)
        assert generator.render(none).shape == (0, *generator.image_shape)
        assert list(render_stream(generator, none, ())) == []

    def test_the_zero_code_has_an_image(self, generator: Generator) -> None:
        zero = np.zeros((1, generator.code_dim), dtype=np.float32)
        assert generator.render(zero).shape == (1, *generator.image_shape)

    def test_a_code_of_another_length_is_refused(self, generator: Generator) -> None:
        with pytest.raises(CodesError, match=f"takes \\(n, {generator.code_dim}\\)"):
            generator.render(np.zeros((2, generator.code_dim + 1), dtype=np.float32))

    def test_a_single_code_without_its_axis_is_refused(self, generator: Generator) -> None:
        with pytest.raises(CodesError, match="have shape"):
            generator.render(np.zeros(generator.code_dim, dtype=np.float32))

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_a_code_that_is_not_finite_is_refused_by_its_row(
        self, generator: Generator, value: float
    ) -> None:
        codes = np.zeros((3, generator.code_dim), dtype=np.float32)
        codes[1, -1] = value
        with pytest.raises(CodesError, match="the first in row 1"):
            generator.render(codes)

    def test_codes_that_are_not_floating_are_refused(self, generator: Generator) -> None:
        integers = cast("NDArray[np.float32]", np.zeros((1, generator.code_dim), dtype=np.int64))
        with pytest.raises(CodesError, match="int64"):
            generator.render(integers)

    def test_initial_codes_have_the_natural_norm(self, generator: Generator) -> None:
        codes = generator.initial_codes(64, np.random.default_rng(3))
        assert codes.shape == (64, generator.code_dim)
        assert codes.dtype == np.float32
        squares = (codes.astype(np.float64) ** 2).sum(axis=1)
        # Six standard errors of their mean, as the codes themselves show it: they need not be
        # Gaussian, nor equally long. Rounding alone moves codes of one length.
        tolerance = 6.0 * float(squares.std(ddof=1)) / np.sqrt(64) + 1e-4 * squares.mean()
        assert squares.mean() == pytest.approx(generator.norm_hint**2, abs=tolerance)
        assert squares.max() < 100.0 * squares.mean()

    def test_initial_codes_repeat_with_the_same_rng_only(self, generator: Generator) -> None:
        first, again, other = (
            generator.initial_codes(2, np.random.default_rng(seed)) for seed in (5, 5, 6)
        )
        np.testing.assert_array_equal(first, again)
        assert not np.array_equal(first, other)

    def test_no_initial_codes_can_be_asked_for_but_not_fewer(self, generator: Generator) -> None:
        rng = np.random.default_rng(0)
        assert generator.initial_codes(0, rng).shape == (0, generator.code_dim)
        with pytest.raises(SettingsError, match="-1 codes"):
            generator.initial_codes(-1, rng)


class InvertibleContract:
    """Tests that a generator with `invert` passes as well; the fixture is the same."""

    @pytest.fixture(scope="class")
    @classmethod
    def pictures(cls, generator: Generator) -> NDArray[np.uint8]:
        """Give two images of the generator's own, at half the natural contrast."""
        codes = generator.initial_codes(2, np.random.default_rng(11))
        return generator.render(codes * np.float32(0.5))

    def test_it_is_invertible(self, generator: Generator) -> None:
        assert isinstance(generator, Invertible)

    def test_the_code_of_a_picture_has_an_image_near_it(
        self, generator: Generator, pictures: NDArray[np.uint8]
    ) -> None:
        codes = cast(Invertible, generator).invert(pictures)
        nothing = generator.render(np.zeros(codes.shape, np.float32))
        off, far = (
            np.square(images.astype(float) - pictures).mean(axis=(1, 2, 3))
            for images in (generator.render(codes), nothing)
        )

        assert codes.shape == (2, generator.code_dim)
        assert codes.dtype == np.float32
        assert (off < far / 2).all()

    def test_the_same_picture_has_the_same_code(
        self, generator: Generator, pictures: NDArray[np.uint8]
    ) -> None:
        both = cast(Invertible, generator).invert(pictures)

        np.testing.assert_array_equal(cast(Invertible, generator).invert(pictures[1:]), both[1:])

    def test_no_pictures_have_no_codes(self, generator: Generator) -> None:
        none = np.zeros((0, *generator.image_shape), np.uint8)

        assert cast(Invertible, generator).invert(none).shape == (0, generator.code_dim)

    @pytest.mark.parametrize("fault", ["size", "type", "axes"])
    def test_pictures_of_another_form_are_refused(
        self, generator: Generator, pictures: NDArray[np.uint8], fault: str
    ) -> None:
        wrong: NDArray[np.generic] = pictures[:, 1:] if fault == "size" else pictures
        wrong = wrong.astype(np.float32) if fault == "type" else wrong
        wrong = wrong[0] if fault == "axes" else wrong
        with pytest.raises(SettingsError, match="scale them"):
            cast(Invertible, generator).invert(cast(NDArray[np.uint8], wrong))
