"""A profile of the simulated rig, laid under a config: what a session has of it stands in its log.

`rig.settings.profile` names one. Named in the file, it gives way to every key that the file has, in
`[rig.settings]` and in a `[behaviour]` of the same kind; named by `--set`, it takes the place of
the conditions that the file has, and gives way to what else is set. Its file is read once, when the
config is: `profile_sha256` says which it was, and a config that has it is not laid over again.
"""

from collections.abc import Sequence
from typing import Any

from controller.errors import ConfigError
from rig_adapters.sim.profiles import CONDITIONS, Profile, ProfileError, read_profile

KEY = "rig.settings.profile"
ADAPTER = "sim"


def fill_in(tables: dict[str, Any]) -> None:
    """Lay the profile that the file names under it; ConfigError where that cannot be.

    A config whose profile was read before, or that has none, stays as it is.
    """
    settings = _settings(tables)
    if settings is None or not settings.get("profile") or settings.get("profile_sha256"):
        return
    profile = _read(settings["profile"])
    _lay_under(settings, profile.rig)
    settings["profile_sha256"] = profile.sha256
    if profile.behaviour:
        behaviour = tables.setdefault("behaviour", {})
        if isinstance(behaviour, dict):
            kind = behaviour.setdefault("kind", profile.behaviour["kind"])
            if kind == profile.behaviour["kind"]:
                _lay_under(behaviour, profile.behaviour)
    draw_day(tables)


def put_on(tables: dict[str, Any], override: str) -> None:
    """Replace all conditions by those of the profile that `--set` names; "" takes them off.

    Raises ConfigError where it cannot be used.
    """
    name = _value(override)
    rig = tables.setdefault("rig", {})
    settings = rig.setdefault("settings", {}) if isinstance(rig, dict) else None
    if not isinstance(settings, dict):
        raise ConfigError([f"--set {override}: rig.settings is a value, not a table."])
    profile = _read(name) if name else Profile("", {}, {})
    for key in (*CONDITIONS, "day_seed"):
        settings.pop(key, None)
    settings.update(profile.rig)
    settings.update(profile=name, profile_sha256=profile.sha256)
    if profile.behaviour:
        tables["behaviour"] = dict(profile.behaviour)


def draw_day(tables: dict[str, Any]) -> None:
    """Have the day of a profile follow from the session's seed, where the config names none."""
    settings, session = _settings(tables), tables.get("session")
    if settings is not None and settings.get("profile_sha256") and isinstance(session, dict):
        settings.setdefault("day_seed", session.get("seed", 0))


def names_profile(override: str) -> bool:
    """Whether a `--set` names a profile."""
    return override.partition("=")[0].strip() == KEY


def last_named(overrides: Sequence[str]) -> str | None:
    """Return the `--set` whose profile counts; None where none names one."""
    return next(filter(names_profile, reversed(overrides)), None)


def _settings(tables: dict[str, Any]) -> dict[str, Any] | None:
    """Return the settings of a simulated rig; None where there are none, or another rig's."""
    rig = tables.get("rig")
    if not isinstance(rig, dict) or rig.get("adapter") != ADAPTER:
        return None
    settings = rig.get("settings")
    return settings if isinstance(settings, dict) else None


def _read(name: Any) -> Profile:
    if not isinstance(name, str):
        raise ConfigError([f"{KEY} must be the name or the path of a profile, not {name!r}."])
    try:
        return read_profile(name)
    except ProfileError as error:
        raise ConfigError([f"{KEY}: {error}."]) from error


def _lay_under(table: dict[str, Any], below: dict[str, Any]) -> None:
    for key, value in below.items():
        if isinstance(value, dict) and isinstance(table.get(key), dict):
            _lay_under(table[key], value)
        else:
            table.setdefault(key, value)


def _value(override: str) -> str:
    text = override.partition("=")[2].strip()
    quoted = len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'"
    return text[1:-1] if quoted else text
