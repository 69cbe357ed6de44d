"""The contract of simulated neurons: images go in, noise-free rates come out.

Time, spikes, noise and whatever goes wrong in a recording are elsewhere (`rig_adapters.sim`), so
the same neurons serve a simulated rig, and a benchmark that calls them by hand.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from rig_adapters.sim.retina import Placement

Images = npt.NDArray[np.uint8]
Rates = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Truth:
    """What is known of a unit, to hold against what an evolution finds.

    about: what it prefers, to follow "simulated, "; of a network without training it says so.
    preferred: (h, w, 3) uint8, the picture that it prefers when it fills its field; None where
        that is not known.
    best_hz: the highest evoked rate of any picture that fills its field; None where not known.
    """

    about: str
    preferred: Images | None = None
    best_hz: float | None = None


class Neurons(Protocol):
    """Units of one rig; what one of them does depends on no other. There is no state.

    unit_ids: (u,) identities on the wire, in the order of the columns of rates.
    truths: (u,), in the same order.
    """

    @property
    def unit_ids(self) -> tuple[int, ...]:
        """Identities (u,) on the wire, in the order of the columns of rates."""

    @property
    def truths(self) -> tuple[Truth, ...]:
        """What is known of each unit (u,)."""

    def evoked_hz(self, images: Images, place: Placement | None = None) -> Rates:
        """Mean rates (n, u) above the spontaneous ones that images (n, h, w, 3) evoke.

        Each is 0 or more, and no more than the `room_hz` of its unit. An image that does not reach
        into the field of a unit evokes what the grey of the screen does. It hardly matters (to
        1e-5 of the rate, or 0.001 spikes/s) which images come together.

        Args:
            images: (n, h, w, 3) uint8, sRGB.
            place: where they are shown; None where each fills the field of every unit.

        """
