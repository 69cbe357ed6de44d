"""A logged config, asked for what may not be in it: older logs leave keys out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sessions.reader import LogReader
from sessions.storage import json_value


class LoggedConfig:
    """The config of a session as its log has it, with every default filled in."""

    def __init__(self, tables: Mapping[str, Any]) -> None:
        self._tables = tables

    def get(self, *keys: str) -> Any:
        """Return what stands there; None where nothing does."""
        found: Any = self._tables
        for key in keys:
            if not isinstance(found, Mapping) or key not in found:
                return None
            found = found[key]
        return found

    def number(self, *keys: str) -> float | None:
        """Return the number that stands there; None where there is none."""
        found = self.get(*keys)
        return float(found) if isinstance(found, int | float) else None

    def text(self, *keys: str) -> str:
        """Return the text that stands there; empty where there is none."""
        found = self.get(*keys)
        return found if isinstance(found, str) else ""


def logged_config(reader: LogReader) -> LoggedConfig:
    """Return the config in a log."""
    found = json_value(reader.start.config_json, "config")
    return LoggedConfig(found if isinstance(found, Mapping) else {})
