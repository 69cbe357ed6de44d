"""What can only be seen when the tables of a config are looked at together.

Each check returns sentences that name a key; an empty list means that nothing is wrong. Files that
the config names are looked for, but not read, other than the few lines of keys and the directions
of a subspace; what only running can tell is pre-flight's business.
"""

from collections.abc import Callable
from pathlib import Path

from controller import initial_codes
from controller.config import problems
from controller.config.optimizers import OptimizerTable
from controller.config.tables import (
    SerialTtlTable,
    SessionConfig,
    ThreadTable,
)
from controller.optimizers.errors import OptimizerOptionError
from controller.optimizers.wrappers.norm_limits import refuse_crossed_norms
from rig_adapters import endpoints
from rig_adapters.keys import KeysRefused, connecting_keys
from rig_adapters.registry import adapters, settings_problems
from rig_adapters.stimulus.geometry import off_screen
from rig_adapters.stimulus.photodiode import touches_patch
from rig_adapters.wire.animal import EyeTrackerSettings
from rig_adapters.wire.messages import (
    ParallelTtl,
    PhotodiodePatch,
    ScreenGeometry,
    SerialTtl,
)


def problems_of(config: SessionConfig) -> list[str]:
    """Return one sentence for each thing in `config` that does not go together."""
    return [problem for check in _CHECKS for problem in check(config)]


def code_dim(config: SessionConfig, thread: ThreadTable) -> int | None:
    """Return the number of code dimensions of a thread's generator; None if only weights tell."""
    return config.generators[thread.generator].known_code_dim()


def in_one_process(config: SessionConfig) -> bool:
    """Whether display and rig are threads of the daemon: where nothing about them is real."""
    simulated = config.rig.adapter == "sim" and config.rig.endpoint == "local"
    virtual = config.session.time == "virtual" and config.display.kind == "virtual"
    return virtual and simulated and config.session.processes == "automatic"


def geometry_of(config: SessionConfig) -> ScreenGeometry:
    """Return the monitor as the stimulus process is told of it."""
    display = config.display
    return ScreenGeometry(
        size_px=display.screen_size_px,
        width_cm=display.screen_width_cm,
        distance_cm=display.viewing_distance_cm,
        refresh_hz=display.refresh_hz,
    )


def patch_of(config: SessionConfig) -> PhotodiodePatch | None:
    """Return the photodiode patch as the stimulus process is told of it; None where none is."""
    table = config.display.photodiode
    if table is None:
        return None
    return PhotodiodePatch(size_px=table.size_px, corner=table.corner)


def ttl_of(config: SessionConfig) -> SerialTtl | ParallelTtl | None:
    """Return the TTL line as the stimulus process is told of it; None where none is."""
    table = config.display.ttl
    if table is None:
        return None
    if isinstance(table, SerialTtlTable):
        return SerialTtl(kind="serial", device=table.device, line=table.line)
    return ParallelTtl(kind="parallel", device=table.device, pin=table.pin)


def _time_fits_display(config: SessionConfig) -> list[str]:
    time, kind = config.session.time, config.display.kind
    if time == "virtual" and kind != "virtual":
        return [
            f'session.time is "virtual", so display.kind must be "virtual", but it is "{kind}".'
        ]
    if time == "real" and kind == "virtual":
        return [
            'display.kind is "virtual", which keeps virtual time only, so session.time must be '
            '"virtual", but it is "real".'
        ]
    return []


def _folders_are_for_folders(config: SessionConfig) -> list[str]:
    """Find what does not go with a rig of another program, which shows and counts by itself."""
    adapter = adapters().get(config.rig.adapter)
    if adapter is None:
        return []
    kind, window = config.display.kind, config.scoring.response_window_s
    if not adapter.through_folders:
        name, found = config.rig.adapter, []
        if kind == "folder":
            found.append(
                f'display.kind is "folder", but rig.adapter {name} needs a screen of ours.'
            )
        if window == "as_reported":
            found.append(
                'scoring.response_window_s is "as_reported", but rig.adapter '
                f"{name} delivers spikes: give [start, end]."
            )
        return found
    name = config.rig.adapter
    wanted = (
        ("display.kind", kind, "folder"),
        ("session.time", config.session.time, "real"),
        ("rig.endpoint", config.rig.endpoint, "local"),
        ("scoring.response_window_s", window, "as_reported"),
        ("scoring.baseline_window_s", config.scoring.baseline_window_s, "none"),
        ("behaviour.kind", config.behaviour.kind, "always"),
        ("reward.kind", config.reward.kind, "none"),
    )
    found = [
        f'with rig.adapter = "{name}" another program shows and counts, so {key} must be "{due}", '
        f"but it is {list(given) if isinstance(given, tuple) else repr(given)}."
        for key, given, due in wanted
        if given != due
    ]
    found += [
        f'display.{key} is ours to show, and with rig.adapter = "{name}" another program shows: '
        "leave it out."
        for key in ("photodiode", "ttl")
        if getattr(config.display, key) is not None
    ]
    places = {(thread.position_deg, thread.size_deg) for thread in config.threads}
    if len(places) > 1:
        found.append(
            "threads have several places or sizes, but the program at the folders shows all images "
            "at one: give all threads the same position_deg and size_deg."
        )
    return found


def _animal_lives_in_the_sessions_time(config: SessionConfig) -> list[str]:
    found = []
    if config.session.time == "virtual":
        found = [
            f'{key}.kind is "{kind}", which is real, so session.time must be "real", but it is '
            '"virtual".'
            for key, kind in (("behaviour", config.behaviour.kind), ("reward", config.reward.kind))
            if kind in ("eye_tracker", "serial", "parallel")
        ]
    behaviour = config.behaviour
    if isinstance(behaviour, EyeTrackerSettings) and not Path(behaviour.iohub_config).is_file():
        found.append(f"behaviour.iohub_config: there is no file {behaviour.iohub_config}.")
    return found


def _reward_has_a_line_of_its_own(config: SessionConfig) -> list[str]:
    ttl, device = ttl_of(config), getattr(config.reward, "device", None)
    if ttl is None or device != ttl.device:
        return []
    return [f"reward.device and display.ttl are both {device}, but each needs a port of its own."]


def _generators_are_known(config: SessionConfig) -> list[str]:
    return [
        f"threads.{index}.generator names {thread.generator!r}, but the config has only "
        f"{sorted(config.generators)}."
        for index, thread in enumerate(config.threads)
        if thread.generator not in config.generators
    ]


def _weights_exist(config: SessionConfig) -> list[str]:
    return [
        f"generators.{name}.{key}: there is no file {path}."
        for name, table in config.generators.items()
        for key, path in table.files.items()
        if not Path(path).exists()
    ]


def _images_are_on_the_screen(config: SessionConfig) -> list[str]:
    geometry = geometry_of(config)
    return [
        f"threads.{index}.position_deg {list(thread.position_deg)} with size_deg "
        f"{thread.size_deg:g} reaches beyond the screen of {geometry.width_cm:g} cm at "
        f"{geometry.distance_cm:g} cm."
        for index, thread in enumerate(config.threads)
        if off_screen(geometry, *thread.position_deg, thread.size_deg)
    ]


def _images_are_clear_of_the_patch(config: SessionConfig) -> list[str]:
    geometry, patch = geometry_of(config), patch_of(config)
    if patch is None:
        return []
    if patch.size_px > min(geometry.size_px):
        return [f"display.photodiode.size_px {patch.size_px} is larger than the screen."]
    return [
        f"threads.{index}.position_deg {list(thread.position_deg)} with size_deg "
        f"{thread.size_deg:g} touches the photodiode patch of {patch.size_px} pixels in the "
        f"corner {patch.corner}: choose another corner, or make one of them smaller."
        for index, thread in enumerate(config.threads)
        if not off_screen(geometry, *thread.position_deg, thread.size_deg)
        and touches_patch(geometry, patch, *thread.position_deg, thread.size_deg)
    ]


def _ttl_has_time_to_fall(config: SessionConfig) -> list[str]:
    display = config.display
    if display.ttl is None:
        return []
    if display.kind == "virtual":
        return ['display.ttl marks real flips, of which display.kind = "virtual" has none.']
    if display.on_frames + display.off_frames < 2:
        return [
            "display.ttl falls one frame after each onset, so display.on_frames and off_frames "
            "must be 2 or more together."
        ]
    return []


def _rig_settings_are_valid(config: SessionConfig) -> list[str]:
    adapter = adapters().get(config.rig.adapter)
    if adapter is None:
        known = " or ".join(repr(name) for name in sorted(adapters()))
        return [f"rig.adapter must be {known}, but it is {config.rig.adapter!r}."]
    error = settings_problems(adapter, config.rig.settings)
    if error is not None:
        return problems.sentences(error, adapter.settings, prefix=("rig", "settings"))
    counted_s = adapter.counts_in(adapter.settings.model_validate(config.rig.settings))
    scoring, found = config.scoring, []
    if counted_s is not None and scoring.response_window_s != counted_s:
        found.append(
            f"scoring.response_window_s must be {list(counted_s)}, since the rig counts spikes in "
            "that window after each onset and tells of no single ones."
        )
    if counted_s is not None and scoring.baseline_window_s != "none":
        found.append(
            'scoring.baseline_window_s must be "none", since the rig counts in one window only and '
            "tells of no single spikes."
        )
    return found


def _rig_goes_with_time_and_screen(config: SessionConfig) -> list[str]:
    rig = config.rig
    if rig.adapter not in adapters():
        return []
    watches, found = adapters()[rig.adapter].watches_light, []
    if config.session.time == "virtual" and not watches:
        found.append(
            f'session.time = "virtual" needs simulated neurons, but rig.adapter is {rig.adapter}: '
            'use "real".'
        )
    if rig.light is not None and watches:
        found.append(
            f"rig.light is for emulators of recording systems; the adapter {rig.adapter} watches "
            "the screen by itself: leave it out."
        )
    if rig.light is not None and endpoints.local(rig.light) is None:
        found.append(
            f'rig.light must be "ipc:///PATH" or "tcp://127.0.0.1:PORT", but it is {rig.light!r}.'
        )
    return found


def _rig_can_be_reached(config: SessionConfig) -> list[str]:
    rig = config.rig
    if rig.endpoint == "local":
        return []
    if not endpoints.is_tcp(rig.endpoint):
        return [f'rig.endpoint must be "local" or "tcp://HOST:PORT", but it is {rig.endpoint!r}.']
    here = endpoints.local(rig.endpoint) is not None
    found = []
    if rig.adapter == "sim" and not here:
        found.append(
            f"rig.endpoint {rig.endpoint} is on another machine, where the simulated rig cannot "
            'see the screen: use "local".'
        )
    if rig.keys is None and not here:
        found.append(
            f"rig.keys is missing: the adapter at {rig.endpoint} is on another machine, so make "
            "keys with neuroloop keys new and name their folder."
        )
    if rig.keys is not None:
        try:
            connecting_keys(rig.keys)
        except KeysRefused as refused:
            found.append(f"rig.keys: {refused}.")
    return found


def _optimizers_can_run(config: SessionConfig) -> list[str]:
    return [
        problem
        for index, thread in enumerate(config.threads)
        for problem in (
            *_problems_of_optimizer(thread.optimizer, f"threads.{index}.optimizer"),
            *_norm_out_of_reach(config, thread, f"threads.{index}.optimizer"),
        )
    ]


def _norm_out_of_reach(config: SessionConfig, thread: ThreadTable, key: str) -> list[str]:
    sigma0, max_norm = getattr(thread.optimizer, "sigma0", None), thread.optimizer.max_norm
    if sigma0 is None or max_norm is None or thread.generator not in config.generators:
        return []
    n = code_dim(config, thread)
    reach = 0.0 if n is None else sigma0 * n**0.5
    if max_norm >= reach / 10:
        return []
    return [
        f"{key}.max_norm {max_norm:g} is far below the {reach:.0f} that the first steps of sigma0 "
        f"{sigma0:g} reach, so no step could be taken."
    ]


def _problems_of_optimizer(table: OptimizerTable, key: str) -> list[str]:
    found = []
    problem = initial_codes.problem_of(table.initial)
    if problem:
        found.append(f"{key}.initial: {problem}.")
    try:
        table.options()
        refuse_crossed_norms(*table.norm_limits)
    except OptimizerOptionError as error:
        found.append(problems.of_option(error, key))
    for place, inner in table.inside().items():
        if inner.initial != _usual(inner, "initial"):
            found.append(
                f"{key}.{place}.initial is for whole codes only: set {key}.initial instead."
            )
        found += _problems_of_optimizer(inner, f"{key}.{place}")
    return found


def _usual(table: OptimizerTable, field: str) -> object:
    return type(table).model_fields[field].default


def _references_exist(config: SessionConfig) -> list[str]:
    folder, count = config.references.folder, config.references.count
    if folder == "embedded" or count == 0:
        return []
    if not Path(folder).is_dir():
        return [f"references.folder: there is no folder {folder}."]
    return []


def _baseline_lies_in_the_trial(config: SessionConfig) -> list[str]:
    window, display = config.scoring.baseline_window_s, config.display
    if isinstance(window, str) or window[0] >= -display.fixation_frames / display.refresh_hz:
        return []
    return [
        f"scoring.baseline_window_s {list(window)} begins before the trial: "
        f"display.fixation_frames gives only {display.fixation_frames / display.refresh_hz:.3f} s "
        "before the first image."
    ]


def _windows_fit_the_timing(config: SessionConfig) -> list[str]:
    display, window = config.display, config.scoring.response_window_s
    period_s = (display.on_frames + display.off_frames) / display.refresh_hz
    if not isinstance(window, str) and window[0] >= period_s + 1.0:
        return [
            f"scoring.response_window_s {list(window)} begins more than a second after the next "
            f"image has come on (every {period_s:.3f} s)."
        ]
    return []


_CHECKS: tuple[Callable[[SessionConfig], list[str]], ...] = (
    _generators_are_known,
    _time_fits_display,
    _folders_are_for_folders,
    _animal_lives_in_the_sessions_time,
    _reward_has_a_line_of_its_own,
    _images_are_on_the_screen,
    _images_are_clear_of_the_patch,
    _ttl_has_time_to_fall,
    _weights_exist,
    _rig_settings_are_valid,
    _rig_goes_with_time_and_screen,
    _rig_can_be_reached,
    _references_exist,
    _windows_fit_the_timing,
    _baseline_lies_in_the_trial,
    _optimizers_can_run,
)
