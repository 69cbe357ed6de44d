"""Linear-nonlinear neurons: a filter, a threshold, and a power law that saturates.

    L = sum over channels and samples of filter * contrast                                     (1)
    u = max(0, L - threshold) / (1 - threshold)                                                (2)
    r = room_hz * (1 + h^p) u^p / (u^p + h^p)                                                  (3)

(1) and (2) are the linear-nonlinear model (Movshon, Thompson & Tolhurst 1978; Chichilnisky 2001);
(3) is that of Naka & Rushton 1966 as Albrecht & Hamilton 1982 have it, with exponent p and half
saturation h, scaled so that u = 1 gives `room_hz`. With a large h it is the plain power law
(Heeger 1992). The contrast is that of `rig_adapters.sim.retina`, in linear light.

The filter is scaled so that L = 1 is the most that any picture can evoke. A linear sum is highest
where all light that it weighs positively is full and all other is off, so the best picture and its
rate are known exactly. Adaptation, time and everything beyond one filter are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rig_adapters.sim.neurons.base import Images, Rates, Truth
from rig_adapters.sim.neurons.by_field import columns_by_field, rates_by_field
from rig_adapters.sim.neurons.gabor import drawn_gabor
from rig_adapters.sim.neurons.linear_nonlinear.settings import LinearNonlinearSettings
from rig_adapters.sim.neurons.noise import coloured_noise
from rig_adapters.sim.retina import (
    LIGHT_OF_GREY,
    PATCH_PX,
    Placement,
    ReceptiveField,
    in_light,
    patches,
    picture_of,
)

Floats = npt.NDArray[np.float64]

CYCLES = (2.0, 5.0)
"""Of a Gabor filter, for each field."""
_SMOOTH_SLOPE = 2.0
_SMOOTH_RADIUS = 0.2
"""Standard deviation of the window of a smooth filter, in sides of the field."""
_COLOUR_SHARE = 0.5


@dataclass(frozen=True, eq=False)
class LinearNonlinearNeuron:
    """One unit.

    filter: (3, PATCH_PX, PATCH_PX) float64, on luminance, red-green and blue-yellow contrast.
    about: the filter in words.
    """

    settings: LinearNonlinearSettings
    filter: Floats
    about: str

    @property
    def preferred(self) -> Images:
        """The picture (2 * PATCH_PX, 2 * PATCH_PX, 3) uint8 that no other drives it more than."""
        weights = in_light(self.filter)
        return picture_of(np.where(weights == 0, LIGHT_OF_GREY, weights > 0))

    @property
    def truth(self) -> Truth:
        """What is known of it: everything."""
        return Truth(self.about, self.preferred, self.settings.room_hz)

    def rates_hz(self, drive: Floats) -> Floats:
        """Return rates (n,) of drives L (n,), by (2) and (3)."""
        threshold, half = self.settings.threshold, self.settings.half_drive
        above = np.clip((drive - threshold) / (1.0 - threshold), 0.0, 1.0)
        power = above**self.settings.exponent
        saturated = half**self.settings.exponent
        rates: Floats = self.settings.room_hz * (1.0 + saturated) * power / (power + saturated)
        return np.minimum(rates, self.settings.room_hz)


class LinearNonlinearNeurons:
    """Units of this family."""

    def __init__(self, units: Sequence[LinearNonlinearSettings]) -> None:
        self.neurons = tuple(build_neuron(unit) for unit in units)
        self.unit_ids = tuple(unit.unit_id for unit in units)
        self.truths = tuple(neuron.truth for neuron in self.neurons)
        self._fields = columns_by_field(units)
        self._filters = {
            field: np.stack([self.neurons[k].filter.ravel() for k in columns], axis=1)
            for field, columns in self._fields.items()
        }

    def evoked_hz(self, images: Images, place: Placement | None = None) -> Rates:
        """Mean rates (n, u); see `Neurons.evoked_hz`."""
        return rates_by_field(self._fields, self._rates, images, place)

    def _rates(self, images: Images, place: Placement, field: ReceptiveField) -> Rates:
        seen = patches(images, place, field).reshape(len(images), -1).astype(np.float64)
        drives = seen @ self._filters[field]
        neurons = [self.neurons[k] for k in self._fields[field]]
        columns = [one.rates_hz(drive) for one, drive in zip(neurons, drives.T, strict=True)]
        return np.stack(columns, axis=1)


def build_neuron(settings: LinearNonlinearSettings) -> LinearNonlinearNeuron:
    """Make the neuron that `settings` describe; its filter follows from the seed."""
    rng = np.random.default_rng(settings.seed)
    if settings.filter == "gabor":
        gabor = drawn_gabor(rng, CYCLES)
        phase = rng.uniform(0.0, 2.0 * np.pi)
        even, odd = gabor.pair()
        filters = np.zeros((3, PATCH_PX, PATCH_PX))
        filters[0] = even * np.cos(phase) + odd * np.sin(phase)
        per_deg = gabor.cycles / settings.rf_size_deg
        about = f"filters bars at {gabor.orientation_deg:.0f}° of {per_deg:.2f} cycles/°"
    else:
        filters = _smooth(rng)
        about = f"filters soft patches of seed {settings.seed}"
    return LinearNonlinearNeuron(settings, filters / highest_drive(filters), about)


def highest_drive(filters: Floats) -> float:
    """Return the highest drive (1) of a filter (3, PATCH_PX, PATCH_PX) by any picture."""
    weights = in_light(filters)
    brighter, darker = np.maximum(weights, 0.0).sum(), np.minimum(weights, 0.0).sum()
    return float(brighter * (1.0 - LIGHT_OF_GREY) - darker * LIGHT_OF_GREY)


def _smooth(rng: np.random.Generator) -> Floats:
    axis = (np.arange(PATCH_PX) - (PATCH_PX - 1) / 2) / (PATCH_PX * _SMOOTH_RADIUS)
    envelope = np.exp(-(np.square(axis)[:, None] + np.square(axis)) / 2.0)
    noise = coloured_noise(np.full(3, _SMOOTH_SLOPE), PATCH_PX, rng)[..., 0]
    shares = np.array([1.0, _COLOUR_SHARE, _COLOUR_SHARE])[:, None, None]
    smooth: Floats = noise * envelope * shares
    return smooth
