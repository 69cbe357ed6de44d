"""How units are numbered on the wire: channel times 100 plus the unit's number on its channel.

So 1302 is unit 2 of channel 13, and unit 0 of a channel is what no sorter has claimed.
"""

from typing import TypeVar

import numpy as np
import numpy.typing as npt

UNITS_PER_CHANNEL = 100
MOST_CHANNELS = 1_000_000

OneOrMany = TypeVar("OneOrMany", int, npt.NDArray[np.int32])


def unit_id_of(channel: int, unit: int) -> int:
    """Return the identity of a unit of a channel. Raises ValueError where there is none."""
    if not 0 <= channel <= MOST_CHANNELS or not 0 <= unit < UNITS_PER_CHANNEL:
        raise ValueError(
            f"unit {unit} of channel {channel} has no number: channels go from 0 to "
            f"{MOST_CHANNELS}, units from 0 to {UNITS_PER_CHANNEL - 1}"
        )
    return channel * UNITS_PER_CHANNEL + unit


def channel_of(unit_id: OneOrMany) -> OneOrMany:
    """Return the channel of a unit, or of each of (k,)."""
    return unit_id // UNITS_PER_CHANNEL
