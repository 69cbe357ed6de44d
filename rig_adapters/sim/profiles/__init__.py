"""Profiles: conditions of a simulated rig, and its animal's, that one name asks for.

A profile is a TOML file with the tables `[rig.settings]` and `[behaviour]` of a session's config,
so that its lines can be copied into one. Those that come with neuroloop lie here and go by their
name. How a profile is laid under a config is `controller.config.profiles`'s.
"""

import tomllib
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from rig_adapters.errors import RigError
from rig_adapters.sim.settings import SimRigSettings
from rig_adapters.validation import first_problem
from rig_adapters.wire.animal import SimulatedAnimalSettings

NOT_CONDITIONS = frozenset(
    (
        "units",
        "clock_offset_s",
        "clock_drift_ppm",
        "sample_rate_hz",
        "day_seed",
        "profile",
        "profile_sha256",
    )
)
CONDITIONS = frozenset(SimRigSettings.model_fields) - NOT_CONDITIONS
"""Keys of `[rig.settings]` that a profile may have."""


class ProfileError(RigError):
    """A profile that cannot be used."""


@dataclass(frozen=True)
class Profile:
    """What a file of conditions says: keys of `[rig.settings]` and of `[behaviour]`."""

    sha256: str
    rig: dict[str, Any]
    behaviour: dict[str, Any]


def known_profiles() -> list[str]:
    """Return the names of the profiles that come with neuroloop."""
    here = files(__name__).iterdir()
    return sorted(entry.name[:-5] for entry in here if entry.name.endswith(".toml"))


def read_profile(name: str) -> Profile:
    """Return the profile that `name` names, or else the file at that path.

    Raises:
        ProfileError: in one sentence, what is wrong with it.

    """
    if name in known_profiles():
        raw = files(__name__).joinpath(f"{name}.toml").read_bytes()
    else:
        raw = _file(name)
    try:
        tables = tomllib.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ProfileError(f"the profile {name} is not valid TOML: {error}") from error
    rig, behaviour = _parts(name, tables)
    return Profile(sha256(raw).hexdigest(), rig, behaviour)


def _file(name: str) -> bytes:
    try:
        return Path(name).expanduser().read_bytes()
    except FileNotFoundError as error:
        raise ProfileError(
            f"there is no profile {name!r}: give the path of a file, or one of "
            f"{', '.join(known_profiles())}"
        ) from error
    except (OSError, ValueError) as error:
        raise ProfileError(f"the profile {name} cannot be read: {error}") from error


def _parts(name: str, tables: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the conditions of the rig and of its animal."""
    rig_table, behaviour = tables.get("rig", {}), tables.get("behaviour", {})
    strangers = sorted(tables.keys() - {"rig", "behaviour"})
    if isinstance(rig_table, dict):
        strangers += [f"rig.{key}" for key in sorted(rig_table.keys() - {"settings"})]
        rig = rig_table.get("settings", {})
    else:
        rig = rig_table
    if not isinstance(rig, dict) or not isinstance(behaviour, dict):
        strangers.append("a value in place of a table")
        rig = {}
    strangers += [f"rig.settings.{key}" for key in sorted(rig.keys() & NOT_CONDITIONS)]
    if strangers:
        raise ProfileError(
            f"the profile {name} has {strangers[0]}, but a profile has conditions in "
            "[rig.settings] and a simulated animal in [behaviour], and nothing else"
        )
    _check(name, "rig.settings", SimRigSettings, rig)
    if behaviour:
        _check(name, "behaviour", SimulatedAnimalSettings, behaviour)
    return rig, behaviour


def _check(name: str, place: str, model: type[BaseModel], table: dict[str, Any]) -> None:
    try:
        model.model_validate(table)
    except ValidationError as error:
        raise ProfileError(
            f"the profile {name} is wrong at {place}.{first_problem(error)}"
        ) from error
