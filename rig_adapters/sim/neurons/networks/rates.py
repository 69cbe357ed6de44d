"""From activations, which have no unit and no bound, to firing rates.

    activation → drive, 0 or more → room_hz · drive / (drive + half)

It rises with the activation everywhere (and where it is 0 or less, in a rectified layer, nothing
fires), and never reaches the ceiling, so that a better picture always has the higher rate. `half`
is a layer's: with it the calibration pictures drive its units to a tenth of their room on average.
A unit that none of these pictures excites stays silent until one does.

Activations of rectified layers are the drive themselves. Logits, which may be negative, are first
rectified softly about their mean for these pictures.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Activations = npt.NDArray[np.float64]

SHARE_FOR_PICTURES = 0.1
"""Of a unit's room, for an average picture: about 20 of 195 sp/s."""
_BISECTIONS = 100


@dataclass(frozen=True)
class Scale:
    """From the activations of one layer at one position to shares of a unit's room.

    Attributes:
        half: the drive at which half of the room is used.
        middle, spread: of logits, for soft rectification; None in rectified layers.

    """

    half: float
    middle: float | None = None
    spread: float | None = None

    def shares(self, activations: Activations) -> Activations:
        """Return shares of the room in [0, 1), of the shape of `activations`."""
        drive = _drive(activations, self.middle, self.spread)
        return drive / (drive + self.half)


def fitted_scale(activations: Activations, *, rectified: bool) -> Scale | None:
    """Return the scale of a layer from its activations (pictures, features).

    None where they excite nothing, so that there is nothing to fit.
    """
    middle = None if rectified else float(activations.mean())
    spread = None if rectified else float(activations.std())
    if spread == 0.0:
        return None
    drive = _drive(activations, middle, spread)
    largest = float(drive.max())
    if largest <= 0.0 or not np.isfinite(largest):
        return None
    low, high = 0.0, largest / SHARE_FOR_PICTURES
    for _ in range(_BISECTIONS):
        half = (low + high) / 2
        if float((drive / (drive + half)).mean()) > SHARE_FOR_PICTURES:
            low = half
        else:
            high = half
    return Scale(high, middle, spread)


def _drive(activations: Activations, middle: float | None, spread: float | None) -> Activations:
    if middle is None or spread is None:
        return np.maximum(activations, 0.0)
    return spread * np.logaddexp(0.0, (activations - middle) / spread)
