"""Units that look at the same place share what is computed of it."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from rig_adapters.sim.neurons.base import Images, Rates
from rig_adapters.sim.neurons.settings import UnitSettings
from rig_adapters.sim.retina import Placement, ReceptiveField

Columns = npt.NDArray[np.intp]


def columns_by_field(units: Sequence[UnitSettings]) -> dict[ReceptiveField, Columns]:
    """Return the columns of the units that look at each field."""
    fields = dict.fromkeys(unit.field for unit in units)
    return {
        field: np.array([k for k, unit in enumerate(units) if unit.field == field])
        for field in fields
    }


def rates_by_field(
    fields: dict[ReceptiveField, Columns],
    rates_of: Callable[[Images, Placement, ReceptiveField], Rates],
    images: Images,
    place: Placement | None,
) -> Rates:
    """Return rates (n, u), those of each field by `rates_of(images, place, field)` in one call."""
    rates = np.empty((len(images), sum(len(columns) for columns in fields.values())))
    for field, columns in fields.items():
        rates[:, columns] = rates_of(images, place or field.filled, field)
    return rates
