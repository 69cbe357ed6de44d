"""Who races: every kind of the registry with its usual options, and how it is built for a heat.

What is left out: tuning. An optimizer races with its defaults, or with no options of its own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from controller.bench.neurons import Metric
from controller.optimizers.base import Codes, Optimizer
from controller.optimizers.registry import KINDS, OptimizerKind

REFERENCE = "cholesky_cma"
"""Against whose score the others are measured."""


@dataclass(frozen=True, eq=False)
class Setting:
    """What an entrant starts from.

    initial_codes: (n, code_dim), the first generation of every optimizer in this heat.
    metric: returns what is known of the metric of the code space.
    """

    initial_codes: Codes
    metric: Callable[[], Metric]


@dataclass(frozen=True)
class Entrant:
    """One optimizer as it races.

    name: as the results and the command line name it.
    make: builds it for one heat.
    about: what it is, in one sentence.
    options: its settings, as saved results remember them.
    uses_metric: whether it makes use of `Setting.metric`.
    slow: whether it takes so long that it races only when it is named.
    """

    name: str
    make: Callable[[Setting], Optimizer]
    about: str
    options: str = ""
    uses_metric: bool = False
    slow: bool = False


_SLOW = frozenset({"full_cma", "pycma"})
"""They decompose the whole covariance, and take minutes for a run."""


def _from_registry(kind: OptimizerKind) -> Entrant:
    options = kind.options()
    return Entrant(
        name=kind.name,
        make=lambda setting: kind.make(setting.initial_codes, options, "maximise"),
        about=kind.about,
        options=repr(options),
        slow=kind.name in _SLOW,
    )


ENTRANTS: Mapping[str, Entrant] = MappingProxyType(
    {kind.name: _from_registry(kind) for kind in KINDS.values() if kind.is_plain}
)
