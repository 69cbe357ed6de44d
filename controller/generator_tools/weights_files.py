"""Which generator a weights file is for, told by checking all of it as a session would.

Left out: formats, which each family of generators knows (`GeneratorSettings.recognised`).
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from controller.config import problems
from controller.errors import ControllerError
from generators.errors import GeneratorError, WeightsError
from generators.registry import kinds, settings_classes
from generators.settings import Recognised


class UnusableWeights(ControllerError):
    """A weights file is for no generator, or cannot be copied."""


@dataclass(frozen=True)
class Examined:
    """A generator that was built from a file.

    Attributes:
        kind: as a config names it.
        n_parameters: numbers in the file.
        key: the key of the config that names the file.
        code_dim: elements of a code.
        image_size_px: height and width, as text.
        norm_hint: norm of a code of natural contrast.
        sha256: hex digest of the weights, as a session's log has it.
        provenance: a sentence.
        path: the file.
        keys: further keys of the config that the file decides.
        to_choose: those that are the scientist's to choose, and what they mean.

    """

    kind: str
    n_parameters: int
    key: str
    code_dim: int
    image_size_px: str
    norm_hint: float
    sha256: str
    provenance: str
    path: Path
    keys: Mapping[str, str | int]
    to_choose: Mapping[str, str]


def examined(path: Path) -> tuple[Examined, ...]:
    """Build every generator that a file fits, and describe it.

    Raises:
        UnusableWeights: it is there for no generator.
        GeneratorError: it is damaged, or fits no generator of its family.

    """
    if not path.exists():
        raise UnusableWeights(f"there is no weights file {path}; check the path")
    built: list[Examined] = []
    refused: list[Exception] = []
    for seen in _recognised(path):
        try:
            built.append(_built(seen, path))
        except (GeneratorError, UnusableWeights) as error:
            refused.append(error)
    if not built:
        raise refused[0]
    return tuple(built)


def copied(found: Sequence[Examined], folder: Path) -> Path:
    """Copy an examined file into a folder, which is made where it is missing; return its place.

    Raises:
        UnusableWeights: another file of this name is there, or the folder cannot be written.

    """
    source = found[0].path
    target = folder / source.name
    if target.exists():
        raise UnusableWeights(f"{target} is there already; choose another folder")
    unfinished = folder / f".{source.name}.{os.getpid()}.unfinished"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, unfinished)
        else:
            shutil.copyfile(source, unfinished)
        unfinished.replace(target)
    except OSError as error:
        raise UnusableWeights(f"{source} cannot be copied to {folder}: {error}") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.unlink(missing_ok=True)
    return target


def _recognised(path: Path) -> Sequence[Recognised]:
    seen: list[Recognised] = []
    unreadable: list[WeightsError] = []
    for settings in settings_classes():
        try:
            seen += settings.recognised(path)
        except WeightsError as error:
            unreadable.append(error)
    if not seen and unreadable:
        raise unreadable[0]
    if not seen:
        raise UnusableWeights(
            f"{path} can be read, but its parameters have the names of no generator that is known "
            f"here ({', '.join(kinds())}); look there whether it is the right file"
        )
    return seen


def _built(seen: Recognised, path: Path) -> Examined:
    settings = kinds()[seen.kind]
    table = {"kind": seen.kind, seen.key: str(path), **seen.keys}
    try:
        generator = settings.model_validate({**table, **seen.trial}).build()
    except ValidationError as error:
        told = "; ".join(problems.sentences(error, settings)).rstrip(".")
        raise UnusableWeights(f"{path} is of no such network that is known here: {told}") from error
    height, width, _ = generator.image_shape
    fields = settings.model_fields.items()
    return Examined(
        kind=seen.kind,
        n_parameters=seen.n_parameters,
        key=seen.key,
        code_dim=generator.code_dim,
        image_size_px=f"{height} × {width}",
        norm_hint=generator.norm_hint,
        sha256=generator.weights_sha256,
        provenance=generator.provenance,
        path=path,
        keys=seen.keys,
        to_choose={
            key: field.description or ""
            for key, field in fields
            if field.is_required() and key not in table
        },
    )
