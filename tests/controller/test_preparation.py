"""Reasons not to start a session, and what the loop adds up: stopping rules, times, scores."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from controller import assembly
from controller.config.tables import SessionConfig
from controller.daemon import preparation
from controller.errors import SessionRefused
from controller.preflight.findings import report, require
from controller.preflight.machine import disk_space, generation_bytes, rendering
from controller.progress import Progress
from controller.running import Session
from controller.session import is_complete, lap
from controller.stopwatch import Stopwatch
from rig_adapters.wire import messages as m
from sessions.records import TIMING_STAGES

from .conftest import Clock, run_clean, session_config

SMALL = ("generators.main.code_dim=8", "generators.main.image_size_px=72")


def display(pixels_exact: bool | None) -> m.DisplayConfigured:
    return m.DisplayConfigured(
        label="",
        waits_for_vertical_blank=True,
        measured_refresh_hz=60.0,
        pixels_exact=pixels_exact,
        versions={},
    )


def rig(*unit_ids: int) -> m.RigConfigured:
    units = tuple(m.UnitDescription(unit_id=u, channel_id=u // 100, label="") for u in unit_ids)
    return m.RigConfigured(
        adapter="x",
        simulated=True,
        sample_rate_hz=30_000.0,
        units=units,
        capabilities=frozenset(),
        versions={},
    )


def judged(config: SessionConfig, pixels_exact: bool | None, *unit_ids: int) -> None:
    found = preparation._preflight(
        config, (), {}, {}, display(pixels_exact), rig(*unit_ids), folder=None
    )
    run_clean(found)


def test_a_screen_that_changes_pixels_is_refused() -> None:
    config = session_config()
    real = config.model_copy(
        update={"display": config.display.model_copy(update={"kind": "psychopy"})}
    )
    judged(real, True, 101)
    with pytest.raises(SessionRefused, match="does not show the pixels that it is given"):
        judged(real, False, 101)


def test_a_driver_unit_that_the_rig_lacks_is_refused_with_those_that_it_has() -> None:
    config = session_config("threads.0.driver_units=[101, 301]")

    judged(config, True, 101, 201, 301)
    with pytest.raises(SessionRefused) as refused:
        judged(config, True, 101, 201)
    assert str(refused.value) == (
        "threads.0.driver_units: the rig has no unit 301; it has [101, 201]"
    )


def refuse_full_disk(config: SessionConfig, folder: Path) -> None:
    generators = assembly.build_generators(config)
    threads = assembly.build_threads(config, generators)
    require(report([disk_space(config, generation_bytes(config, threads, generators), folder)]))


def test_a_disk_without_room_for_the_pixels_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # A thousand generations of 40 images of 72 pixels, twice over; hardly anything without them.
    config = session_config(*SMALL, "stopping.max_generations=1000")
    free = SimpleNamespace(free=1_000_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: free)

    with pytest.raises(SessionRefused, match=r"1\.0 GB free, but this session needs 1\.2 GB"):
        refuse_full_disk(config, tmp_path)
    without = session_config(*SMALL, "stopping.max_generations=1000", "session.store_images=false")
    refuse_full_disk(without, tmp_path)
    free.free = 2_000_000_000
    refuse_full_disk(config, tmp_path)


@dataclass
class Loop:
    """As much of a session as its bookkeeping needs."""

    config: SessionConfig
    block: int = 0
    open_block: bool = False
    progress: Progress = field(default_factory=Progress)
    stopwatch: Stopwatch = field(default_factory=Stopwatch)
    recorder: Any = field(default_factory=lambda: SimpleNamespace(busy_s=0.0))
    screen: Any = field(default_factory=lambda: SimpleNamespace(busy_s=0.0))


def as_session(loop: Loop) -> Session:
    return cast(Session, loop)


def test_a_session_is_complete_after_its_generations(now: Clock) -> None:
    loop = Loop(session_config("stopping.max_generations=3"))
    loop.progress.first_block_s = now.now_s
    now.now_s += 1e6

    complete = []
    for loop.block in range(5):
        complete.append(is_complete(as_session(loop)))

    assert complete == [False, False, False, True, True]


def test_a_session_is_complete_after_its_time_whatever_comes_first(now: Clock) -> None:
    loop = Loop(session_config("stopping.max_generations=3", "stopping.max_minutes=2"))
    loop.progress.first_block_s = now.now_s

    assert not is_complete(as_session(loop))
    now.now_s += 119.0
    assert not is_complete(as_session(loop))
    now.now_s += 1.0
    assert is_complete(as_session(loop))
    loop.open_block = True
    assert not is_complete(as_session(loop))


@pytest.mark.parametrize(
    ("busy", "split"),
    [
        ({"neuron": 3.0, "display": 2.0}, {"neuron": 3.0, "display": 2.0, "wire": 5.0}),
        ({"neuron": 8.0, "display": 9.0}, {"neuron": 8.0, "display": 2.0, "wire": 0.0}),
        ({"neuron": 80.0, "display": 9.0}, {"neuron": 10.0, "display": 0.0, "wire": 0.0}),
    ],
)
@pytest.mark.usefixtures("now")
def test_waiting_in_virtual_time_is_split_by_what_the_processes_report(
    busy: dict[str, float], split: dict[str, float]
) -> None:
    loop = Loop(session_config())
    loop.recorder.busy_s, loop.screen.busy_s = busy["neuron"], busy["display"]
    loop.stopwatch.add("load", 4.0)
    loop.stopwatch.add("present", 6.0)

    stages = lap(as_session(loop))

    assert {stage: stages[stage] for stage in split} == split
    assert set(stages) <= set(TIMING_STAGES)
    assert (loop.recorder.busy_s, loop.screen.busy_s) == (0.0, 0.0)


@pytest.mark.usefixtures("now")
def test_waiting_in_real_time_is_time_on_screen() -> None:
    loop = Loop(session_config("session.time=real", "display.kind=psychopy"))
    loop.recorder.busy_s = 3.0
    loop.stopwatch.add("present", 6.0)

    stages = lap(as_session(loop))

    assert stages["display"] == 6.0
    assert set(stages) <= set(TIMING_STAGES)


def test_versions_name_this_program_and_what_the_peers_report() -> None:
    versions = preparation._versions({"psychopy-lib": "9"}, {"sim": "1"})

    assert {"python", "platform", "numpy", "neuroloop"} <= set(versions)
    assert (versions["psychopy-lib"], versions["sim"]) == ("9", "1")


def test_references_are_hashed_by_their_pixels() -> None:
    pixels = np.zeros((2, 4, 4, 3), np.uint8)
    pixels[1] += 1

    references = preparation._references(("a", "b"), pixels)

    assert references.image_ids.tolist() == [0, 1]
    assert references.names == ("a", "b")
    assert len(set(references.sha256s)) == 2


@pytest.mark.parametrize(("each_s", "state"), [(0.01, "pass"), (1.0, "warn")])
def test_images_for_which_an_animal_waits_are_told_before_the_session(
    each_s: float, state: str
) -> None:
    config = session_config(*SMALL)
    generators = assembly.build_generators(config)
    threads = assembly.build_threads(config, generators)

    found = rendering(config, threads, dict.fromkeys(generators, each_s))

    n_images = threads[0].optimizer.population_size
    assert found.state == state
    assert f"{n_images * each_s:.2f} s" in found.found
    assert ("GPU" in found.advice) == (state == "warn")
