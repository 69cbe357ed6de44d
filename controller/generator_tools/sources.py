"""A generator as the command line names it: from a session's file, or by its kind and keys.

    session.toml                                     the only generator that the file describes
    session.toml#fc6                                 the one in its table [generators.fc6]
    gaussian                                         a kind, with its defaults
    gaussian_fitted:weights=faces.npz,code_dim=40    a kind, and keys of its table

Left out: building it, which reads its weights.
"""

import tomllib
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from controller.config import problems
from controller.config.load import load_config
from controller.errors import ConfigError
from generators.registry import faults, kinds
from generators.settings import GeneratorSettings

HELP = "A session's TOML file (FILE, or FILE#NAME), or KIND, or KIND:KEY=VALUE,KEY=VALUE."
"""What an argument says that is read here."""


def settings_of(source: str) -> GeneratorSettings:
    """Return the settings of the generator that `source` names.

    Raises:
        ConfigError: there is no such file, table or kind, or a key is wrong; a sentence for each.

    """
    file, _, name = source.partition("#")
    if file.endswith(".toml"):
        return _from_config(Path(file), name)
    kind, _, keys = source.partition(":")
    return _from_keys(kind, keys)


def _from_config(path: Path, name: str) -> GeneratorSettings:
    tables = load_config(path).generators
    if name and name not in tables:
        raise ConfigError([f"{path} has no table [generators.{name}]; it has {_listed(tables)}."])
    if not name and len(tables) > 1:
        first = next(iter(tables))
        raise ConfigError(
            [f"{path} describes {_listed(tables)}; say which, for example {path}#{first}."]
        )
    return tables[name or next(iter(tables))]


def _from_keys(kind: str, keys: str) -> GeneratorSettings:
    known = kinds()
    if kind not in known:
        told = f"there is no generator {kind!r}; there are {_listed(known)}."
        # It may be missing since its package is at fault.
        raise ConfigError([told, *(f"{fault}." for fault in faults())])
    table: dict[str, object] = {"kind": kind}
    for entry in keys.split(",") if keys else ():
        key, separator, value = entry.partition("=")
        if not separator or not key.strip():
            raise ConfigError([f"{entry!r} must have the form KEY=VALUE."])
        table[key.strip()] = _value(value.strip())
    found = problems.absurdities(table)
    if found:
        raise ConfigError(found)
    try:
        return known[kind].model_validate(table)
    except ValidationError as error:
        raise ConfigError(problems.sentences(error, known[kind], (kind,))) from error


def _value(text: str) -> object:
    """Return TOML, or the text itself where it is none: a path needs no quotes."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
