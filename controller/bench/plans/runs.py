"""Which runs a plan asks for. A run is a pure function of its description, which is plain JSON.

Its key is a hash of everything that its result depends on, so a result is found again when the plan
grows, and is not mistaken for another when a setting changes.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any, Self

from pydantic import ValidationError

from controller.bench.plans.tables import NeuronsEntry, OptimizerEntry, Plan
from controller.config import problems
from controller.config.base import Table
from controller.errors import ConfigError
from rig_adapters.sim.neurons.registry import AnyUnit
from rig_adapters.sim.neurons.settings import UnitSettings

RULES = 1
"""Goes up when results of before can no longer be compared with those of now."""


@dataclass(frozen=True)
class Run:
    """One optimizer, one neuron, one noise level, one repeat.

    optimizer, generator, neuron, group: names, as the results have them.
    optimizer_table, generator_table, neuron_table: settings, as plain JSON.
    response: "rate" or "activation" of the neuron; control: see `OptimizerEntry`.
    noise: see `controller.bench.conditions`. repeat: from 0. seed: of the plan.
    """

    optimizer: str
    generator: str
    neuron: str
    group: str
    noise: str
    repeat: int
    generations: int
    seed: int
    response: str
    control: str
    optimizer_table: Mapping[str, Any]
    generator_table: Mapping[str, Any]
    neuron_table: Mapping[str, Any]

    @property
    def key(self) -> str:
        """Return what is the same for the same run, and other if anything in it has changed."""
        described = {name: value for name, value in asdict(self).items() if name != "group"}
        told = json.dumps([RULES, described], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    def to_json(self) -> str:
        """Return the description, from which `from_json` makes the same run."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the run that `to_json` described."""
        return cls(**json.loads(text))


def runs_of(plan: Plan) -> tuple[Run, ...]:
    """Return every run, in an order in which a stopped benchmark has compared like with like.

    Raises:
        ConfigError: the settings of a neuron are none, or two neurons are the same.

    """
    neurons = [found for place in range(len(plan.neurons)) for found in _neurons(plan, place)]
    names = [(entry.generator, name) for entry, name, _ in neurons]
    twice = [name for k, name in enumerate(names) if name in names[:k]]
    if twice:
        raise ConfigError([f"neurons: {twice[0][1]} stands there twice with {twice[0][0]}."])
    head = plan.plan
    return tuple(
        Run(
            optimizer=entry.name,
            generator=group.generator,
            neuron=name,
            group=group.label or str(table["kind"]),
            noise=noise,
            repeat=repeat,
            generations=head.generations,
            seed=head.seed,
            response=group.response,
            control=entry.control,
            optimizer_table=_plain(entry.settings),
            generator_table=_plain(plan.generators[group.generator]),
            neuron_table=table,
        )
        for repeat, noise, (group, name, table) in product(range(head.repeats), head.noise, neurons)
        for entry in _competitors(plan, group.generator)
    )


def _competitors(plan: Plan, generator: str) -> list[OptimizerEntry]:
    return [e for e in plan.optimizers if e.generators is None or generator in e.generators]


def _neurons(plan: Plan, place: int) -> Iterator[tuple[NeuronsEntry, str, dict[str, Any]]]:
    """Yield the neurons of an entry: the entry, a name that says how they differ, their table."""
    entry = plan.neurons[place]
    for values in product(*entry.each.values()):
        own = dict(zip(entry.each, values, strict=True))
        unit = _checked_unit({**entry.settings, **own, "channel": 0}, place)
        differs = " ".join(f"{key}={_short(value)}" for key, value in own.items())
        name = f"{entry.label or unit.kind} {differs}".strip()
        yield entry, name, _plain(unit)


def _checked_unit(table: dict[str, Any], place: int) -> UnitSettings:
    try:
        return _OneUnit.model_validate({"settings": table}).settings
    except ValidationError as error:
        prefix = ("neurons", str(place))
        raise ConfigError(problems.sentences(error, _OneUnit, prefix)) from error


class _OneUnit(Table):
    """A unit's table where a plan has it."""

    settings: AnyUnit


def _plain(table: Any) -> dict[str, Any]:
    found: dict[str, Any] = table.model_dump(mode="json")
    return found


def _short(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
