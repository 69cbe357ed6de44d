"""A profile of the simulated rig: found, laid under a config, given way, kept, refused."""

from pathlib import Path

import pytest

from controller.cli.config_commands import template
from controller.config.load import apply_overrides, parse_config, validate_config
from controller.config.tables import SessionConfig
from controller.errors import ConfigError
from rig_adapters.sim.profiles import CONDITIONS, known_profiles, read_profile
from rig_adapters.sim.settings import SimRigSettings
from rig_adapters.wire.animal import SimulatedAnimalSettings

TYPICAL = read_profile("typical_rig_day")
NAMED = template().replace("[rig.settings]", '[rig.settings]\nprofile = "typical_rig_day"', 1)
SET = "rig.settings.profile=typical_rig_day"


def rig_of(config: SessionConfig) -> SimRigSettings:
    return SimRigSettings.model_validate(config.rig.settings)


def animal_of(config: SessionConfig) -> SimulatedAnimalSettings:
    assert isinstance(config.behaviour, SimulatedAnimalSettings)
    return config.behaviour


def problem(text: str, *overrides: str) -> str:
    with pytest.raises(ConfigError) as refused:
        parse_config(text, overrides)
    (only,) = refused.value.problems
    return only


@pytest.mark.parametrize("name", known_profiles())
def test_a_profile_that_comes_with_neuroloop_says_where_each_number_is_from(name: str) -> None:
    import rig_adapters.sim.profiles as here

    lines = (Path(here.__file__).parent / f"{name}.toml").read_text("utf-8").splitlines()
    for before, line in zip(["", *lines], lines, strict=False):
        if "=" in line.partition("#")[0] and not line.startswith("kind"):
            assert "#" in line or before.startswith("#"), line


def test_a_profile_named_in_the_file_gives_way_to_the_files_keys() -> None:
    config = parse_config(NAMED, ["rig.settings.losses.gap_s=7.0"])
    rig = rig_of(config)
    assert rig.gain_cv == 0.11
    assert rig.gain_trend_sd_per_min == TYPICAL.rig["gain_trend_sd_per_min"]
    assert rig.losses.gap_s == 7.0
    assert rig.losses.gaps_per_hour == TYPICAL.rig["losses"]["gaps_per_hour"]
    assert animal_of(config).correct_probability == 0.67
    assert animal_of(config).correct_log_odds_sd == TYPICAL.behaviour["correct_log_odds_sd"]


def test_a_profile_that_is_set_replaces_the_files_conditions_and_gives_way_to_what_is_set() -> None:
    config = parse_config(template(), ["rig.settings.gain_cv=0.5", SET, "session.seed=77"])
    rig, usual = rig_of(config), SimRigSettings.model_validate(TYPICAL.rig)
    assert rig.gain_cv == 0.5
    assert rig.day_seed == 77
    for key in CONDITIONS - {"gain_cv"}:
        assert getattr(rig, key) == getattr(usual, key), key
    assert animal_of(config) == SimulatedAnimalSettings.model_validate(TYPICAL.behaviour)


def test_another_profile_that_is_set_leaves_nothing_of_the_first(tmp_path: Path) -> None:
    own = tmp_path / "quiet.toml"
    own.write_text("[rig.settings.losses]\ngaps_per_hour = 3.0\n", encoding="utf-8")
    config = parse_config(NAMED, [f"rig.settings.profile={own}"])
    rig = rig_of(config)
    assert rig.losses.gaps_per_hour == 3.0
    assert rig.losses.disconnects_per_hour == 0.0
    assert rig.background.rate_hz == 0.0
    assert rig.profile == str(own)
    taken_off = rig_of(parse_config(NAMED, ['rig.settings.profile=""']))
    assert taken_off.losses == SimRigSettings().losses
    assert taken_off.profile == ""


def test_an_animal_of_another_kind_stays_and_the_rig_has_its_day() -> None:
    config = parse_config(template(), [SET, "behaviour.kind=always"])
    assert config.behaviour.kind == "always"
    assert rig_of(config).losses.gaps_per_hour > 0


def test_a_config_goes_on_with_what_it_has_when_the_profile_is_gone(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text("[rig.settings.losses]\ngaps_per_hour = 3.0\n", encoding="utf-8")
    config = parse_config(template(), [f"rig.settings.profile={own}"])
    own.unlink()
    tables = config.model_dump(mode="json")
    assert validate_config(tables) == config
    apply_overrides(tables, ["session.name=again"])
    assert rig_of(validate_config(tables)) == rig_of(config)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[rig.settings]\ngain_vc = 1", "wrong at rig.settings.gain_vc"),
        ("[rig.settings.losses]\ngap = 1", "wrong at rig.settings.losses.gap"),
        ("[behaviour]\nkind = 'always'", "wrong at behaviour.kind"),
        ("[behaviour]\nmood = 1\nkind = 'simulated'", "wrong at behaviour.mood"),
        ("[display]\non_frames = 3", "has display, but"),
        ("[rig]\nadapter = 'sim'", "has rig.adapter, but"),
        ("rig = 3", "a value in place of a table"),
        ("[rig]\nsettings = 3", "a value in place of a table"),
        ("[rig.settings]\nday_seed = 3", "has rig.settings.day_seed, but"),
        ("gain_cv 3", "is not valid TOML"),
    ],
)
def test_a_profile_that_is_wrong_is_refused_in_one_sentence(
    tmp_path: Path, text: str, told: str
) -> None:
    own = tmp_path / "own.toml"
    own.write_text(text, encoding="utf-8")
    sentence = problem(template(), f"rig.settings.profile={own}")
    assert sentence.startswith("rig.settings.profile: the profile")
    assert told in sentence


def test_a_profile_that_is_not_there_is_refused_with_those_that_are() -> None:
    assert "typical_rig_day" in problem(template(), "rig.settings.profile=typical_day")
    assert "typical_rig_day" in problem(NAMED.replace('"typical_rig', '"a_typical_rig', 1))


def test_a_profile_is_for_a_session_and_not_for_settings_alone() -> None:
    with pytest.raises(ValueError, match="for the config of a session"):
        SimRigSettings(profile="typical_rig_day")
