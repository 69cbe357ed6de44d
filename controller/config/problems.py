"""From a failed validation to one sentence for each problem, naming the key as the file has it.

Unknown keys are answered with the nearest known one. Finding the problems is pydantic's work and
that of `controller.config.checks`.
"""

import difflib
import re
import typing
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

_MARKED_KEY = re.compile(r"@(\w+)@")


def sentences(
    error: ValidationError, model: type[BaseModel], prefix: tuple[str, ...] = ()
) -> list[str]:
    """Return one sentence for each error of validating `model`, which stands at `prefix`."""
    return [_sentence(dict(item), model, prefix) for item in error.errors(include_url=False)]


def _sentence(item: dict[str, Any], model: type[BaseModel], prefix: tuple[str, ...]) -> str:
    location = _without_union_tags(item["loc"], model)
    key = dotted((*prefix, *location))
    match item["type"]:
        case "extra_forbidden":
            near = _nearest_key(location, model)
            hint = f"; did you mean {dotted((*prefix, *location[:-1], near))}?" if near else ""
            return f"{key} is not a known key{hint}" + ("" if near else ".")
        case "missing":
            field = _field_at(location, model)
            meaning = f" ({field.description})" if field and field.description else ""
            return f"{key} is missing{meaning}; it has no default."
        case "union_tag_invalid":
            known = item["ctx"]["expected_tags"]
            return f"{key}.kind is {item['ctx']['tag']!r}, but it must be one of {known}."
        case "union_tag_not_found":
            return f"{key}.kind is missing; it says which kind of {location[-1]} to use."
        case "value_error":
            return _marked(str(item["ctx"]["error"]), key)
        case _:
            told = item["msg"].replace("Input should", "must", 1)
            return f"{key} {told}, but it is {_short(item['input'])}."


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


def _nearest_key(location: tuple[Any, ...], model: type[BaseModel]) -> str | None:
    table = _model_at(location[:-1], model)
    known = list(table.model_fields) if table else []
    near = difflib.get_close_matches(str(location[-1]), known, n=1, cutoff=0.0)
    return near[0] if near else None


def _without_union_tags(location: tuple[Any, ...], model: type[BaseModel]) -> tuple[Any, ...]:
    """Drop what pydantic inserts for tagged unions: the tag that stands after the field's name."""
    kept: list[Any] = []
    skip_next = False
    for part in location:
        tagged = skip_next and isinstance(part, str) and part in _tags(tuple(kept), model)
        skip_next = True
        if not tagged and not str(part).startswith(("tuple[", "literal[", "constrained-")):
            kept.append(part)
    return tuple(kept)


def _tags(location: tuple[Any, ...], model: type[BaseModel]) -> set[str]:
    return {_tag(member) for member in _models_at(location, model) if "kind" in member.model_fields}


def _tag(model: type[BaseModel]) -> str:
    return str(typing.get_args(model.model_fields["kind"].annotation)[0])


def _field_at(location: tuple[Any, ...], model: type[BaseModel]) -> FieldInfo | None:
    table = _model_at(location[:-1], model)
    return table.model_fields.get(str(location[-1])) if table else None


def _model_at(location: tuple[Any, ...], model: type[BaseModel]) -> type[BaseModel] | None:
    models = _models_at(location, model)
    return max(models, key=lambda table: len(table.model_fields)) if models else None


def _models_at(location: tuple[Any, ...], model: type[BaseModel]) -> list[type[BaseModel]]:
    models = [model]
    for part in location:
        found: list[type[BaseModel]] = []
        for table in models:
            field = table.model_fields.get(str(part))
            found += _models_in(field.annotation) if field else []
        # A list index or a free name (of a generator) stays at the same tables.
        models = found or models if not isinstance(part, int) else models
    return models


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in typing.get_args(annotation) for found in _models_in(part)]
