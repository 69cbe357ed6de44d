"""The config that a logged session ran with, and the one for running it again in virtual time."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from controller.config.load import apply_overrides, validate_config
from controller.config.tables import SessionConfig
from rig_adapters.units import UNITS_PER_CHANNEL
from sessions.reader import LogReader
from sessions.storage import json_value

MOST_LETTERS = 64
"""Of the name of a session."""


def logged_tables(reader: LogReader) -> dict[str, Any]:
    """Return the tables of the config that the session ran with."""
    tables: dict[str, Any] = json_value(reader.start.config_json, "config")
    # Logs from before the policy had a name of its own tell it by the number of attempts.
    again = (tables["scoring"].get("max_attempts") or 1) > 1
    policy = "show_again" if again else "close_incomplete"
    tables["scoring"].setdefault("without_response", policy)
    return tables


def logged_config(reader: LogReader) -> SessionConfig:
    """Return the config that the session ran with."""
    return validate_config(logged_tables(reader))


def virtual_config(
    reader: LogReader,
    overrides: Sequence[str],
    purpose: str,
    folder: str | None = None,
) -> SessionConfig:
    """Return the session's config for a run in virtual time.

    What cannot be had in virtual time (a recording system, an eye, a valve) is simulated, and
    `overrides` laid over that. `purpose` is a short word that the new session's name ends in.
    """
    tables = logged_tables(reader)
    tables["session"]["time"] = "virtual"
    tables["display"].update(kind="virtual", ttl=None)
    tables["rig"].update(endpoint="local", keys=None, light=None)
    _simulate(tables, reader)
    rename(tables, purpose, folder)
    apply_overrides(tables, overrides)
    return validate_config(tables)


def rename(tables: dict[str, Any], purpose: str, folder: str | None) -> None:
    """Give the config of a new session a name that tells it from the logged one."""
    name = tables["session"]["name"]
    tables["session"]["name"] = f"{name[: MOST_LETTERS - 1 - len(purpose)]}-{purpose}"
    if folder is not None:
        tables["session"]["folder"] = folder


def _simulate(tables: dict[str, Any], reader: LogReader) -> None:
    if tables["behaviour"]["kind"] == "eye_tracker":
        tables["behaviour"] = {
            "kind": "simulated",
            "correct_probability": completed_share(reader),
            "acquisition_timeout_s": tables["behaviour"]["acquisition_timeout_s"],
        }
    if tables["reward"]["kind"] not in ("none", "simulated"):
        pulses = ("completed_pulse_s", "acquired_pulse_s", "ml_per_s")
        told = {name: tables["reward"][name] for name in pulses}
        tables["reward"] = {"kind": "simulated", **told}
    if tables["rig"]["adapter"] != "sim":
        tables["rig"]["adapter"] = "sim"
        tables["rig"]["settings"] = {"units": _simulated_units(reader)}


def completed_share(reader: LogReader) -> float:
    """Return which share of the trials that began were completed; 1 where none is known."""
    trials = reader.trials
    begun = np.isfinite(trials.acquired_host_s)
    return float(trials.completed[begun].mean()) if begun.any() else 1.0


def _simulated_units(reader: LogReader) -> list[dict[str, Any]]:
    """Return a shape-selective unit for each recorded one, which looks where its thread shows."""
    looks_at = {unit_id: thread for thread in reader.threads for unit_id in thread.driver_unit_ids}
    first = reader.threads[0]
    return [
        {
            "kind": "shape",
            "channel": unit.unit_id // UNITS_PER_CHANNEL,
            "unit": unit.unit_id % UNITS_PER_CHANNEL,
            "seed": unit.unit_id,
            "rf_center_deg": list(looks_at.get(unit.unit_id, first).position_deg),
            "rf_size_deg": looks_at.get(unit.unit_id, first).size_deg,
        }
        for unit in reader.units
    ]
