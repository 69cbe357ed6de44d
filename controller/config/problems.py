"""From a failed validation to one sentence for each problem, naming the key as the file has it.

Unknown keys are answered with the nearest known one. Finding the problems is pydantic's work and
that of `controller.config.checks`.
"""

import difflib
import re
import typing
from typing import Any

from pydantic import BaseModel, ValidationError

from controller.optimizers.errors import OptimizerOptionError

_MARKED_KEY = re.compile(r"@(\w+)@")
_SUBJECT = re.compile(r"^(Input|String|Tuple|List|Dictionary|Value) should")
_LONGEST_BITS = 64
_DEEPEST = 24
_TYPE_NAMES = ("tuple[", "literal[", "constrained-")


def sentences(
    error: ValidationError, model: type[BaseModel], prefix: tuple[str, ...] = ()
) -> list[str]:
    """Return one sentence for each error of validating `model`, which stands at `prefix`."""
    items = [dict(item) for item in error.errors(include_url=False)]
    return [_sentence(item, model, prefix) for item in items if not _is_consequence(item, items)]


def absurdities(tables: Any) -> list[str]:
    """Return one sentence for each thing that nobody writes: huge numbers, tables in tables.

    Python reads whole numbers in any length but refuses to print or convert them, and validating
    very deep tables takes minutes, so they come first.
    """
    found: list[str] = []
    waiting: list[tuple[tuple[Any, ...], Any]] = [((), tables)]
    while waiting:
        place, value = waiting.pop()
        if len(place) > _DEEPEST:
            found.append(f"{dotted(place[:3])}… goes {_DEEPEST} tables deep and on; make it less.")
        elif isinstance(value, dict):
            waiting += [((*place, key), item) for key, item in value.items()]
        elif isinstance(value, list):
            waiting += [((*place, index), item) for index, item in enumerate(value)]
        elif isinstance(value, int) and value.bit_length() > _LONGEST_BITS:
            found.append(f"{dotted(place)} is a number of {value.bit_length()} bits; make it less.")
    return found


def _is_consequence(item: dict[str, Any], items: list[dict[str, Any]]) -> bool:
    """Whether a list only counts as too short because of errors within its entries."""
    place = item["loc"]
    return item["type"] == "too_short" and any(
        len(other["loc"]) > len(place) and other["loc"][: len(place)] == place for other in items
    )


def _sentence(item: dict[str, Any], model: type[BaseModel], prefix: tuple[str, ...]) -> str:
    location, tables = _resolve(item["loc"], model)
    key = dotted((*prefix, *location))
    match item["type"]:
        case "extra_forbidden":
            known = [name for table in tables for name in table.model_fields]
            near = difflib.get_close_matches(str(location[-1]), known, n=1, cutoff=0.0)
            hint = f"; did you mean {dotted((*prefix, *location[:-1], *near))}?" if near else "."
            return f"{key} is not a known key{hint}"
        case "missing":
            fields = [
                t.model_fields[location[-1]] for t in tables if location[-1] in t.model_fields
            ]
            meaning = f" ({fields[0].description})" if fields and fields[0].description else ""
            return f"{key} is missing{meaning}; it has no default."
        case "union_tag_invalid":
            known_tags = item["ctx"]["expected_tags"]
            return f"{key}.kind is {item['ctx']['tag']!r}, but it must be one of {known_tags}."
        case "union_tag_not_found":
            return f"{key}.kind is missing; it says which kind of {location[-1]} to use."
        case "value_error":
            return _marked(str(item["ctx"]["error"]), key)
        case _:
            told = _SUBJECT.sub("must", item["msg"], count=1).split(", unable to", 1)[0]
            return f"{key} {told}, but it is {_short(item['input'])}."


def of_option(error: OptimizerOptionError, table: str) -> str:
    """Return the sentence for an option of an optimizer that its `table` of the config sets."""
    return f"{table}.{error}." if error.option else f"{table}: {error}."


def dotted(location: tuple[Any, ...]) -> str:
    """Return `("threads", 0, "size_deg")` as `threads.0.size_deg`."""
    return ".".join(str(part) for part in location)


def _marked(text: str, table: str) -> str:
    """Put the table's name before the key that a table's own check has marked with @…@."""
    if not _MARKED_KEY.search(text):
        return f"{table}: {text}."
    return _MARKED_KEY.sub(lambda found: f"{table}.{found[1]}", text) + "."


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _resolve(
    raw: tuple[Any, ...], model: type[BaseModel]
) -> tuple[tuple[Any, ...], list[type[BaseModel]]]:
    """Return the place of an error as the file has it, and the tables that its last key is in.

    Pydantic inserts the tag of a tagged union after the field's name, and names of types for plain
    unions; both are left out of the place, and the tag chooses among the tables.
    """
    kept: list[Any] = []
    tables = [model]
    is_free_name = False
    for index, part in enumerate(raw):
        tagged = [table for table in tables if part in _tags(table)]
        if tagged and kept and not is_free_name:
            tables = tagged
            continue
        if str(part).startswith(_TYPE_NAMES):
            continue
        kept.append(part)
        # Whoever wrote the file chose it, and may have chosen what is a tag too.
        is_free_name = any(
            typing.get_origin(table.model_fields[part].annotation) is dict
            for table in tables
            if part in table.model_fields
        )
        if index < len(raw) - 1 and not isinstance(part, int):
            fields = [t.model_fields[part] for t in tables if part in t.model_fields]
            # The free name of a generator leads to the same tables.
            tables = [found for f in fields for found in _models_in(f.annotation)] or tables
    return tuple(kept), tables


def _tags(table: type[BaseModel]) -> tuple[Any, ...]:
    field = table.model_fields.get("kind")
    return typing.get_args(field.annotation) if field else ()


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in typing.get_args(annotation) for found in _models_in(part)]
