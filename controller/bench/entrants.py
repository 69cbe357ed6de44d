"""Who races: every kind of the registry with its defaults, and how it is built for a heat.

A kind that can use the metric of the code space races without and with it. What is left out:
tuning, and optimizers around optimizers.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from controller.bench.neurons import Metric
from controller.optimizers.base import Codes, Optimizer
from controller.optimizers.basis import checked_basis
from controller.optimizers.options import option_fields
from controller.optimizers.registry import KINDS, OptimizerKind

REFERENCE = "cholesky_cma"
"""Against whose score the others are measured."""


@dataclass(frozen=True, eq=False)
class Setting:
    """What an entrant starts from.

    initial_codes: (n, code_dim), the first generation of every optimizer in this heat.
    metric: returns what is known of the metric of the code space.
    n_presentations: how long the race is.
    """

    initial_codes: Codes
    metric: Callable[[], Metric]
    n_presentations: int


@dataclass(frozen=True)
class Entrant:
    """One optimizer as it races.

    name: as the results and the command line name it.
    make: builds it for one heat.
    about: what it is, in one sentence.
    options: its settings, as saved results remember them.
    uses_metric: whether it makes use of `Setting.metric`.
    on_request: whether it races only when it is named.
    """

    name: str
    make: Callable[[Setting], Optimizer]
    about: str
    options: str = ""
    uses_metric: bool = False
    on_request: bool = False


_ON_REQUEST = frozenset({"cma", "pycma", "nevergrad"})
"""They decompose the whole covariance and take minutes for a run, or need a library."""
_METRIC = "metric"
"""The option in which an optimizer is given what is known of the metric, wherever it has one."""
_SCHEDULE = "schedule_length"
"""The option in which it is told how many generations the race has, wherever it has one."""


def _entrants() -> Iterator[Entrant]:
    for kind in KINDS.values():
        fields = option_fields(kind.options)
        if kind.inner:
            continue
        needed = {field.name for field in fields if field.required}
        if not needed:
            yield _plain(kind)
        if needed <= {_METRIC} and any(field.name == _METRIC for field in fields):
            yield _with_metric(kind, kind.name if needed else f"{kind.name}+metric")


def _plain(kind: OptimizerKind) -> Entrant:
    def make(setting: Setting) -> Optimizer:
        options = kind.options(**_schedule(kind, setting))
        return kind.make(setting.initial_codes, options, "maximise")

    return Entrant(
        name=kind.name,
        make=make,
        about=kind.about,
        options=_settings(kind),
        on_request=kind.name in _ON_REQUEST,
    )


def _with_metric(kind: OptimizerKind, name: str) -> Entrant:
    def make(setting: Setting) -> Optimizer:
        metric = checked_basis(*setting.metric())
        options = kind.options(metric=metric, **_schedule(kind, setting))
        return kind.make(setting.initial_codes, options, "maximise")

    return Entrant(
        name=name,
        make=make,
        about=f"{kind.about.removesuffix('.')}, given an estimate of the metric.",
        options=_settings(kind),
        uses_metric=True,
    )


def _schedule(kind: OptimizerKind, setting: Setting) -> dict[str, int]:
    defaults = {field.name: field.default for field in option_fields(kind.options)}
    if _SCHEDULE not in defaults:
        return {}
    return {_SCHEDULE: max(2, round(setting.n_presentations / defaults["population_size"]))}


def _settings(kind: OptimizerKind) -> str:
    """All settings but those that belong to the neuron, the condition or the race."""
    fields = [field for field in option_fields(kind.options) if field.name != _METRIC]
    race = "that of the race"
    return ", ".join(f"{f.name}={race if f.name == _SCHEDULE else f.default!r}" for f in fields)


ENTRANTS: Mapping[str, Entrant] = MappingProxyType(
    {entrant.name: entrant for entrant in _entrants()}
)
