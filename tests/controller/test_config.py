"""A config is right, or each thing that is wrong with it is said in one sentence that names it."""

import json
import re
from pathlib import Path

import pytest

from controller.cli.config_commands import template
from controller.config.load import config_schema, load_config, parse_config
from controller.config.optimizers import OPTIMIZER_TABLES
from controller.config.tables import SessionConfig
from controller.errors import ConfigError
from controller.optimizers.registry import KINDS
from generators.deepsim.settings import DeepSimSettings
from generators.gaussian_settings import GaussianSettings
from generators.registry import settings_classes
from rig_adapters.registry import adapters
from rig_adapters.testing.acquaintance import acquainted

GENETIC = "threads.0.optimizer.kind=genetic"
FC6 = 'generators.fc6={kind="deepsim_fc6", weights="no/such/file.pt"}'

ADAPTERS = " or ".join(repr(name) for name in sorted(adapters()))

WRONG = {
    "display.on_frame=6": "display.on_frame is not a known key; did you mean display.on_frames?",
    "sesion.seed=1": "sesion is not a known key; did you mean session?",
    "threads.0.optimizer.sigma=3": (
        "threads.0.optimizer.sigma is not a known key; did you mean threads.0.optimizer.sigma0?"
    ),
    "generators.main.code_dims=3": (
        "generators.main.code_dims is not a known key; did you mean generators.main.code_dim?"
    ),
    "rig.settings.gain_vc=0.1": (
        "rig.settings.gain_vc is not a known key; did you mean rig.settings.gain_cv?"
    ),
    'display.mask="soft"': (
        "display.mask_edge is the part of the radius over which display.mask = "
        '"soft" fades: give it with that mask, and with no other.'
    ),
    "display.mask_edge=0.2": (
        "display.mask_edge is the part of the radius over which display.mask = "
        '"soft" fades: give it with that mask, and with no other.'
    ),
    "display.on_frames=0": ("display.on_frames must be greater than or equal to 1, but it is 0."),
    "display.viewing_distance_cm=-57": (
        "display.viewing_distance_cm must be greater than 0, but it is -57."
    ),
    "display.screen_size_px=[1280]": ("display.screen_size_px.1 is missing; it has no default."),
    "threads.0.size_deg=0": "threads.0.size_deg must be greater than 0, but it is 0.",
    "threads.0.position_deg=[28.0, 0.0]": (
        "threads.0.position_deg [28.0, 0.0] with size_deg 4 reaches beyond the screen of 60 cm "
        "at 57 cm."
    ),
    "display.photodiode.size_px=600": (
        "threads.0.position_deg [0.0, 0.0] with size_deg 4 touches the photodiode patch of 600 "
        "pixels in the corner bottom_right: choose another corner, or make one of them smaller."
    ),
    "display.photodiode.size_px=900": ("display.photodiode.size_px 900 is larger than the screen."),
    "threads.0.driver_units=[]": (
        "threads.0.driver_units must have at least 1 item after validation, not 0, but it is []."
    ),
    "threads.0.driver_channels=[3]": (
        "threads.0.driver_units or threads.0.driver_channels must say whose response is "
        "optimized, one of the two."
    ),
    "threads.0.driver_units=[101, 101]": (
        "threads.0.driver_units or threads.0.driver_channels names one of them twice."
    ),
    'generators.embedded={kind="gaussian", code_dims=3}': (
        "generators.embedded.code_dims is not a known key; "
        "did you mean generators.embedded.code_dim?"
    ),
    "threads.0.generator=fc7": (
        "threads.0.generator names 'fc7', but the config has only ['main']."
    ),
    "threads.0.optimizer.kind=cmaes": (
        "threads.0.optimizer.kind is 'cmaes', but it must be one of "
        + ", ".join(f"'{name}'" for name in KINDS)
        + "."
    ),
    "threads.0.optimizer.population_size=1": (
        "threads.0.optimizer.population_size must be greater than or equal to 2, but it is 1."
    ),
    "threads.0.optimizer.initial=codes.npy": (
        "threads.0.optimizer.initial: there is no file codes.npy."
    ),
    FC6: "generators.fc6.weights: there is no file no/such/file.pt.",
    "references.folder=my/pictures": "references.folder: there is no folder my/pictures.",
    "scoring.max_attempts=1": (
        'scoring.max_attempts is 1, but with scoring.without_response = "show_again" it must be 2 '
        'or more: give it, or choose "close_incomplete".'
    ),
    "scoring.without_response=close_incomplete": (
        'scoring.max_attempts is 5, but scoring.without_response = "close_incomplete" shows '
        "nothing again: leave it out or make it 1."
    ),
    "scoring.response_window_s=[0.2, 0.05]": (
        "scoring.response_window_s must be [start, end] with start before end, in seconds from "
        "image onset, but it is [0.2, 0.05]."
    ),
    "scoring.baseline_window_s=[-0.5, 0.0]": (
        "scoring.baseline_window_s [-0.5, 0.0] begins before the trial: display.fixation_frames "
        "gives only 0.100 s before the first image."
    ),
    "session.time=virtual": (
        'session.time is "virtual", so display.kind must be "virtual", but it is "psychopy".'
    ),
    "session.seed=-1": "session.seed must be greater than or equal to 0, but it is -1.",
    "session.name=../escape": (
        "session.name must match pattern '^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$', but it is '../escape'."
    ),
    "rig.endpoint=192.0.2.7:5555": (
        'rig.endpoint must be "local" or "tcp://HOST:PORT", but it is \'192.0.2.7:5555\'.'
    ),
    "rig.endpoint=tcp://127.0.0.1:*": (
        'rig.endpoint must be "local" or "tcp://HOST:PORT", but it is \'tcp://127.0.0.1:*\'.'
    ),
    "rig.adapter=plexon": f"rig.adapter must be {ADAPTERS}, but it is 'plexon'.",
    "behaviour.correct_probability=1.5": (
        "behaviour.correct_probability must be less than or equal to 1, but it is 1.5."
    ),
    "behaviour.kind=nobody": (
        "behaviour.kind is 'nobody', but it must be one of 'always', 'simulated', 'eye_tracker'."
    ),
    "behaviour.acquisition_timeout_s=0": (
        "behaviour.acquisition_timeout_s must be greater than 0, but it is 0."
    ),
    "reward.completed_pulse_s=6.0": (
        "reward.completed_pulse_s must be less than or equal to 5, but it is 6.0."
    ),
    "scoring.broken_trial=drop": (
        "scoring.broken_trial must be 'keep_completed' or 'fail_all', but it is 'drop'."
    ),
    "stopping.max_generations=soon": (
        "stopping.max_generations must be a valid integer, but it is 'soon'."
    ),
    "display.refresh_hz=nan": "display.refresh_hz must be a finite number, but it is nan.",
}

NEEDED = {
    "response_window_s": (
        "scoring.response_window_s is missing (scored window after onset, e.g. [0.05, 0.2]; "
        "as_reported: the rig counts by itself and reports a response for each image); it has no "
        "default."
    ),
    "baseline_window_s": (
        'scoring.baseline_window_s is missing (subtracted window, e.g. [0.0, 0.04], or "none"); '
        "it has no default."
    ),
    "without_response": (
        "scoring.without_response is missing (what becomes of an image without a valid response: "
        "show_again, up to max_attempts tries in its block; close_incomplete, the block ends "
        "without its score); it has no default."
    ),
    "broken_trial": (
        "scoring.broken_trial is missing (when the animal looks away: keep_completed, images whose "
        "windows were over by then keep their response; fail_all, all images of the trial are "
        "shown again); it has no default."
    ),
    "ml_per_s": (
        "reward.ml_per_s is missing (what flows while it is open: measure it); it has no default."
    ),
    "max_attempts": (
        'scoring.max_attempts is missing, but with scoring.without_response = "show_again" it must '
        'be 2 or more: give it, or choose "close_incomplete".'
    ),
    "driver_units": (
        "threads.0.driver_units or threads.0.driver_channels must say whose response is "
        "optimized, one of the two."
    ),
    "viewing_distance_cm": (
        "display.viewing_distance_cm is missing (from the eyes to the screen); it has no default."
    ),
    "max_generations": (
        "stopping.max_generations or max_minutes must say when the session is complete."
    ),
}


def problems(text: str, *overrides: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as raised:
        parse_config(text, overrides)
    return raised.value.problems


def without(key: str) -> str:
    return "\n".join(line for line in template().splitlines() if not line.startswith(f"{key} = "))


def test_the_template_is_valid() -> None:
    config = parse_config(template())

    assert config.threads[0].driver_units == (101,)


@pytest.mark.parametrize("override", WRONG)
def test_a_wrong_config_gets_one_sentence_that_names_the_key(override: str) -> None:
    assert problems(template(), override) == (WRONG[override],)


@pytest.mark.parametrize("key", NEEDED)
def test_what_only_the_scientist_can_choose_has_no_default(key: str) -> None:
    assert problems(without(key)) == (NEEDED[key],)


def test_a_genetic_algorithm_needs_more_codes_than_elites() -> None:
    found = problems(template(), GENETIC, "threads.0.optimizer.n_elites=40")

    assert found == (
        "threads.0.optimizer.n_elites must be smaller than the population of 40, but it is 40.",
    )


def test_several_problems_are_all_told() -> None:
    assert len(problems(template(), "display.on_frames=0", "session.seed=-1")) == 2


def test_text_that_is_not_toml_is_told_with_its_line() -> None:
    (problem,) = problems("[session\nname = 1")

    assert problem.startswith("config is not valid TOML: ")
    assert "line 1" in problem


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="make one with: neuroloop init"):
        load_config(tmp_path / "none.toml")


def test_another_kind_keeps_what_both_know_and_drops_the_rest() -> None:
    config = parse_config(template(), [GENETIC])

    optimizer = config.threads[0].optimizer
    assert (optimizer.kind, optimizer.population_size) == ("genetic", 40)
    assert not hasattr(optimizer, "sigma0")


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("no-equals-sign", "must have the form key.path=value"),
        ("threads.3.size_deg=2", "there is no entry 3"),
        ("session.seed.deeper=1", "seed is a value, not a table"),
        ("threads.nine=1", "there is no entry nine"),
    ],
)
def test_an_override_that_leads_nowhere_says_why(override: str, told: str) -> None:
    (problem,) = problems(template(), override)

    assert told in problem


def test_the_schema_is_that_of_the_tables_and_describes_every_key() -> None:
    schema = json.loads(config_schema())

    assert schema["properties"].keys() == SessionConfig.model_fields.keys()
    described = [
        (name, key)
        for name, table in schema["$defs"].items()
        for key, field in table["properties"].items()
        if "description" not in field and "$ref" not in field
    ]
    assert described == []


def test_the_template_mentions_every_key_but_those_of_kinds_that_it_does_not_use() -> None:
    text = template()
    schema = json.loads(config_schema())
    others = {table.__name__ for name, table in OPTIMIZER_TABLES.items() if name != "cholesky_cma"}
    used = (GaussianSettings, DeepSimSettings)
    others |= {table.__name__ for table in settings_classes() if table not in used}
    tables = [table for name, table in schema["$defs"].items() if name not in others]
    keys = {key for table in tables for key in table["properties"]}

    assert [key for key in keys if not re.search(rf"\b{key}( =|\])", text)] == []


def test_a_rig_adapter_on_another_machine_needs_keys() -> None:
    refused, missing = problems(template(), "rig.endpoint=tcp://rig-pc:5555")
    assert "rig.endpoint tcp://rig-pc:5555 is on another machine, where the simulated" in refused
    assert missing == (
        "rig.keys is missing: the adapter at tcp://rig-pc:5555 is on another machine, so make "
        "keys with neuroloop keys new and name their folder."
    )


def test_keys_that_are_not_safe_are_told_before_anything_starts(tmp_path: Path) -> None:
    _, daemon = acquainted(tmp_path)
    here = "rig.endpoint=tcp://127.0.0.1:5555"
    parse_config(template(), [here])
    parse_config(template(), [here, f"rig.keys={daemon}"])
    (daemon / "daemon.key_secret").chmod(0o644)
    assert problems(template(), here, f"rig.keys={daemon}") == (
        f"rig.keys: {daemon}/daemon.key_secret can be read by others; type: chmod 600 "
        f"'{daemon}/daemon.key_secret'.",
    )
    # Somebody rehearses at a desk with the file of the rig.
    parse_config(template(), ["rig.endpoint=local", f"rig.keys={daemon}"])


DEEP = "[" * 5000 + "]" * 5000
HEX = "0x" + "f" * 5000


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("seed = 2022", f"seed = {DEEP}"),
        ("seed = 2022", "seed = " + "{a=" * 3000 + "1" + "}" * 3000),
        ("seed = 2022", "seed = " + "9" * 5000),
        ("seed = 2022", f"seed = {HEX}"),
        ("seed = 2022", f"seed = -{HEX[:3000]}"),
        ("screen_size_px = [1280, 720]", f"screen_size_px = [{HEX}, 720]"),
        ("sigma0 = 3.0", f"sigma0 = {HEX}"),
        ("gain_cv = 0.11", f"gain_cv = {HEX}"),
        ("gain_cv = 0.11", f"anything = {HEX}"),
        ("refresh_hz = 60.0", "refresh_hz = 1e999"),
    ],
)
def test_a_config_that_is_a_bomb_is_answered_in_a_short_sentence(old: str, new: str) -> None:
    assert old in template()
    with pytest.raises(ConfigError) as refused:
        parse_config(template().replace(old, new))
    assert all(0 < len(problem) < 300 for problem in refused.value.problems)


@pytest.mark.parametrize("depth", [30, 200])
def test_optimizers_within_optimizers_without_end_are_answered_in_a_short_sentence(
    depth: int,
) -> None:
    head, _, rest = template().partition("[threads.optimizer]")
    tables = [f'{".".join(["inner"] * level)}.kind="subspace"' for level in range(1, depth)]
    rest = rest[rest.index("[references]") :]
    text = "\n".join([head, "[threads.optimizer]", 'kind="subspace"', *tables, rest])
    with pytest.raises(ConfigError) as refused:
        parse_config(text)
    assert all(0 < len(problem) < 300 for problem in refused.value.problems)


@pytest.mark.parametrize("value", [DEEP, HEX, "9" * 5000])
def test_an_override_that_is_a_bomb_is_answered_in_a_short_sentence(value: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_config(template(), [f"session.seed={value}"])
    assert all(0 < len(problem) < 300 for problem in refused.value.problems)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("seed = !!python/object/apply:os.system ['touch trap']", "is not valid TOML"),
        ("seed = __import__('os').system('touch trap')", "is not valid TOML"),
        ('seed = "$(touch trap)"', "session.seed must be"),
    ],
)
def test_nothing_in_a_config_is_ever_run(
    text: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=why):
        parse_config(template().replace("seed = 2022", text))
    assert not (tmp_path / "trap").exists()


TTL = 'display.ttl={kind="parallel", device="/dev/parport0", pin=2}'


def test_a_ttl_line_needs_a_frame_to_fall() -> None:
    assert parse_config(template(), [TTL]).display.ttl is not None
    (problem,) = problems(template(), TTL, "display.on_frames=1", "display.off_frames=0")
    assert problem.startswith("display.ttl falls one frame after each onset")
    virtual = ("session.time=virtual", "display.kind=virtual")
    (problem,) = problems(template(), TTL, *virtual)
    assert problem == 'display.ttl marks real flips, of which display.kind = "virtual" has none.'


def test_a_pin_that_no_port_has_is_refused_by_its_key() -> None:
    (problem,) = problems(template(), TTL.replace("pin=2", "pin=10"))
    assert problem.startswith("display.ttl.")
    assert "pin" in problem


TRACKER = (
    'behaviour={kind="eye_tracker", iohub_config="tracker.yaml", window_radius_deg=1.2, '
    "acquisition_timeout_s=4.0, longest_blink_s=0.2}"
)
VALVE = 'reward={kind="serial", device="/dev/ttyUSB0", completed_pulse_s=0.1, ml_per_s=1.5}'
VIRTUAL_TIME = ("session.time=virtual", "display.kind=virtual")


def test_who_watches_the_animal_has_no_default() -> None:
    text = re.sub(r"\[behaviour\].*?(?=\n\[reward\])", "", template(), flags=re.DOTALL)

    (problem,) = problems(text)

    assert problem.startswith("behaviour is missing (who watches the animal's eyes: always (nobo")


def test_a_tracker_needs_its_file_and_real_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert problems(template(), TRACKER) == (
        "behaviour.iohub_config: there is no file tracker.yaml.",
    )
    (tmp_path / "tracker.yaml").write_text("monitor_devices: []\n")
    assert parse_config(template(), [TRACKER]).behaviour.kind == "eye_tracker"
    assert problems(template(), TRACKER, *VIRTUAL_TIME) == (
        'behaviour.kind is "eye_tracker", which is real, so session.time must be "real", but it is '
        '"virtual".',
    )


def test_a_valve_needs_real_time_and_a_port_of_its_own() -> None:
    assert problems(template(), VALVE, *VIRTUAL_TIME) == (
        'reward.kind is "serial", which is real, so session.time must be "real", but it is '
        '"virtual".',
    )
    ttl = 'display.ttl={kind="serial", device="/dev/ttyUSB0", line="rts"}'
    assert problems(template(), VALVE, ttl) == (
        "reward.device and display.ttl are both /dev/ttyUSB0, but each needs a port of its own.",
    )
    other = ttl.replace("USB0", "USB1")
    assert parse_config(template(), [VALVE, other]).reward.kind == "serial"


THREAD = """
[[threads]]
name = "{name}"
generator = "main"
driver_units = [101]
position_deg = [{x_deg}, {y_deg}]
size_deg = {size_deg}
optimizer = {{ kind = "random", population_size = 8 }}
"""


def threads_at(*places: tuple[float, float, float]) -> str:
    """Return the template with a thread more at each place, which is right, up, size."""
    return template() + "".join(
        THREAD.format(name=f"at {place}", x_deg=place[0], y_deg=place[1], size_deg=place[2])
        for place in places
    )


def test_each_of_several_threads_that_leaves_the_screen_is_named() -> None:
    text = threads_at((-4.0, 3.0, 2.0), (0.0, 16.0, 3.0), (5.0, -2.0, 4.0), (-28.0, 0.0, 2.0))

    assert problems(text) == (
        "threads.2.position_deg [0.0, 16.0] with size_deg 3 reaches beyond the screen of 60 cm at "
        "57 cm.",
        "threads.4.position_deg [-28.0, 0.0] with size_deg 2 reaches beyond the screen of 60 cm at "
        "57 cm.",
    )


def test_each_of_several_threads_that_touches_the_patch_is_named() -> None:
    patch = 'display.photodiode={size_px=120, corner="top_left"}'
    text = threads_at((-24.0, 13.0, 4.0), (24.0, 13.0, 4.0), (-22.0, 11.0, 4.0))

    assert problems(text, patch) == tuple(
        f"threads.{index}.position_deg {place} with size_deg 4 touches the photodiode patch of 120 "
        "pixels in the corner top_left: choose another corner, or make one of them smaller."
        for index, place in ((1, [-24.0, 13.0]), (3, [-22.0, 11.0]))
    )


def test_threads_may_share_a_place_or_overlap_since_their_images_take_turns() -> None:
    config = parse_config(threads_at((0.0, 0.0, 4.0), (1.0, 0.5, 4.0), (0.0, 0.0, 2.0)))

    assert len(config.threads) == 4
