"""The fixed pictures that a network is calibrated with: textures, and figures on a ground.

Left out: how they are painted (`rig_adapters.sim.neurons.shape.patterns`).
"""

import numpy as np

from rig_adapters.sim.neurons.base import Images
from rig_adapters.sim.neurons.shape.patterns import KINDS, preferred_picture, textures

_N_TEXTURES, _N_FIGURES = 12, 4
_SEED = 2012


def calibration_pictures() -> Images:
    """Paint them: (16, h, w, 3) uint8, always the same."""
    rng = np.random.default_rng(_SEED)
    ground = textures(_N_TEXTURES, rng)
    figures = [preferred_picture(KINDS[k % len(KINDS)], rng) for k in range(_N_FIGURES)]
    return np.concatenate([ground, np.array(figures)])
