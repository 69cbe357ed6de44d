"""Spaces of codes that behave like those of an image-generating network, and cost little.

A code z is projected to v = S^½ Qᵀ z, whose variances fall over six decades as those of real
generators do (Wang & Ponce, ICLR 2021), then turned into a picture of 32 × 32 pixels whose contrast
saturates. `LinearSpace` mixes fixed patterns, coarse ones first; `DeconvolutionSpace` is a random
upconvolutional network. What is left out: colour, and anything natural about the pictures.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from controller.bench.convolution import convolve, he_filters, upsample
from controller.optimizers.base import Codes, Floats

Images: TypeAlias = NDArray[np.float32]
Vectors: TypeAlias = NDArray[np.float32]
MetricQuality: TypeAlias = Literal["exact", "estimated", "wrong"]

SIDE = 32
N_PIXELS = SIDE * SIDE
USUAL_CODE_DIM = 4096

_DECADES = 6.0
_RANDOM_CONTRAST = 0.25
"""Standard deviation of the pixels of a standard normal code (norm 64): a faint picture. Pictures
saturate at four times that norm."""
_CODE_SD_OF_METRIC = 3.0
_N_METRIC_CODES = 4
_TILT = 0.35


@dataclass(frozen=True)
class SpaceSpec:
    """What identifies a space.

    kind: "linear" mixes fixed patterns, "deconvolution" is a random network.
    seed: of everything random in it.
    n_directions: directions of the code that change the picture at all.
    knee: number of directions before the variances begin to fall.
    code_dim: length of a code.
    """

    kind: Literal["linear", "deconvolution"]
    seed: int
    n_directions: int
    knee: float
    code_dim: int = USUAL_CODE_DIM


class CodeSpace:
    """Codes, the directions that matter, and the pictures; see the two kinds below.

    spectrum: (k,) falling variances, 1 … 1e-6.
    basis: (code_dim, k) float32 with orthonormal columns.
    """

    def __init__(self, spec: SpaceSpec) -> None:
        self.spec = spec
        k = min(spec.n_directions, spec.code_dim)
        exponent = _DECADES * np.log(10) / np.log1p((k - 1) / spec.knee)
        self.spectrum: Floats = (1 + np.arange(k) / spec.knee) ** -exponent
        self.basis = _orthonormal(_rng(spec, 0), spec.code_dim, k)
        self._scaled = (self.basis * np.sqrt(self.spectrum)).astype(np.float32)

    def vectors(self, codes: Codes) -> Vectors:
        """Coordinates v (n, k) of codes (n, code_dim)."""
        projected: Vectors = np.asarray(codes, np.float32) @ self._scaled
        return projected

    def pictures(self, vectors: Vectors) -> Images:
        """Pictures (n, SIDE, SIDE) in [-1, 1] of coordinates (n, k)."""
        raise NotImplementedError

    def render(self, codes: Codes) -> Images:
        """Pictures (n, SIDE, SIDE) in [-1, 1] of codes (n, code_dim)."""
        return self.pictures(self.vectors(codes))

    def draw(self, rng: np.random.Generator, n: int, code_sd: float, spread: float) -> Vectors:
        """Draw coordinates (n, k) of possible pictures.

        At `spread` 0 they are those of normal codes with `code_sd` per gene; towards 1 the
        directions of low variance get an ever fairer share of the same total variance.
        """
        shape = self.spectrum ** (1 - spread)
        variances = shape * self.spectrum.sum() / shape.sum()
        scale = code_sd * np.sqrt(variances)
        vectors: Vectors = (scale * rng.standard_normal((n, variances.size))).astype(np.float32)
        return vectors

    @lru_cache(maxsize=4)  # noqa: B019 - spaces live as long as the process
    def metric(self, quality: MetricQuality) -> tuple[Floats, Floats]:
        """How much the picture changes along which directions of the code, averaged over codes.

        exact: from four codes, without error. estimated: the same, but each direction tilted by
        twenty degrees towards a random one. wrong: directions that have nothing to do with it.

        Returns:
            Read-only: directions (k, code_dim) with orthonormal rows, and their eigenvalues (k,),
            falling.

        """
        rng = _rng(self.spec, 1)
        inner = self._averaged_metric(rng)
        values, rotation = np.linalg.eigh(inner)
        values, rotation = np.maximum(values[::-1], 0.0), rotation[:, ::-1]
        directions: Floats = (self.basis @ rotation).astype(np.float64)
        if quality == "wrong":
            directions = _orthonormal(rng, *directions.shape).astype(np.float64)
        elif quality == "estimated":
            noise = rng.standard_normal(directions.shape) / np.sqrt(len(directions))
            directions = np.linalg.qr(directions + _TILT * noise)[0]
        rows = np.ascontiguousarray(directions.T)
        rows.setflags(write=False)
        values.setflags(write=False)
        return rows, values

    def _averaged_metric(self, rng: np.random.Generator) -> Floats:
        """Mean of S^½ Jᵀ J S^½ (k, k) over a few codes, J by finite differences."""
        k, step = self.spectrum.size, np.float32(1e-2)
        total = np.zeros((k, k))
        for vector in self.draw(rng, _N_METRIC_CODES, _CODE_SD_OF_METRIC, spread=0.0):
            ahead = self.pictures(vector + step * np.eye(k, dtype=np.float32))
            behind = self.pictures(vector - step * np.eye(k, dtype=np.float32))
            jacobian = (ahead - behind).reshape(k, N_PIXELS).astype(np.float64) / (2 * step)
            scaled = jacobian * np.sqrt(self.spectrum)[:, np.newaxis]
            total += scaled @ scaled.T
        mean: Floats = total / _N_METRIC_CODES
        return mean


class LinearSpace(CodeSpace):
    """Pictures are sums of fixed patterns, coarse ones for the directions of large variance."""

    def __init__(self, spec: SpaceSpec) -> None:
        super().__init__(spec)
        patterns = _patterns(_rng(spec, 2), self.spectrum.size)
        gain = _RANDOM_CONTRAST * np.sqrt(N_PIXELS / self.spectrum.sum())
        self._patterns = (gain * patterns).astype(np.float32)

    def pictures(self, vectors: Vectors) -> Images:
        """Mix the patterns and saturate; see `CodeSpace.pictures`."""
        pixels: Images = np.tanh(vectors @ self._patterns).reshape(-1, SIDE, SIDE)
        return pixels


class DeconvolutionSpace(CodeSpace):
    """Pictures come out of a random network of three upsampling layers of convolution."""

    _CHANNELS = (16, 8, 4, 1)

    def __init__(self, spec: SpaceSpec) -> None:
        super().__init__(spec)
        rng = _rng(spec, 2)
        n_first = self._CHANNELS[0] * 16
        self._first = rng.standard_normal((self.spectrum.size, n_first)).astype(np.float32)
        pairs = zip(self._CHANNELS[:-1], self._CHANNELS[1:], strict=True)
        self._filters = [he_filters(rng, n_in, n_out, side=3) for n_in, n_out in pairs]
        self._gain = np.float32(1.0)
        faint = self._linear_output(self.draw(rng, 200, 1.0, spread=0.0))
        self._gain = np.float32(_RANDOM_CONTRAST / faint.std())

    def pictures(self, vectors: Vectors) -> Images:
        """Run the network; see `CodeSpace.pictures`."""
        pictures: Images = np.tanh(self._linear_output(vectors))
        return pictures

    def _linear_output(self, vectors: Vectors) -> Images:
        maps = (vectors @ self._first).reshape(-1, 4, 4, self._CHANNELS[0])
        for filters in self._filters:
            maps = np.maximum(maps, 0.2 * maps)
            maps = convolve(upsample(maps), filters, padding=1)
        output: Images = self._gain * maps[..., 0]
        return output


@lru_cache(maxsize=16)
def space_of(spec: SpaceSpec) -> CodeSpace:
    """Return the space that `spec` describes; it is built once in a process."""
    return LinearSpace(spec) if spec.kind == "linear" else DeconvolutionSpace(spec)


def _rng(spec: SpaceSpec, part: int) -> np.random.Generator:
    return np.random.default_rng([spec.seed, part])


def _orthonormal(rng: np.random.Generator, n_rows: int, n_columns: int) -> Vectors:
    drawn = rng.standard_normal((n_rows, n_columns), dtype=np.float32)
    columns: Vectors = np.linalg.qr(drawn)[0]
    return columns


def _patterns(rng: np.random.Generator, n: int) -> Floats:
    """Patterns (n, N_PIXELS): random textures, each of finer grain than the one before.

    They are orthonormal, so beyond N_PIXELS - 1 directions there would be none left.
    """
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(SIDE), np.fft.fftfreq(SIDE)))
    centres = 0.03 + 0.6 * np.sqrt(np.arange(n) / N_PIXELS)
    bands = np.exp(-0.5 * ((frequency - centres[:, np.newaxis, np.newaxis]) / 0.03) ** 2)
    noise = np.fft.fft2(rng.standard_normal((n, SIDE, SIDE)))
    textures = np.fft.ifft2(noise * bands).real.reshape(n, N_PIXELS)
    # A trace of white noise, or the coarsest textures would not be independent of each other.
    textures /= np.linalg.norm(textures, axis=1, keepdims=True)
    textures += 0.01 * rng.standard_normal(textures.shape) / np.sqrt(N_PIXELS)
    rows: Floats = np.linalg.qr(textures.T)[0].T
    return rows
