"""A monitor that is named in the config instead of measured: found, refused, and kept."""

import json
from pathlib import Path
from typing import Any

import pytest

from controller.cli.config_commands import template
from controller.config.load import parse_config, validate_config
from controller.config.tables import SessionConfig
from controller.errors import ConfigError

GOOD = {"sizePix": [1920, 1080], "width": 53.0, "distance": 60.0, "gamma": 2.2}
NUMBERS = ("screen_size_px", "screen_width_cm", "viewing_distance_cm")
WITHOUT_NUMBERS = "\n".join(
    line for line in template().splitlines() if not line.startswith(NUMBERS)
)


@pytest.fixture
def monitors(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / ".psychopy3" / "monitors"
    folder.mkdir(parents=True)
    return folder


def write(folder: Path, **calibrations: dict[str, Any]) -> None:
    (folder / "rig 1.json").write_text(json.dumps(calibrations), encoding="utf-8")


def named(text: str = WITHOUT_NUMBERS, *overrides: str, name: str = "rig 1") -> SessionConfig:
    return parse_config(text, [f"display.monitor={name}", *overrides])


def problem(text: str = WITHOUT_NUMBERS, *overrides: str, name: str = "rig 1") -> str:
    with pytest.raises(ConfigError) as refused:
        named(text, *overrides, name=name)
    (only,) = refused.value.problems
    return only


def test_a_calibrated_monitor_gives_its_numbers(monitors: Path) -> None:
    write(monitors, older={**GOOD, "width": 40.0}, recent=GOOD)

    display = named().display

    assert display.screen_size_px == (1920, 1080)
    assert (display.screen_width_cm, display.viewing_distance_cm) == (53.0, 60.0)


@pytest.mark.parametrize(("key", "value"), [("width", None), ("distance", 0), ("sizePix", [1920])])
def test_a_monitor_that_was_not_calibrated_is_refused(
    monitors: Path, key: str, value: object
) -> None:
    write(monitors, only={**GOOD, key: value})

    told = problem()

    assert told.startswith(f"display.monitor: rig 1 was not calibrated in PsychoPy, its {key} is")
    assert "or leave display.monitor out" in told


def test_a_config_that_says_otherwise_than_its_monitor_is_refused(monitors: Path) -> None:
    write(monitors, only=GOOD)

    assert problem(WITHOUT_NUMBERS, "display.screen_width_cm=54.0").startswith(
        "display.screen_width_cm is 54.0, but PsychoPy's monitor rig 1 says 53.0"
    )
    assert named(WITHOUT_NUMBERS, "display.screen_width_cm=53").display.screen_width_cm == 53.0


@pytest.mark.usefixtures("monitors")
def test_a_monitor_that_nobody_made_or_measured_is_refused() -> None:
    assert "PsychoPy knows no monitor rig 2" in problem(name="rig 2")
    assert "was measured by nobody" in problem(name="testMonitor")


def test_a_file_that_is_no_monitor_is_refused(monitors: Path) -> None:
    (monitors / "rig 1.json").write_text("[]", encoding="utf-8")

    assert "cannot be read" in problem()


def test_what_was_logged_needs_no_monitor_any_more(monitors: Path) -> None:
    write(monitors, only=GOOD)
    config = named()
    (monitors / "rig 1.json").unlink()

    assert validate_config(config.model_dump(mode="json")) == config


def test_without_a_monitor_the_numbers_have_no_default() -> None:
    with pytest.raises(ConfigError) as refused:
        parse_config(WITHOUT_NUMBERS)
    assert len(refused.value.problems) == len(NUMBERS)
