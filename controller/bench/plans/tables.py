"""What a plan says: which optimizers, on which neurons, through which generators, how often.

Optimizers and generators have the tables that they have in a session's config, and neurons those
of the simulated rig; so whatever a session can use, a plan can.
"""

from typing import Any, Literal

from pydantic import Field, model_validator

from controller.bench.conditions import NOISE_LEVELS, VIOLATIONS
from controller.config.base import Table
from controller.config.optimizers import OptimizerTable
from controller.config.tables import GeneratorTable
from controller.optimizers.registry import KINDS

_IDENTITY = ("channel", "unit")
"""Keys that number the units of a rig; here each neuron has a name."""


class PlanHead(Table):
    """Table `[plan]`: the size of the benchmark, and what counts."""

    name: str = Field(min_length=1, max_length=60, pattern=r"^[\w\- ]+$", description="of the plan")
    generations: int = Field(ge=2, description="of every run; the 2022 study has 75")
    repeats: int = Field(ge=1, description="runs of each combination, with other random numbers")
    seed: int = Field(ge=0, description="from which all random numbers follow")
    noise: tuple[str, ...] = Field(
        min_length=1,
        description='noise levels: "none", "gain_0.2", "gain_0.5" (of the 2022 study), "poisson"; '
        'with "+gaps", "+drift" or "+outliers" appended, something is wrong besides',
    )
    reference: str = Field(description="the optimizer against which the others are measured")
    score: Literal["clean_max", "noisy_best"] = Field(
        default="clean_max",
        description="what counts of a run: the largest noise-free response to any image that was "
        "shown (second round of the 2022 study), or the largest noisy score (its first round)",
    )

    @model_validator(mode="after")
    def _noise_is_known(self) -> "PlanHead":
        for name in self.noise:
            level, _, violation = name.partition("+")
            if level not in NOISE_LEVELS or violation not in ("", *VIOLATIONS):
                known = ", ".join(NOISE_LEVELS)
                raise ValueError(f"@noise@ has {name!r}, but the levels are {known}")
        if len(set(self.noise)) < len(self.noise):
            raise ValueError("@noise@ names a level twice")
        return self


class OptimizerEntry(Table):
    """Table `[[optimizers]]`: one competitor.

    Entries may share a name where their generators differ: one competitor, other settings there.
    """

    name: str = Field(min_length=1, max_length=60, description="as tables and figures name it")
    generators: tuple[str, ...] | None = Field(
        default=None, min_length=1, description="with which it competes; default: with all"
    )
    control: Literal["none", "shuffled"] = Field(
        default="none",
        description="shuffled: it is told each generation's scores in a random order, which is "
        "what a search does on its own account",
    )
    settings: OptimizerTable = Field(description="the optimizer's table, as in a session's config")


class NeuronsEntry(Table):
    """Table `[[neurons]]`: neurons that differ in some of their settings."""

    generator: str = Field(description="through which they are shown images")
    label: str | None = Field(
        default=None, min_length=1, description="what tables call this group; default: their kind"
    )
    settings: dict[str, Any] = Field(
        description="a unit's table, as in [[rig.settings.units]]; channel and unit are not needed"
    )
    each: dict[str, tuple[Any, ...]] = Field(
        default_factory=dict,
        description="keys with a list of values: there is a neuron for every combination",
    )
    response: Literal["rate", "activation"] = Field(
        default="rate",
        description="activation: the number that a network's unit has, as in the 2022 study",
    )

    @model_validator(mode="after")
    def _keys_stand_once(self) -> "NeuronsEntry":
        for key in (*self.settings, *self.each):
            if key in _IDENTITY:
                raise ValueError(f"@settings@ has {key!r}, which neurons of a plan do not need")
        twice = sorted(set(self.settings) & set(self.each))
        if twice:
            raise ValueError(f"@each@ has {twice[0]!r}, which stands in settings, too")
        empty = [key for key, values in self.each.items() if not values]
        if empty:
            raise ValueError(f"@each@ has no value for {empty[0]!r}")
        return self


class Plan(Table):
    """The whole plan."""

    plan: PlanHead
    generators: dict[str, GeneratorTable] = Field(min_length=1)
    optimizers: tuple[OptimizerEntry, ...] = Field(min_length=1)
    neurons: tuple[NeuronsEntry, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_are_known(self) -> "Plan":
        known = ", ".join(self.generators)
        used = [(f"neurons.{k}.generator", n.generator) for k, n in enumerate(self.neurons)]
        for k, entry in enumerate(self.optimizers):
            used += [(f"optimizers.{k}.generators", name) for name in entry.generators or ()]
        for where, name in used:
            if name not in self.generators:
                raise ValueError(f"{where} names {name!r}, but the generators are {known}")
        if self.plan.reference not in {entry.name for entry in self.optimizers}:
            raise ValueError(f"plan.reference is {self.plan.reference!r}, which does not compete")
        return self

    @model_validator(mode="after")
    def _competitors_differ(self) -> "Plan":
        taken: set[tuple[str, str]] = set()
        for k, entry in enumerate(self.optimizers):
            if KINDS[entry.settings.kind].inner == "parts":
                raise ValueError(f"optimizers.{k}: parts of a code cannot compete in a plan")
            for generator in entry.generators or tuple(self.generators):
                if (entry.name, generator) in taken:
                    raise ValueError(
                        f"optimizers.{k}: {entry.name!r} competes twice with {generator}; give one "
                        "of the entries another name, or other generators"
                    )
                taken.add((entry.name, generator))
        return self
