"""Reading a session's TOML file, with `--set` overrides, and saying what is wrong with it.

Nothing is started here, and nothing outside the files that the config names is looked at.
"""

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from controller.config import checks, monitors, problems, profiles
from controller.config.optimizers import OptimizerTable
from controller.config.tables import GeneratorTable, SessionConfig
from controller.errors import ConfigError
from generators import registry
from rig_adapters.wire.animal import BehaviourSettings, RewardSettings


def load_config(path: Path, overrides: Sequence[str] = ()) -> SessionConfig:
    """Return the session that `path` describes; ConfigError with one sentence for each problem.

    `overrides` are `key.path=value` strings; a value is TOML, or taken as text where it is not.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        told = f"there is no file {path}; make one with: neuroloop init {path}"
        raise ConfigError([told]) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path} cannot be read: {error}."]) from error
    return parse_config(text, overrides, source=str(path))


def parse_config(text: str, overrides: Sequence[str] = (), source: str = "config") -> SessionConfig:
    """Return the session that the TOML `text` describes, overridden by `overrides`."""
    try:
        tables = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        # Also of numbers with thousands of digits, and of tables in tables a thousand deep.
        raise ConfigError([f"{source} is not valid TOML: {error}."]) from error
    apply_overrides(tables, overrides)
    monitors.fill_in(tables)
    profiles.fill_in(tables)
    return validate_config(tables)


def apply_overrides(tables: dict[str, Any], overrides: Sequence[str]) -> None:
    """Change `tables` as the `key.path=value` strings say; a profile among them comes first."""
    named = profiles.last_named(overrides)
    if named is not None:
        profiles.put_on(tables, named)
    for override in overrides:
        if not profiles.names_profile(override):
            _override(tables, override)
    profiles.draw_day(tables)


def validate_config(tables: dict[str, Any]) -> SessionConfig:
    """Return the validated session; ConfigError with one sentence for each problem."""
    found = problems.absurdities(tables)
    if found:
        raise ConfigError(found)
    try:
        config = SessionConfig.model_validate(tables)
    except ValidationError as error:
        told = problems.sentences(error, SessionConfig)
        # What a config calls by its name may be missing since its package is at fault.
        raise ConfigError([*told, *(f"{fault}." for fault in registry.faults())]) from error
    found = checks.problems_of(config)
    if found:
        raise ConfigError(found)
    return config


def config_schema() -> str:
    """Return the JSON schema of the config file, for editors and other programs."""
    return json.dumps(SessionConfig.model_json_schema(), indent=2) + "\n"


def _override(tables: dict[str, Any], override: str) -> None:
    key, separator, value_text = override.partition("=")
    if not separator or not key.strip():
        raise ConfigError([f"--set {override} must have the form key.path=value."])
    parts = key.strip().split(".")
    table = _table_at(tables, parts[:-1], override)
    value = _toml_value(value_text.strip())
    if parts[-1] == "kind" and isinstance(table, dict) and _union_at(parts[:-1]) is not None:
        _change_kind(table, _union_at(parts[:-1]), value)
    elif isinstance(table, dict):
        table[parts[-1]] = value
    else:
        _set_row(table, parts[-1], value, override)


def _table_at(tables: dict[str, Any], parts: list[str], override: str) -> Any:
    table: Any = tables
    for part in parts:
        if isinstance(table, list):
            if not part.isdigit() or int(part) >= len(table):
                raise ConfigError([f"--set {override}: there is no entry {part}."])
            table = table[int(part)]
        else:
            table = table.setdefault(part, {})
        if not isinstance(table, dict | list):
            raise ConfigError([f"--set {override}: {part} is a value, not a table."])
    return table


def _set_row(rows: list[Any], part: str, value: Any, override: str) -> None:
    if not part.isdigit() or int(part) >= len(rows):
        raise ConfigError([f"--set {override}: there is no entry {part}."])
    rows[int(part)] = value


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text


def _union_at(parts: list[str]) -> Any:
    """Return the kinds of table that may stand at a key; None where there is only one."""
    if parts[:1] == ["threads"] and parts[2:3] == ["optimizer"]:
        return OptimizerTable
    if parts in (["behaviour"], ["reward"]):
        return BehaviourSettings if parts == ["behaviour"] else RewardSettings
    return GeneratorTable if len(parts) == 2 and parts[0] == "generators" else None


def _change_kind(table: dict[str, Any], union: Any, kind: Any) -> None:
    """Set another kind and keep only the settings that it knows too."""
    known = _keys_of_kind(union, kind)
    for key in [key for key in table if known is not None and key not in known]:
        del table[key]
    table["kind"] = kind


def _keys_of_kind(union: Any, kind: Any) -> set[str] | None:
    schema = TypeAdapter(union).json_schema()
    mapping = schema["discriminator"]["mapping"]
    if not isinstance(kind, str) or kind not in mapping:
        return None
    return set(schema["$defs"][mapping[kind].rsplit("/", 1)[-1]]["properties"])
