"""The optimizers' tables of a config, derived from their entries in the registry.

Keys, defaults, limits and descriptions are those of the options dataclasses; a new optimizer needs
no line here. What all kinds have in common beside their options is written out below.
"""

from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BeforeValidator, Field, WithJsonSchema, create_model, model_validator

from controller.code_files import UnusableFile, read_basis
from controller.config.base import Table
from controller.optimizers.basis import Basis
from controller.optimizers.errors import OptimizerOptionError
from controller.optimizers.options import OptionField, limits_of, members, option_fields
from controller.optimizers.registry import KINDS, OptimizerKind


def _as_list(value: object) -> object:
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list | tuple):
        raise ValueError("it must be a text or a list of texts")
    return value


_ENTRY = {"type": "string"}
Initial = Annotated[
    tuple[str, ...],
    BeforeValidator(_as_list),
    WithJsonSchema({"anyOf": [_ENTRY, {"type": "array", "items": _ENTRY}]}),
]


class OptimizerBase(Table):
    """Keys of every kind, beside its own, which follow."""

    kind: str = Field(description="which optimizer")
    initial: Initial = Field(
        default=("random",),
        min_length=1,
        description="first codes, one entry or a list of them: an .npy or .npz file of codes "
        '(m, code_dim), "picture:FILE" for the code of a picture, "zeros", and "random" or '
        '"normal", N(0, 1) in each gene, for as many as are left of a generation',
    )
    min_norm: float | None = Field(
        default=None, gt=0, description="shorter codes are lengthened to this Euclidean norm"
    )
    max_norm: float | None = Field(
        default=None, gt=0, description="longer codes are shortened to this Euclidean norm"
    )

    @model_validator(mode="before")
    @classmethod
    def _null_is_not_set(cls, table: Any) -> Any:
        # A log holds what was not set as null, also for options that now have a default.
        if not isinstance(table, dict):
            return table
        return {key: value for key, value in table.items() if value is not None}

    @property
    def norm_limits(self) -> tuple[float | None, float | None]:
        """Smallest and largest norm that codes are kept between, where the kind has no own ones."""
        own = {field.name for field in option_fields(KINDS[self.kind].options)}
        lower = None if "min_norm" in own else self.min_norm
        return lower, None if "max_norm" in own else self.max_norm

    def options(self) -> Any:
        """Return the optimizer's own options; OptimizerOptionError where they do not go."""
        wanted: type[Any] = KINDS[self.kind].options
        return wanted(**{f.name: self._value(f) for f in option_fields(wanted)})

    def inside(self) -> dict[str, "OptimizerBase"]:
        """Return the tables of the optimizers inside a wrapper, by their place in this one."""
        key = KINDS[self.kind].inner
        if key == "inner":
            return {key: self.inner}  # type: ignore[attr-defined]  # derived from the registry
        parts = self.parts if key else ()  # type: ignore[attr-defined]  # the same
        return {f"{key}.{place}": part for place, part in enumerate(parts)}

    def _value(self, option: OptionField) -> Any:
        value = getattr(self, option.name)
        if value is None or not _is_basis(option.annotation):
            return value
        try:
            return read_basis(Path(value))
        except UnusableFile as error:
            raise OptimizerOptionError(f"{option.name}: {error}", option.name) from error


def _table(kind: OptimizerKind) -> type[OptimizerBase]:
    """Return the config table of one kind."""
    own = {field.name: _field(field) for field in option_fields(kind.options)}
    own |= _inside(kind)
    cited = f"\n\n{kind.citation}." if kind.citation else ""
    called = "".join(part.capitalize() for part in kind.name.split("_")) + "Table"
    return create_model(  # type: ignore[call-overload,no-any-return]  # fields known at run time
        called,
        __base__=OptimizerBase,
        __module__=__name__,
        __doc__=kind.about + cited,
        kind=(Literal[kind.name], Field(description="this optimizer")),
        **own,
    )


def _inside(kind: OptimizerKind) -> dict[str, tuple[Any, Any]]:
    """Return the fields of a wrapper for the tables inside it."""
    if kind.inner == "inner":
        told = Field(description="the optimizer inside: a table like this one")
        return {"inner": ("OptimizerTable", told)}
    if kind.inner == "parts":
        told = Field(min_length=2, description="the optimizers of the parts: tables like this one")
        return {"parts": (tuple["OptimizerTable", ...], told)}
    return {}


def _is_basis(annotation: Any) -> bool:
    return Basis in members(annotation)


def _field(option: OptionField) -> tuple[Any, Any]:
    default = ... if option.required else option.default
    return _type(option.annotation), Field(default=default, description=option.meaning)


def _type(annotation: Any) -> Any:
    """Return a type with our limits as pydantic has them."""
    kinds = members(annotation)
    if len(kinds) > 1:
        return Union[tuple(kind if kind is NoneType else _type(kind) for kind in kinds)]  # noqa: UP007
    if annotation is Basis:
        return str
    if get_origin(annotation) is tuple:
        inside = (kind if kind is Ellipsis else _type(kind) for kind in get_args(annotation))
        return tuple.__class_getitem__(tuple(inside))
    limits = limits_of(annotation)
    if limits is None:
        return annotation
    known = Field(
        gt=_plain(limits.above),
        ge=_plain(limits.at_least),
        lt=_plain(limits.below),
        le=_plain(limits.at_most),
    )
    return Annotated[get_args(annotation)[0], known]


def _plain(bound: float | None) -> float | None:
    """Return a whole limit as an int, so that a message does not read "0.0"."""
    return int(bound) if bound is not None and float(bound).is_integer() else bound


OPTIMIZER_TABLES = {name: _table(kind) for name, kind in KINDS.items()}
"""The config table of each kind."""

if TYPE_CHECKING:
    OptimizerTable = OptimizerBase
else:
    OptimizerTable = Annotated[
        Union[tuple(OPTIMIZER_TABLES.values())],  # noqa: UP007 - known at run time
        Field(discriminator="kind"),
    ]

for _table_of_kind in OPTIMIZER_TABLES.values():
    # Only now is there a name for what may be inside a wrapper.
    _table_of_kind.model_rebuild(_types_namespace={"OptimizerTable": OptimizerTable})
