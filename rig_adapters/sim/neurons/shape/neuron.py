"""Shape-selective neurons: how well an image matches a planted pattern, as a firing rate.

    image → cone contrast in the receptive field → oriented energy and surfaces → match → rate

The match is the projection onto the preferred picture's features, as deviations from textures in
units of the textures' standard deviation, and 1 for the preferred picture; a sigmoid of it and the
contrast in the field give the rate. Textures fire around 25, pictures 20–60 and the preferred one
near 200 sp/s; in between the rate rises smoothly, so that an evolution can climb, and it may climb
past the preferred picture. Spike times, noise and fatigue are elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rig_adapters.sim.neurons.base import Images, Rates, Truth
from rig_adapters.sim.neurons.shape.oriented_energy import (
    N_ENERGIES,
    EarlyResponse,
    early_response,
)
from rig_adapters.sim.neurons.shape.patterns import KINDS, Kind, preferred_picture
from rig_adapters.sim.neurons.shape.settings import ShapeSettings
from rig_adapters.sim.neurons.shape.texture_features import features_of, texture_features
from rig_adapters.sim.retina import Floats, Placement, patches

_SPREAD_FLOOR = 0.05
# Energies give the tuning for form, surfaces the polarity and colour; squares add up to 1.
_ENERGY_SHARE, _SURFACE_SHARE = 0.8, 0.6
# Log odds of firing at the cap, for no match and for the preferred picture itself.
_ODDS_AT_NONE, _ODDS_AT_PREFERRED = -2.0, 3.0
_HALF_CONTRAST = 0.1


@dataclass(frozen=True, eq=False)
class ShapeNeuron:
    """One unit of the ground truth.

    kind, preferred: the planted pattern, (h, w, 3) uint8, kept for inspection.
    template: (N_FEATURES,) float32 and offset: match = features · template - offset.
    """

    settings: ShapeSettings
    kind: Kind
    preferred: npt.NDArray[np.uint8]
    template: Floats
    offset: float

    @property
    def truth(self) -> Truth:
        """What is known of it."""
        about = f"prefers the {self.kind} of seed {self.settings.seed}"
        return Truth(about, self.preferred)

    def match(self, early: EarlyResponse) -> Floats:
        """Similarity to the preferred pattern (n,): 0 for an average texture, 1 for itself."""
        return early.features @ self.template - np.float32(self.offset)

    def evoked_hz(self, early: EarlyResponse) -> npt.NDArray[np.float64]:
        """Mean rate (n,) above the spontaneous one that images evoke, at a gain of 1."""
        power = np.square(early.contrast.astype(np.float64))
        # Naka & Rushton 1966, with exponent 2.
        drive = power / (power + _HALF_CONTRAST**2)
        log_odds = _ODDS_AT_NONE + (_ODDS_AT_PREFERRED - _ODDS_AT_NONE) * self.match(early)
        # The logistic function, which overflows nowhere when it is written so.
        tuned = 0.5 * (1.0 + np.tanh(0.5 * log_odds))
        evoked: npt.NDArray[np.float64] = self.settings.room_hz * drive * tuned
        return evoked


class ShapeNeurons:
    """Units of this family; those that look at the same place share its early response."""

    def __init__(self, units: Sequence[ShapeSettings]) -> None:
        self.neurons = tuple(build_neuron(unit) for unit in units)
        self.unit_ids = tuple(unit.unit_id for unit in units)
        self.truths = tuple(neuron.truth for neuron in self.neurons)

    def evoked_hz(self, images: Images, place: Placement | None = None) -> Rates:
        """Mean rates (n, u); see `Neurons.evoked_hz`."""
        early = {}
        for field in {neuron.settings.field for neuron in self.neurons}:
            early[field] = early_response(patches(images, place or field.filled, field))
        columns = [neuron.evoked_hz(early[neuron.settings.field]) for neuron in self.neurons]
        return np.stack(columns, axis=1)


def build_neuron(settings: ShapeSettings) -> ShapeNeuron:
    """Make the neuron that `settings` describe; its pattern follows from `settings.seed` alone.

    The kinds of pattern go round with the seed: neighbouring seeds prefer different ones.
    """
    kind = KINDS[settings.seed % len(KINDS)]
    preferred = preferred_picture(kind, np.random.default_rng(settings.seed))
    texture = texture_features()
    mean, spread = texture.mean(axis=0), texture.std(axis=0) + _SPREAD_FLOOR
    wanted = (features_of(preferred[None])[0] - mean) / spread
    deviations = (texture - mean) / spread
    template = np.zeros_like(wanted)
    for share, part in (
        (_ENERGY_SHARE, slice(0, N_ENERGIES)),
        (_SURFACE_SHARE, slice(N_ENERGIES, None)),
    ):
        template[part] = share * wanted[part] / (deviations[:, part] @ wanted[part]).std()
    template /= (wanted @ template) * spread
    return ShapeNeuron(settings, kind, preferred, template, float(mean @ template))
