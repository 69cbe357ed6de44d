"""Reading a plan's TOML file, and saying what is wrong with it."""

import tomllib
from pathlib import Path

from pydantic import ValidationError

from controller.bench.plans.tables import Plan
from controller.config import problems
from controller.errors import ConfigError


def load_plan(path: Path) -> tuple[Plan, str]:
    """Return the plan that a file describes, and its text.

    Raises:
        ConfigError: one sentence for each thing that is wrong.

    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigError([f"there is no plan {path}."]) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path} cannot be read: {error}."]) from error
    return parse_plan(text, source=str(path)), text


def parse_plan(text: str, source: str = "plan") -> Plan:
    """Return the plan that the TOML `text` describes; raises ConfigError as `load_plan` does."""
    try:
        tables = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError([f"{source} is not valid TOML: {error}."]) from error
    found = problems.absurdities(tables)
    if found:
        raise ConfigError(found)
    try:
        return Plan.model_validate(tables)
    except ValidationError as error:
        raise ConfigError(problems.sentences(error, Plan)) from error
