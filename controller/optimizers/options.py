"""What the options of an optimizer have in common: limits, words, and who refuses a wrong value.

An optimizer's options are a frozen dataclass. The type of a field carries its limits (`Positive`,
`Share`, …), the docstring has one line `name: sentence` for each field, and `__post_init__` calls
`check_options`. The configuration's tables and their documentation are derived from exactly that,
so fields, defaults, limits and words exist once. What is left out: any file format.
"""

import inspect
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin, get_type_hints

from controller.optimizers.errors import OptimizerOptionError

_NAMES = re.compile(r"^([a-z]\w*(?:, [a-z]\w*)*): (.*)$")


@dataclass(frozen=True)
class Limits:
    """Between which numbers an option lies; None where there is no limit."""

    above: float | None = None
    at_least: float | None = None
    below: float | None = None
    at_most: float | None = None

    def problem(self, value: float) -> str | None:
        """Return what is wrong with `value`, as "must be …"; None where nothing is."""
        if not math.isfinite(value):
            return "must be a finite number"
        if self.above is not None and not value > self.above:
            return f"must be greater than {self.above:g}"
        if self.at_least is not None and value < self.at_least:
            return f"must be greater than or equal to {self.at_least:g}"
        if self.below is not None and not value < self.below:
            return f"must be less than {self.below:g}"
        if self.at_most is not None and value > self.at_most:
            return f"must be less than or equal to {self.at_most:g}"
        return None


Positive: TypeAlias = Annotated[float, Limits(above=0)]
NotNegative: TypeAlias = Annotated[float, Limits(at_least=0)]
Share: TypeAlias = Annotated[float, Limits(at_least=0, at_most=1)]
"""From 0 to 1, both included."""
Rate: TypeAlias = Annotated[float, Limits(above=0, at_most=1)]
"""A learning rate: 0 is not one."""
Angle: TypeAlias = Annotated[float, Limits(above=0, at_most=90)]
"""In degrees; beyond 90 a search on a sphere looks at the other side."""
Count: TypeAlias = Annotated[int, Limits(at_least=1)]
Whole: TypeAlias = Annotated[int, Limits(at_least=0)]
PopulationSize: TypeAlias = Annotated[int, Limits(at_least=2, at_most=10_000)]


@dataclass(frozen=True)
class OptionField:
    """One option: name, type with limits, default (unless it is required) and meaning."""

    name: str
    annotation: Any
    required: bool
    default: Any
    meaning: str


def option_fields(options: type[Any]) -> tuple[OptionField, ...]:
    """Return the fields of a dataclass of options, in its order."""
    types, meanings = get_type_hints(options, include_extras=True), _meanings(options)
    return tuple(
        OptionField(
            name=field.name,
            annotation=types[field.name],
            required=field.default is MISSING,
            default=None if field.default is MISSING else field.default,
            meaning=meanings.get(field.name, ""),
        )
        for field in fields(options)
    )


def check_options(options: Any) -> None:
    """Check that every value lies within the limits of its type.

    Raises:
        OptimizerOptionError: one does not; the error names it.

    """
    for field in option_fields(type(options)):
        value = getattr(options, field.name)
        problem = _problem(field.annotation, value)
        if problem is not None:
            raise refusal(field.name, value, problem)


def refusal(option: str, value: object, problem: str) -> OptimizerOptionError:
    """Return the error for an option whose `value` does not go; `problem` begins with "must"."""
    return OptimizerOptionError(f"{option} {problem}, but it is {value!r}", option)


def members(annotation: Any) -> tuple[Any, ...]:
    """Return the types of a union, or the one type that it is."""
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def limits_of(annotation: Any) -> Limits | None:
    """Return the limits that an annotated type carries."""
    marks = getattr(annotation, "__metadata__", ())
    return next((mark for mark in marks if isinstance(mark, Limits)), None)


def _problem(annotation: Any, value: Any) -> str | None:
    kinds = members(annotation)
    if value is None and NoneType in kinds:
        return None
    problems = [_problem_with(kind, value) for kind in kinds if kind is not NoneType]
    return None if None in problems else problems[0]


def _problem_with(kind: Any, value: Any) -> str | None:
    if get_origin(kind) is Literal:
        known = get_args(kind)
        return None if value in known else f"must be {' or '.join(map(repr, known))}"
    limits = limits_of(kind)
    if limits is None:
        return None
    wanted = get_args(kind)[0]
    if isinstance(value, bool) or not isinstance(value, int if wanted is int else int | float):
        return "must be a whole number" if wanted is int else "must be a number"
    return limits.problem(value)


def _meanings(options: type) -> Mapping[str, str]:
    """Return the meaning of each field from the docstring's lines `name: sentence`."""
    found: dict[str, str] = {}
    for names, sentence in _entries(inspect.getdoc(options) or ""):
        # Also in the middle of a sentence of a config problem, hence without the full stop.
        meaning = " ".join(sentence.split()).removesuffix(".")
        found |= dict.fromkeys(names, meaning)
    return found


def _entries(text: str) -> Iterator[tuple[list[str], str]]:
    names: list[str] = []
    sentence = ""
    for line in [*text.splitlines(), ""]:
        begun = _NAMES.match(line)
        if names and (begun or not line.startswith(" ")):
            yield names, sentence
            names = []
        if begun:
            names, sentence = begun[1].split(", "), begun[2]
        elif names:
            sentence += f" {line}"
