"""What simulated units make of a fixed set of textures, with which they compare every image.

It is read from a file beside this one, since to compute it takes as long as to start the whole rig.
`python -m rig_adapters.sim.neurons.shape.texture_features` computes it and writes the file anew.
"""

from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rig_adapters.sim.neurons.shape.oriented_energy import early_response
from rig_adapters.sim.neurons.shape.patterns import textures
from rig_adapters.sim.retina import Floats, Placement, ReceptiveField, patches

FILE = Path(__file__).with_suffix(".npz")
_N_TEXTURES = 64
_TEXTURE_SEED = 1981


@cache
def texture_features() -> Floats:
    """Return the features (textures, N_FEATURES) of the textures."""
    with np.load(FILE) as file:
        features: Floats = file["features"]
    features.flags.writeable = False
    return features


def computed_texture_features() -> Floats:
    """Paint the textures, and return their features (textures, N_FEATURES)."""
    return features_of(textures(_N_TEXTURES, np.random.default_rng(_TEXTURE_SEED)))


def features_of(pictures: npt.NDArray[np.uint8]) -> Floats:
    """Return the features (n, N_FEATURES) of pictures (n, h, w, 3) that fill a receptive field."""
    field, place = ReceptiveField((0.0, 0.0), 1.0), Placement(0.0, 0.0, 1.0)
    return early_response(patches(pictures, place, field)).features


if __name__ == "__main__":
    np.savez_compressed(FILE, features=computed_texture_features())
