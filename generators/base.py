"""What a generator is: codes in, images out, and nothing else.

Left out on purpose: optimizers (they never see a generator), display (images leave as bytes) and
any choice of which generator a session uses.
"""

from collections.abc import Iterator, Sequence
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from generators.errors import CodesError, SettingsError


@runtime_checkable
class Generator(Protocol):
    """Deterministic map from codes to images.

    Obligations beyond the signatures: the same code gives the same bytes, today and in a replay
    on the same machine, whatever other codes it is rendered with; `render` never changes its
    argument; the properties never change after construction.
    """

    @property
    def name(self) -> str:
        """Short identifier that is written to the log, for example ``gaussian-4096``."""

    @property
    def code_dim(self) -> int:
        """Number of elements of one code."""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and 3, in pixels."""

    @property
    def weights_sha256(self) -> str:
        """Hex digest that changes whenever the numbers behind the images change."""

    @property
    def norm_hint(self) -> float:
        """Root mean square Euclidean norm of codes whose images have natural contrast."""

    @property
    def provenance(self) -> str:
        """A sentence for the log that says where the weights come from."""

    def render(self, codes: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Turn codes into images.

        Args:
            codes: ``(n, code_dim)`` float32; ``n`` may be 0.

        Returns:
            ``(n, h, w, 3)`` uint8, RGB, row 0 at the top.

        Raises:
            CodesError: the shape does not fit or an element is not finite.

        """

    def initial_codes(self, n: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """Random codes at natural contrast: ``(n, code_dim)`` float32.

        Their root mean square norm is near `norm_hint`; each one's need not be.
        """


@runtime_checkable
class Invertible(Protocol):
    """A generator that can also tell which code comes nearest to a picture."""

    def invert(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Codes whose images differ least, in squared pixels before clipping, from pictures.

        Args:
            pictures: ``(n, h, w, 3)`` uint8 of the generator's own `image_shape`.

        Returns:
            ``(n, code_dim)`` float32; the same pictures give the same codes.

        Raises:
            SettingsError: the pictures have another shape.

        """


@runtime_checkable
class ExactlyInvertible(Invertible, Protocol):
    """One whose `invert` gives the very code that is nearest: searching further gains nothing."""

    @property
    def inverse_is_exact(self) -> Literal[True]:
        """That it is; generators whose inverse is searched for have no such property."""


@runtime_checkable
class Streaming(Protocol):
    """A generator that renders in portions sooner than by one `render` for each of them."""

    def stream(
        self, codes: NDArray[np.float32], sizes: Sequence[int]
    ) -> Iterator[tuple[slice, NDArray[np.uint8]]]:
        """Yield rows and images as `render_stream` does, which has checked both arguments."""


def checked_pictures(
    pictures: NDArray[np.uint8], shape: tuple[int, int, int]
) -> NDArray[np.float32]:
    """Pictures ``(n, h, w, 3)`` uint8 as float32 in 0..1; SettingsError for another shape."""
    if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[1:] != shape:
        raise SettingsError(
            f"pictures of shape {pictures.shape} and type {pictures.dtype} were given: scale them "
            f"to (n, {shape[0]}, {shape[1]}, 3) bytes"
        )
    return pictures.astype(np.float32) / np.float32(255.0)


def checked_codes(codes: NDArray[np.floating], code_dim: int) -> NDArray[np.float32]:
    """Codes as contiguous float32, or an error that says what is wrong with them.

    Args:
        codes: ``(n, code_dim)``, any real floating type.
        code_dim: elements per code that the generator takes.

    Returns:
        ``(n, code_dim)`` float32. It may share memory with `codes`.

    Raises:
        CodesError: wrong number of axes, wrong length, not floating, or not finite in float32.

    """
    array = np.asarray(codes)
    if array.ndim != 2 or array.shape[1] != code_dim:
        raise CodesError(
            f"codes have shape {array.shape}, but this generator takes (n, {code_dim}): "
            "check that the optimizer was made for the code_dim of this generator"
        )
    if not np.issubdtype(array.dtype, np.floating):
        raise CodesError(f"codes are {array.dtype}, not floating: convert them to float32")
    with np.errstate(over="ignore"):
        as_float32 = np.ascontiguousarray(array, dtype=np.float32)
    bad_rows = np.flatnonzero(~np.isfinite(as_float32).all(axis=1))
    if bad_rows.size:
        raise CodesError(
            f"{bad_rows.size} of {len(array)} codes are not finite in float32, the first in row "
            f"{bad_rows[0]}: the optimizer that made them has diverged"
        )
    return as_float32


def gaussian_codes(
    n: int, code_dim: int, norm: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Isotropic Gaussian codes whose expected squared norm is ``norm ** 2``.

    Args:
        n: number of codes, 0 or more.
        code_dim: elements per code.
        norm: root mean square norm; with thousands of elements each norm is within a few percent.
        rng: source of all randomness.

    Returns:
        ``(n, code_dim)`` float32.

    Raises:
        SettingsError: `n` is negative.

    """
    if n < 0:
        raise SettingsError(f"{n} codes were asked for: ask for 0 or more")
    draws = rng.standard_normal((n, code_dim), dtype=np.float32)
    return draws * np.float32(norm / np.sqrt(code_dim))


def render_stream(
    generator: Generator, codes: NDArray[np.float32], sizes: Sequence[int]
) -> Iterator[tuple[slice, NDArray[np.uint8]]]:
    """Render in portions, so that the first images are on their way while the rest render.

    The codes are checked as a whole when the first portion is asked for: bad codes give no images.

    Args:
        generator: renders each portion.
        codes: ``(n, code_dim)`` float32.
        sizes: codes of each portion, 1 or more, together ``n``; see `generators.pacing`. The images
            do not depend on it.

    Yields:
        The rows of `codes` as a slice, and their images ``(rows, h, w, 3)`` uint8, in order.

    Raises:
        SettingsError: the sizes do not cover the codes.
        CodesError: as `Generator.render`.

    """
    checked = checked_codes(codes, generator.code_dim)
    if any(size < 1 for size in sizes) or sum(sizes) != len(checked):
        raise SettingsError(
            f"portions of {list(sizes)} were asked for of {len(checked)} codes: each holds one or "
            "more, and together they hold all"
        )
    if isinstance(generator, Streaming):
        yield from generator.stream(checked, sizes)
        return
    start = 0
    for size in sizes:
        rows = slice(start, start + size)
        yield rows, generator.render(checked[rows])
        start += size
