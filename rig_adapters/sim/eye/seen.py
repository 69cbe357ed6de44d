"""Simulated neurons behind an eye: pictures reach them as coarse as magnification leaves them.

The grain of cortex is the same everywhere, so in the visual field it is a blur whose width grows
with eccentricity: `grain_deg / M(E)`. Every ring of `rig_adapters.sim.eye.magnification` is blurred
as its middle is, by a Gaussian, in linear light, and rings are added by their windows. Sampling,
aliasing, optics and what lies between retina and cortex are left out.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import scipy

from rig_adapters.sim.eye.magnification import Magnification
from rig_adapters.sim.eye.settings import EyeSettings
from rig_adapters.sim.neurons.base import Images, Neurons, Rates
from rig_adapters.sim.neurons.by_field import columns_by_field
from rig_adapters.sim.neurons.registry import build_neurons
from rig_adapters.sim.neurons.settings import UnitSettings
from rig_adapters.sim.retina import (
    LIGHT_OF_GREY,
    Floats,
    Placement,
    ReceptiveField,
    light_of,
    nearest_codes,
)

SEEN_PX = 144
"""Side of what is seen in a field, in pixels: three for each sample of the retina."""
_FINEST = 0.5
"""Narrowest blur, in pixels of what is seen."""


def build_neurons_behind(eye: EyeSettings, units: Sequence[UnitSettings]) -> Neurons:
    """Return all units of a rig, of whatever families, behind an eye.

    Raises:
        SimSettingsError: one cannot be what its settings ask for.

    """
    if eye.e2_deg is None or eye.grain_deg is None:
        return build_neurons(units)
    return _Behind(Magnification(eye.e2_deg), eye.grain_deg, units)


def seen_in(
    field: ReceptiveField,
    images: Images,
    place: Placement,
    magnification: Magnification,
    grain_deg: float,
) -> Images:
    """Return what is seen of images (n, h, w, 3) in a field: (n, SEEN_PX, SEEN_PX, 3) uint8.

    Fixation is at (0, 0). Beside an image there is the grey of the screen.
    """
    right, up = (_centres(center, field.size_deg) for center in field.center_deg)
    rings = magnification.rings(np.hypot(right[None, :], up[::-1, None]))
    pixel_deg = field.size_deg / SEEN_PX
    light = light_of(images) - np.float32(LIGHT_OF_GREY)
    seen = np.full((len(images), SEEN_PX, SEEN_PX, 3), LIGHT_OF_GREY, np.float32)
    for ring_deg, window in rings.items():
        blur_deg = max(grain_deg / float(magnification.at(ring_deg)), _FINEST * pixel_deg)
        seen += window[..., None].astype(np.float32) * _blurred(light, place, right, up, blur_deg)
    return nearest_codes(seen)


class _Behind:
    """Units that see through an eye; those that look at the same place share what it sees."""

    def __init__(
        self, magnification: Magnification, grain_deg: float, units: Sequence[UnitSettings]
    ) -> None:
        self._magnification, self._grain_deg = magnification, grain_deg
        self._parts = [
            (field, columns, build_neurons([units[k] for k in columns]))
            for field, columns in columns_by_field(units).items()
        ]
        truths = {
            int(k): replace(truth, best_hz=None)  # the picture for it may be too fine to be seen
            for _, columns, neurons in self._parts
            for k, truth in zip(columns, neurons.truths, strict=True)
        }
        self.unit_ids = tuple(unit.unit_id for unit in units)
        self.truths = tuple(truths[k] for k in range(len(units)))

    def evoked_hz(self, images: Images, place: Placement | None = None) -> Rates:
        """Mean rates (n, u); see `Neurons.evoked_hz`."""
        rates = np.empty((len(images), len(self.unit_ids)))
        for field, columns, neurons in self._parts:
            where = place or field.filled
            seen = seen_in(field, images, where, self._magnification, self._grain_deg)
            rates[:, columns] = neurons.evoked_hz(seen)
        return rates


def _centres(center_deg: float, size_deg: float) -> npt.NDArray[np.float64]:
    """Return where the pixels (SEEN_PX,) of what is seen are, from the left or from below."""
    pixels = np.arange(SEEN_PX, dtype=np.float64) - (SEEN_PX - 1) / 2
    return center_deg + pixels * (size_deg / SEEN_PX)


def _blurred(
    light: Floats,
    place: Placement,
    right: npt.NDArray[np.float64],
    up: npt.NDArray[np.float64],
    blur_deg: float,
) -> Floats:
    """Return light (n, h, w, 3), which is 0 beside the image, under one blur at all pixels seen."""
    n, height, width, _ = light.shape
    rows = _weights(height, -place.y_deg, place.size_deg, -up[::-1], blur_deg)
    columns = _weights(width, place.x_deg, place.size_deg, right, blur_deg)
    down = np.matmul(rows, light.reshape(n, height, width * 3))
    across: Floats = np.matmul(columns, down.reshape(n, SEEN_PX, width, 3))
    return across


def _weights(
    n_px: int,
    center_deg: float,
    size_deg: float,
    seen_deg: npt.NDArray[np.float64],
    blur_deg: float,
) -> Floats:
    """Return how much of each pixel (SEEN_PX, n_px) the blur brings to each place."""
    edges = center_deg + (np.arange(n_px + 1) / n_px - 0.5) * size_deg
    below = scipy.special.ndtr((edges[None, :] - seen_deg[:, None]) / blur_deg)
    weights: Floats = np.diff(below, axis=1).astype(np.float32)
    return weights
