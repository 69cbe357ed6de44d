"""Neurons with a Gaussian peak in a subspace: the toy neuron of tuning landscapes, in image space.

    z_d = mean over samples and colours of pattern_d * seen                                    (1)
    r = room_hz * exp(-sum_d (z_d - c_d)^2 / bw^2)                                             (2)

`seen` are the pixels in the receptive field, and the D patterns are orthonormal under the mean in
(1), so coordinates z are root mean square contrasts. (2) is r = exp(-(z - c)^T H (z - c) / bw^2)
with H = 1 on D tuned axes and 0 elsewhere (Wang & Ponce 2022, *Tuning landscapes of the ventral
stream*, its toy model). Patterns are noise with the amplitudes of natural pictures (Field 1987),
made orthonormal one after the other; c is what they see of one more such picture.

z is linear in pixels, which are not linearised. So behind a generator that is linear in its codes,
axes and centre in code space follow from `axes_in_pixels` without error, except where pixels are
clipped or rounded. Nothing here resembles cortex but the number of tuned dimensions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rig_adapters.sim.neurons.base import Images, Rates, Truth
from rig_adapters.sim.neurons.by_field import columns_by_field, rates_by_field
from rig_adapters.sim.neurons.noise import coloured_noise
from rig_adapters.sim.neurons.subspace.settings import SubspaceSettings
from rig_adapters.sim.retina import (
    BACKGROUND_GREY,
    HALF_RANGE,
    PATCH_PX,
    ROUND_WINDOW,
    Placement,
    ReceptiveField,
    pixel_patches,
    sampling,
)

Floats = npt.NDArray[np.float64]

GREY = BACKGROUND_GREY / HALF_RANGE - 1.0
"""The grey of the screen where black is -1 and white is 1."""
_HIGHEST = 1.0 - GREY


@dataclass(frozen=True, eq=False)
class SubspaceNeuron:
    """One unit.

    patterns: (d, PATCH_PX, PATCH_PX, 3) float64, orthonormal under the mean of products.
    centre: (d,), the peak on them.
    width: bw of (2), in the unit of `centre`.
    """

    settings: SubspaceSettings
    patterns: Floats
    centre: Floats
    width: float

    @property
    def preferred(self) -> Images:
        """The picture (2 * PATCH_PX, 2 * PATCH_PX, 3) uint8 at the peak that is nearest to grey."""
        seen = np.tensordot(self.centre, self.patterns, 1)
        codes = np.round(BACKGROUND_GREY + HALF_RANGE * seen)
        return codes.astype(np.uint8).repeat(2, axis=0).repeat(2, axis=1)

    @property
    def truth(self) -> Truth:
        """What is known of it: everything."""
        about = f"tuned on {self.settings.tuned_dims} axes of seed {self.settings.seed}"
        return Truth(about, self.preferred, self.settings.room_hz)

    def axes_in_pixels(self, shape: tuple[int, int], place: Placement | None = None) -> Floats:
        """Return the axes (d, h, w, 3) of images of h x w pixels at a place, or in the field.

        For an image in units where black is -1 and white is 1, the coordinates are
        `z_d = (axes_d * (image - GREY)).sum()`.
        """
        field = self.settings.field
        rows, columns = sampling(shape, place or field.filled, field)
        weights = self.patterns / self.patterns[0].size
        axes: Floats = np.einsum("yh,xw,dyxc->dhwc", rows, columns, weights, optimize=True)
        return axes


class SubspaceNeurons:
    """Units of this family."""

    def __init__(self, units: Sequence[SubspaceSettings]) -> None:
        self.neurons = tuple(build_neuron(unit) for unit in units)
        self.unit_ids = tuple(unit.unit_id for unit in units)
        self.truths = tuple(neuron.truth for neuron in self.neurons)
        self._fields = columns_by_field(units)
        self._axes = {
            field: np.concatenate([self._flat(self.neurons[k]) for k in columns], axis=1)
            for field, columns in self._fields.items()
        }

    def evoked_hz(self, images: Images, place: Placement | None = None) -> Rates:
        """Mean rates (n, u); see `Neurons.evoked_hz`."""
        return rates_by_field(self._fields, self._rates, images, place)

    def _rates(self, images: Images, place: Placement, field: ReceptiveField) -> Rates:
        seen = pixel_patches(images, place, field).reshape(len(images), -1).astype(np.float64)
        neurons = [self.neurons[k] for k in self._fields[field]]
        away = seen @ self._axes[field] - np.concatenate([one.centre for one in neurons])
        first = np.cumsum([0] + [len(one.centre) for one in neurons[:-1]])
        squares = np.add.reduceat(np.square(away), first, axis=1)
        room_hz = np.array([one.settings.room_hz for one in neurons])
        rates: Rates = room_hz * np.exp(-squares / np.square([one.width for one in neurons]))
        return rates

    def _flat(self, neuron: SubspaceNeuron) -> Floats:
        weights: Floats = neuron.patterns / neuron.patterns[0].size
        return weights.reshape(len(weights), -1).T


def build_neuron(settings: SubspaceSettings) -> SubspaceNeuron:
    """Make the neuron that `settings` describe; axes and peak follow from the seed."""
    rng = np.random.default_rng(settings.seed)
    noise = coloured_noise(np.ones(settings.tuned_dims + 1), PATCH_PX, rng)
    *drawn, picture = noise * ROUND_WINDOW[:, :, None]
    orthonormal, _ = np.linalg.qr(np.reshape(drawn, (len(drawn), -1)).T)
    patterns = orthonormal.T.reshape(-1, PATCH_PX, PATCH_PX, 3) * np.sqrt(picture.size)
    direction = np.mean(patterns * picture, axis=(1, 2, 3))
    steepest = np.abs(np.tensordot(direction, patterns, 1)).max()
    centre = direction * (settings.peak_contrast * _HIGHEST / steepest)
    width = settings.bandwidth * float(np.linalg.norm(centre))
    return SubspaceNeuron(settings, patterns, centre, width)
