"""A monitor that PsychoPy's Monitor Center knows, in place of numbers in the config.

Read as the file that it is, once, when a config is read: the numbers go into the log, and a session
that is resumed or replayed keeps them. The last calibration by name counts, as in PsychoPy.
"""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from controller.errors import ConfigError

KEYS = {
    "screen_size_px": "sizePix",
    "screen_width_cm": "width",
    "viewing_distance_cm": "distance",
}
"""Keys of `[display]` and where PsychoPy has them."""

NOBODYS = "testMonitor"
"""PsychoPy makes it up on each machine."""

_HOW = {
    "screen_size_px": "set its size in pixels",
    "screen_width_cm": "measure the visible width with a ruler",
    "viewing_distance_cm": "measure from the eyes to the screen",
}


def fill_in(tables: dict[str, Any]) -> None:
    """Put what the monitor that `[display]` names says in place of keys that it leaves out.

    Raises ConfigError where there is no such monitor, it was not calibrated, or the config says
    otherwise.
    """
    display = tables.get("display")
    if not isinstance(display, dict) or not isinstance(display.get("monitor"), str):
        return
    name = display["monitor"]
    if name == "":
        return
    calibration = _last_calibration(name)
    problems = []
    for key, theirs in KEYS.items():
        value = calibration.get(theirs)
        if not _is_measured(key, value):
            problems.append(
                f"display.monitor: {name} was not calibrated in PsychoPy, its {theirs} is "
                f"{value!r}: {_HOW[key]} and enter it there, or leave display.monitor out and "
                f"give display.{key}."
            )
        elif key in display and list(_flat(display[key])) != list(_flat(value)):
            problems.append(
                f"display.{key} is {display[key]}, but PsychoPy's monitor {name} says {value}: "
                "leave one of them out, or correct it."
            )
        else:
            display[key] = value
    if problems:
        raise ConfigError(problems)


def monitors_folder() -> Path:
    """Return where PsychoPy keeps its monitors."""
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA", "")) / "psychopy3" / "monitors"
    return Path(os.environ.get("HOME", "")) / ".psychopy3" / "monitors"


def _file(name: str) -> Path:
    return monitors_folder() / f"{name}.json"


def _last_calibration(name: str) -> Mapping[str, Any]:
    if name == NOBODYS:
        raise ConfigError(
            [
                f"display.monitor: {NOBODYS} comes with PsychoPy and was measured by nobody: make "
                "a monitor of your own in its Monitor Center, or give the numbers here."
            ]
        )
    path = _file(name)
    try:
        calibrations = json.loads(path.read_text(encoding="utf-8"))
        last = calibrations[max(calibrations)]
    except FileNotFoundError as error:
        raise ConfigError(
            [
                f"display.monitor: PsychoPy knows no monitor {name} (there is no {path}): make it "
                "in its Monitor Center, or give the numbers here."
            ]
        ) from error
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise ConfigError([f"display.monitor: {path} cannot be read: {error}."]) from error
    return last if isinstance(last, dict) else {}


def _is_measured(key: str, value: Any) -> bool:
    numbers = list(_flat(value))
    wanted = 2 if key == "screen_size_px" else 1
    return len(numbers) == wanted and all(
        isinstance(n, int | float) and not isinstance(n, bool) and n > 0 for n in numbers
    )


def _flat(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,)
