"""The eye of a simulated unit: what of an image falls into a receptive field, as cone contrast.

Images are sRGB; they are linearised, placed in the visual field and resampled onto the square patch
that the receptive field covers, on the grey of the screen around them. Magnification and gaze are
those of `rig_adapters.sim.eye`; the growth of receptive fields with eccentricity is left out.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

PATCH_PX = 48
BACKGROUND_GREY = 128
HALF_RANGE = 127.5
_CODES = np.arange(256) / 255.0
# IEC 61966-2-1, the sRGB transfer function.
_LINEAR = np.where(_CODES <= 0.04045, _CODES / 12.92, ((_CODES + 0.055) / 1.055) ** 2.4).astype(
    np.float32
)
_BETWEEN_CODES = (_LINEAR[1:] + _LINEAR[:-1]) / 2
LIGHT_OF_GREY = float(_LINEAR[BACKGROUND_GREY])
# Luminance as in IEC 61966-2-1; red-green and blue-yellow as plain differences of the primaries.
_OPPONENT = np.array(
    [[0.2126, 0.7152, 0.0722], [0.5, -0.5, 0.0], [-0.25, -0.25, 0.5]], dtype=np.float32
)


@dataclass(frozen=True)
class ReceptiveField:
    """A square of `size_deg` about `center_deg` (right, up) in the visual field."""

    center_deg: tuple[float, float]
    size_deg: float

    @property
    def filled(self) -> "Placement":
        """Where an image has to be shown to fill it."""
        return Placement(*self.center_deg, self.size_deg)


@dataclass(frozen=True)
class Placement:
    """Where an image is shown: its centre (right, up) and its side, in degrees."""

    x_deg: float
    y_deg: float
    size_deg: float


def patches(images: npt.NDArray[np.uint8], place: Placement, field: ReceptiveField) -> Floats:
    """Return what `images` (n, h, w, 3) do in `field`: (n, 3, PATCH_PX, PATCH_PX) float32.

    The three channels are luminance, red-green and blue-yellow contrast relative to the grey
    around the image (Weber), under a round window that is 0 at the edge of the field. An image that
    does not reach into the field gives zeros.
    """
    rows, columns = sampling(images.shape[1:3], place, field)
    linear = _LINEAR[images] - np.float32(LIGHT_OF_GREY)
    across = mix_axis(linear, 2, columns)
    inside = mix_axis(across, 1, rows)
    opponent: Floats = mix_axis(inside, 3, _OPPONENT).transpose(0, 3, 1, 2)
    opponent *= ROUND_WINDOW / np.float32(LIGHT_OF_GREY)
    return opponent


def mix_axis(values: Floats, axis: int, weights: Floats) -> Floats:
    """Return `values` with weighted sums (m, k) @ (k,) in place of one axis of length k.

    One matrix product. `numpy.einsum` makes the same one, bit for bit, but takes longer to find
    that out than a single image takes to be multiplied.
    """
    last = np.moveaxis(values, axis, -1)
    mixed = np.matmul(last.reshape(-1, last.shape[-1]), weights.T)
    return np.moveaxis(mixed.reshape(*last.shape[:-1], len(weights)), -1, axis)


def pixel_patches(images: npt.NDArray[np.uint8], place: Placement, field: ReceptiveField) -> Floats:
    """Return the pixels of `images` (n, h, w, 3) in `field`: (n, PATCH_PX, PATCH_PX, 3) float32.

    Half the difference of black and white is 1, and the grey around the image is 0. There is no
    window, and nothing is linearised, so this is linear in the pixels of the image. An image gives
    the same whatever others are beside it.
    """
    rows, columns = sampling(images.shape[1:3], place, field)
    n, _, width, _ = images.shape
    values = images.astype(np.float32) - np.float32(BACKGROUND_GREY)
    down = np.matmul(rows, values.reshape(n, -1, width * 3)).reshape(n, PATCH_PX, width, 3)
    inside: Floats = np.matmul(columns, down) / np.float32(HALF_RANGE)
    return inside


def in_light(weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return what a weighted sum of a patch weighs of the light, (PATCH_PX, PATCH_PX, 3).

    Of a picture that fills a field, in linear light from 0 to 1, minus that of the grey around.

    Args:
        weights: (3, PATCH_PX, PATCH_PX) of contrasts as in `patches`.

    """
    of_light: npt.NDArray[np.float64] = np.einsum("oc,oyx->yxc", _OPPONENT, weights * ROUND_WINDOW)
    return of_light / LIGHT_OF_GREY


def picture_of(light: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    """Return the picture (2 * PATCH_PX, 2 * PATCH_PX, 3) nearest to linear light from 0 to 1.

    Args:
        light: (PATCH_PX, PATCH_PX, 3), or one channel for all.

    """
    codes = nearest_codes(np.broadcast_to(light, (PATCH_PX, PATCH_PX, 3)))
    return codes.repeat(2, axis=0).repeat(2, axis=1)


def light_of(images: npt.NDArray[np.uint8]) -> Floats:
    """Return the linear light, from 0 to 1, of sRGB images, of the same shape."""
    return _LINEAR[images]


def nearest_codes(light: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
    """Return the sRGB codes that are nearest to linear light, of the same shape."""
    codes: npt.NDArray[np.uint8] = np.searchsorted(_BETWEEN_CODES, light).astype(np.uint8)
    return codes


@lru_cache(maxsize=256)
def sampling(
    shape: tuple[int, ...], place: Placement, field: ReceptiveField
) -> tuple[Floats, Floats]:
    """Return how samples of a field weigh the pixels (h, w) of an image at a place.

    Rows are (PATCH_PX, h) and columns (PATCH_PX, w), from the top and from the left. Nobody may
    write to them, for the next image at that place gets the same.
    """
    rows = _sampling(shape[0], -place.y_deg, place.size_deg, -field.center_deg[1], field)
    columns = _sampling(shape[1], place.x_deg, place.size_deg, field.center_deg[0], field)
    rows.flags.writeable = columns.flags.writeable = False
    return rows, columns


def _sampling(
    n_px: int,
    image_center_deg: float,
    image_size_deg: float,
    center_deg: float,
    field: ReceptiveField,
) -> Floats:
    """Weights (PATCH_PX, n_px) of each pixel in each sample: overlap of their extents."""
    pixel_deg, sample_deg = image_size_deg / n_px, field.size_deg / PATCH_PX
    pixels = image_center_deg + (np.arange(n_px) - (n_px - 1) / 2) * pixel_deg
    samples = center_deg + (np.arange(PATCH_PX) - (PATCH_PX - 1) / 2) * sample_deg
    half = (pixel_deg + sample_deg) / 2
    overlap = half - np.abs(samples[:, None] - pixels[None, :])
    overlap = np.clip(overlap, 0.0, min(pixel_deg, sample_deg))
    weights: Floats = (overlap / sample_deg).astype(np.float32)
    return weights


def _round_window() -> Floats:
    axis = (np.arange(PATCH_PX) - (PATCH_PX - 1) / 2) / (PATCH_PX / 2)
    radius = np.hypot(axis[:, None], axis[None, :])
    # Flat to 60 % of the radius, then half a cosine.
    phase = np.clip((radius - 0.6) / 0.4, 0.0, 1.0)
    window: Floats = (0.5 + 0.5 * np.cos(np.pi * phase)).astype(np.float32)
    return window


ROUND_WINDOW = _round_window()
"""How much each sample of a patch counts, (PATCH_PX, PATCH_PX)."""
