"""The optimizers' tables of a config, derived from their entries in the registry.

Keys, defaults, limits and descriptions are those of the options dataclasses; a new optimizer needs
no line here. What all kinds have in common beside their options is written out below.
"""

from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args

from pydantic import Field, create_model, model_validator

from controller.config.base import Table
from controller.optimizers.options import OptionField, limits_of, members, option_fields
from controller.optimizers.registry import KINDS, OptimizerKind


class OptimizerBase(Table):
    """What all optimizers have."""

    kind: str
    initial: str = Field(
        default="random",
        description='first codes: "random", "zeros", or an .npy file of shape (m, code_dim)',
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
        return (None, None) if "max_norm" in own else (self.min_norm, self.max_norm)

    def options(self) -> Any:
        """Return the optimizer's own options; OptimizerOptionError where they do not go."""
        wanted: type[Any] = KINDS[self.kind].options
        return wanted(**{f.name: getattr(self, f.name) for f in option_fields(wanted)})


def _table(kind: OptimizerKind) -> type[OptimizerBase]:
    """Return the config table of one kind."""
    own = {field.name: _field(field) for field in option_fields(kind.options)}
    cited = f"\n\n{kind.citation}." if kind.citation else ""
    called = "".join(part.capitalize() for part in kind.name.split("_")) + "Table"
    return create_model(  # type: ignore[call-overload,no-any-return]  # fields known at run time
        called,
        __base__=OptimizerBase,
        __module__=__name__,
        __doc__=kind.about + cited,
        kind=(Literal[kind.name], Field(description="chooses this optimizer")),
        **own,
    )


def _field(option: OptionField) -> tuple[Any, Any]:
    default = ... if option.required else option.default
    return _type(option.annotation), Field(default=default, description=option.meaning)


def _type(annotation: Any) -> Any:
    """Return a type with our limits as pydantic has them."""
    kinds = members(annotation)
    if len(kinds) > 1:
        return Union[tuple(kind if kind is NoneType else _type(kind) for kind in kinds)]  # noqa: UP007
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
