"""Complex cells: the energy of a quadrature pair, divided by that of a pool of their neighbours.

    E_j = (sum of even_j * contrast)^2 + (sum of odd_j * contrast)^2                           (1)
    D   = E_0 / (s^2 + sum_j w_j E_j)                                                          (2)
    r   = room_hz * D / D_bound                                                                (3)

(1) is the energy model (Adelson & Bergen 1985), on luminance contrast; (2) divisive normalisation
(Heeger 1992; Carandini & Heeger 2012) by a pool of 6 orientations in 3 scales an octave apart at
the same place, the cell itself among them. Weights w_j sum to 1 and fall off as Gaussians, with 30°
and one octave. Each filter is scaled so that no picture drives it beyond 1, and s is
`semi_saturation`.

The picture that a cell prefers is found by ascending (2) in the light of its samples. That there is
hardly a better one is proven, not searched: where light cannot leave 0 to 1, the squared norm of
its contrast x is at most R, so that s^2 >= s^2 |x|^2 / R, and (2) is at most the largest
generalised eigenvalue of the two quadratic forms in x. That is D_bound; what was found is a few
percent below it, at the default s. Surrounds, colour, time and opponent motion are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rig_adapters.sim.neurons.base import Images, Rates, Truth
from rig_adapters.sim.neurons.by_field import columns_by_field, rates_by_field
from rig_adapters.sim.neurons.gabor import Gabor, drawn_gabor
from rig_adapters.sim.neurons.v1_complex.best_picture import best_light, bound_of
from rig_adapters.sim.neurons.v1_complex.settings import ComplexCellSettings
from rig_adapters.sim.retina import (
    LIGHT_OF_GREY,
    ROUND_WINDOW,
    Placement,
    ReceptiveField,
    patches,
    picture_of,
)

Floats = npt.NDArray[np.float64]

CYCLES = (2.5, 5.0)
"""Of a cell, for each field; its pool reaches an octave further on both sides."""
_TURNS_DEG = np.arange(6) * 30.0
_OCTAVES = np.array([-1.0, 0.0, 1.0])
_POOL_DEG, _POOL_OCTAVES = 30.0, 1.0
_PHASES = np.linspace(0.0, np.pi, 64, endpoint=False)


@dataclass(frozen=True, eq=False)
class ComplexCell:
    """One unit.

    gabor: what it is tuned to, of any phase.
    filters: (p, 2, PATCH_PX, PATCH_PX) float64, the pairs of its pool, its own first.
    weights: (p,), of the pool.
    bound: D_bound of (3).
    """

    settings: ComplexCellSettings
    gabor: Gabor
    filters: Floats
    weights: Floats
    bound: float

    @property
    def preferred(self) -> Images:
        """The best picture (2 * PATCH_PX, 2 * PATCH_PX, 3) uint8 that is known."""
        settings = self.settings
        return picture_of(
            best_light(_on_light(self.filters), self.weights, settings.semi_saturation)
        )

    @property
    def truth(self) -> Truth:
        """What is known of it."""
        orientation_deg, field = self.gabor.orientation_deg, self.settings.field
        per_deg = self.gabor.cycles / field.size_deg
        x_deg = field.center_deg[0] + self.gabor.right * field.size_deg
        y_deg = field.center_deg[1] + self.gabor.up * field.size_deg
        return Truth(
            f"prefers bars at {orientation_deg:.0f}° of {per_deg:.2f} cycles/° "
            f"at ({x_deg:.2f}°, {y_deg:.2f}°), of any phase",
            self.preferred,
            self.settings.room_hz,
        )

    def rates_hz(self, energies: Floats) -> Floats:
        """Return rates (n,) of the energies (n, p) of its pool, by (2) and (3)."""
        pool = self.settings.semi_saturation**2 + energies @ self.weights
        return self.settings.room_hz * np.minimum(energies[:, 0] / pool / self.bound, 1.0)


class ComplexCells:
    """Units of this family."""

    def __init__(self, units: Sequence[ComplexCellSettings]) -> None:
        self.neurons = tuple(build_neuron(unit) for unit in units)
        self.unit_ids = tuple(unit.unit_id for unit in units)
        self.truths = tuple(neuron.truth for neuron in self.neurons)
        self._fields = columns_by_field(units)
        self._filters = {
            field: np.concatenate([_flat(self.neurons[k].filters) for k in columns]).T
            for field, columns in self._fields.items()
        }

    def evoked_hz(self, images: Images, place: Placement | None = None) -> Rates:
        """Mean rates (n, u); see `Neurons.evoked_hz`."""
        return rates_by_field(self._fields, self._rates, images, place)

    def _rates(self, images: Images, place: Placement, field: ReceptiveField) -> Rates:
        luminance = patches(images, place, field)[:, 0].reshape(len(images), -1)
        drives = luminance.astype(np.float64) @ self._filters[field]
        neurons = [self.neurons[k] for k in self._fields[field]]
        pairs = np.square(drives).reshape(len(images), len(neurons), -1, 2)
        energies = pairs.sum(axis=3)
        return np.stack([one.rates_hz(energies[:, k]) for k, one in enumerate(neurons)], axis=1)


def build_neuron(settings: ComplexCellSettings) -> ComplexCell:
    """Make the cell that `settings` describe; what it is tuned to follows from the seed."""
    gabor = drawn_gabor(np.random.default_rng(settings.seed), CYCLES)
    pool = sorted(
        ((turn, octave) for octave in _OCTAVES for turn in _TURNS_DEG),
        key=lambda neighbour: (abs(neighbour[1]), neighbour),
    )
    away_deg = np.array([min(turn, 180.0 - turn) for turn, _ in pool])
    octaves = np.array([octave for _, octave in pool])
    weights = np.exp(
        -np.square(away_deg / _POOL_DEG) / 2.0 - np.square(octaves / _POOL_OCTAVES) / 2.0
    )
    weights /= weights.sum()
    pairs = np.stack([gabor.turned(turn, octave).pair() for turn, octave in pool])
    filters = pairs / _highest_drives(pairs)[:, None, None, None]
    bound = bound_of(_on_light(filters), weights, settings.semi_saturation)
    return ComplexCell(settings, gabor, filters, weights, bound)


def _highest_drives(pairs: Floats) -> Floats:
    """Return the highest drive (p,) of each pair (p, 2, …) by any picture, over all phases."""
    light = _on_light(pairs)
    turned = np.stack([np.cos(_PHASES), np.sin(_PHASES)])
    highest = []
    for pair in light:
        # A phase and its opposite are one filter with either sign.
        filters = np.tensordot(turned, pair, (0, 0))
        rising, falling = np.maximum(filters, 0).sum(axis=1), -np.minimum(filters, 0).sum(axis=1)
        both = (
            rising * (1 - LIGHT_OF_GREY) + falling * LIGHT_OF_GREY,
            falling * (1 - LIGHT_OF_GREY) + rising * LIGHT_OF_GREY,
        )
        highest.append(np.max(both))
    return np.array(highest)


def _on_light(filters: Floats) -> Floats:
    """Return what pairs (p, 2, PATCH_PX, PATCH_PX) weigh of grey light: (p, 2, samples)."""
    weighted = filters * ROUND_WINDOW / LIGHT_OF_GREY
    return weighted.reshape(len(filters), 2, -1)


def _flat(filters: Floats) -> Floats:
    return filters.reshape(-1, filters.shape[2] * filters.shape[3])
