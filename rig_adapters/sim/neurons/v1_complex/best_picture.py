"""The picture that drives a normalised energy most, and a bound on what any picture can do.

Pictures here are light (samples,) from 0 to 1; `filters` (p, 2, samples) weigh its difference from
the grey of the screen. Which filters there are, and how rates follow, is left to `neuron`.
"""

import numpy as np
import numpy.typing as npt
import scipy

from rig_adapters.sim.retina import LIGHT_OF_GREY, PATCH_PX

Floats = npt.NDArray[np.float64]

_STEPS = 150
_FIRST_STEP, _LONGER, _SHORTER = 1.0, 1.3, 0.5
_RELATIVE_FLOOR = 1e-12


def bound_of(filters: Floats, weights: Floats, semi_saturation: float) -> float:
    """Return a bound of the normalised energy of the first pair, which no picture exceeds.

    It is sought among sums of filters, since light that no filter weighs only adds to |x|^2.
    """
    flat = filters.reshape(-1, filters.shape[2])
    gram = flat @ flat.T
    largest = flat.shape[1] * max(LIGHT_OF_GREY, 1.0 - LIGHT_OF_GREY) ** 2
    pooled = gram * np.repeat(weights, 2) @ gram + semi_saturation**2 / largest * gram
    pooled += _RELATIVE_FLOOR * np.trace(pooled) * np.eye(len(gram))
    own = gram[:, :2] @ gram[:2]
    return float(scipy.linalg.eigh(own, pooled, eigvals_only=True)[-1])


def best_light(filters: Floats, weights: Floats, semi_saturation: float) -> Floats:
    """Return the light (PATCH_PX, PATCH_PX) at the end of an ascent from the first even filter.

    Projected gradient steps, longer after each that climbs and shorter after each that does not.
    """
    start = np.sign(filters[0, 0]) * LIGHT_OF_GREY / 2.0
    light, step = LIGHT_OF_GREY + start, _FIRST_STEP
    height, slope = _height(light, filters, weights, semi_saturation)
    for _ in range(_STEPS):
        tried = np.clip(light + step * slope / np.abs(slope).max(), 0.0, 1.0)
        tried_height, tried_slope = _height(tried, filters, weights, semi_saturation)
        if tried_height > height:
            light, height, slope = tried, tried_height, tried_slope
            step *= _LONGER
        else:
            step *= _SHORTER
    best: Floats = light.reshape(PATCH_PX, PATCH_PX, 1)
    return best


def _height(
    light: Floats, filters: Floats, weights: Floats, semi_saturation: float
) -> tuple[float, Floats]:
    """Return the normalised energy at a light, and its gradient."""
    drives = filters @ (light - LIGHT_OF_GREY)
    energies = np.square(drives).sum(axis=1)
    pool = semi_saturation**2 + energies @ weights
    height = float(energies[0] / pool)
    by_energy = -height / pool * weights
    by_energy[0] += 1.0 / pool
    slope: Floats = np.tensordot(2.0 * by_energy[:, None] * drives, filters, 2)
    return height, slope
