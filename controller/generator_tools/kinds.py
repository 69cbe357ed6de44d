"""The kinds of generator in a few words each, without reading any weights."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from generators.registry import OWN, kinds
from generators.settings import GeneratorSettings


@dataclass(frozen=True)
class Kind:
    """What can be said of a kind before it is built.

    Attributes:
        kind: as a config names it.
        code_dim: elements of a code by default; None where only the weights tell.
        image_size_px: height and width by default; None likewise.
        needs: keys that have no default, and what each of them is.
        about: a sentence.
        package: which Python package it comes with.

    """

    kind: str
    code_dim: int | None
    image_size_px: int | None
    needs: Mapping[str, str]
    about: str
    package: str


def described_kinds() -> tuple[Kind, ...]:
    """Describe every kind that a config can name, ours first."""
    return tuple(_described(kind, settings) for kind, settings in kinds().items())


def _described(kind: str, settings: type[GeneratorSettings]) -> Kind:
    fields = settings.model_fields
    needs = {
        key: field.description or ""
        for key, field in fields.items()
        if field.is_required() and key != "kind"
    }
    # Not validated: what is needed is not there, and nothing is read.
    given: dict[str, Any] = dict.fromkeys(needs, "")
    unbuilt = settings.model_construct(None, kind=kind, **given)
    about = inspect.cleandoc(settings.__doc__ or "").split("\n\n")[0].replace("\n", " ")
    return Kind(
        kind,
        _if_known(unbuilt.known_code_dim()),
        _if_known(unbuilt.known_image_size_px()),
        needs,
        about,
        "neuroloop" if settings in OWN else settings.__module__.partition(".")[0],
    )


def _if_known(number: object) -> int | None:
    """Return a number; None where it is what a missing key was filled with."""
    return number if isinstance(number, int) else None
