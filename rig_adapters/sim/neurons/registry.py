"""Which families of simulated neurons there are, and how a rig gets its units from their settings.

What a config calls a family says the `kind` of its settings; without one it is "shape".
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, Union, get_args

import numpy as np
from pydantic import Discriminator, Tag

from rig_adapters.sim.neurons.base import Images, Neurons, Rates, Truth
from rig_adapters.sim.neurons.linear_nonlinear.settings import LinearNonlinearSettings
from rig_adapters.sim.neurons.networks.settings import NetworkSettings
from rig_adapters.sim.neurons.settings import UnitSettings
from rig_adapters.sim.neurons.shape.settings import ShapeSettings
from rig_adapters.sim.neurons.subspace.settings import SubspaceSettings
from rig_adapters.sim.neurons.v1_complex.settings import ComplexCellSettings
from rig_adapters.sim.retina import Placement

OWN: tuple[type[UnitSettings], ...] = (
    ShapeSettings,
    SubspaceSettings,
    LinearNonlinearSettings,
    ComplexCellSettings,
    NetworkSettings,
)
USUAL_KIND = "shape"


def kinds_of(settings: type[UnitSettings]) -> tuple[str, ...]:
    """Return the names that one class of settings goes by."""
    return get_args(settings.model_fields["kind"].annotation)


def _kind(value: Any) -> Any:
    if isinstance(value, UnitSettings):
        return value.kind
    return value.get("kind", USUAL_KIND) if isinstance(value, dict) else USUAL_KIND


_TAGGED = tuple(Annotated[family, Tag(kind)] for family in OWN for kind in kinds_of(family))
if TYPE_CHECKING:
    AnyUnit: TypeAlias = UnitSettings
else:
    AnyUnit = Annotated[Union[_TAGGED], Discriminator(_kind)]  # noqa: UP007  # made from the table
"""Settings of a unit of any family, as pydantic reads them."""


def build_neurons(units: Sequence[UnitSettings]) -> Neurons:
    """Return all units of a rig, of whatever families.

    Raises:
        SimSettingsError: one cannot be what its settings ask for.

    """
    families = list(dict.fromkeys(type(unit) for unit in units))
    parts = []
    for family in families:
        columns = [k for k, unit in enumerate(units) if type(unit) is family]
        parts.append((np.array(columns), family.build([units[k] for k in columns])))
    return parts[0][1] if len(parts) == 1 else _Mixed(parts)


class _Mixed:
    """Units of several families: each computes its own columns."""

    def __init__(self, parts: Sequence[tuple[np.ndarray[Any, Any], Neurons]]) -> None:
        self._parts = parts
        self._n_units = sum(len(columns) for columns, _ in parts)
        told: dict[int, tuple[int, Truth]] = {}
        for columns, neurons in parts:
            pairs = zip(neurons.unit_ids, neurons.truths, strict=True)
            told |= dict(zip(columns.tolist(), pairs, strict=True))
        self.unit_ids = tuple(told[column][0] for column in range(self._n_units))
        self.truths = tuple(told[column][1] for column in range(self._n_units))

    def evoked_hz(self, images: Images, place: Placement | None = None) -> Rates:
        """Return what each family makes of the images."""
        rates = np.empty((len(images), self._n_units))
        for columns, neurons in self._parts:
            rates[:, columns] = neurons.evoked_hz(images, place)
        return rates
