"""The real stimulus process, driven over ipc as the daemon drives it."""

import contextlib
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

import rig_adapters
from rig_adapters.testing.rehearsed_daemon import block, load, trial
from rig_adapters.wire import messages as m

from .conftest import Daemon

pytestmark = pytest.mark.system


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with contextlib.closing(Daemon(tmp_path)) as started:
        yield started


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


@pytest.mark.parametrize("kind", ["virtual", pytest.param("psychopy", marks=pytest.mark.screen)])
def test_a_session_from_configuration_to_shutdown(
    daemon: Daemon, rng: np.random.Generator, kind: str
) -> None:
    facts = daemon.configure(kind)
    assert "no timing" in facts.label or facts.label == "virtual time: no screen"
    images = load([5, 6], rng)
    daemon.say(images)
    assert daemon.hear(m.ImagesLoaded).image_ids.tolist() == [5, 6]
    daemon.say(block(trial(1, [5, 6])))

    presented = [daemon.hear(m.Presented), daemon.hear(m.Presented)]
    assert [report.image_sha256 for report in presented] == list(images.sha256s)
    assert daemon.hear(m.TrialEnded).completed
    assert daemon.hear(m.BlockPresented).busy_s > 0
    daemon.say(m.Shutdown())
    daemon.hear(m.ShutDown)
    status, log = daemon.wait()

    assert status == 0
    assert [line for line in log.splitlines() if "the graphics card held" not in line] == []


@pytest.mark.screen
def test_a_ping_and_an_abort_are_heard_in_the_middle_of_a_block(
    daemon: Daemon, rng: np.random.Generator
) -> None:
    daemon.configure("psychopy")
    daemon.say(load([5], rng))
    daemon.hear(m.ImagesLoaded)
    daemon.say(block(trial(1, [5, 5], off=100_000)))
    daemon.hear(m.Presented)

    daemon.say(m.Ping(token=17))
    assert daemon.hear(m.Pong).token == 17
    daemon.say(m.AbortBlock())
    assert not daemon.hear(m.TrialEnded).completed
    assert daemon.hear(m.BlockAborted).presented == 1


def test_the_light_is_renewed_when_the_daemon_says_so(
    daemon: Daemon, rng: np.random.Generator
) -> None:
    daemon.configure()
    daemon.say(m.RenewLight())
    daemon.hear(m.LightRenewed)
    daemon.say(load([5], rng))
    daemon.hear(m.ImagesLoaded)


def test_a_wrong_hash_is_a_fault_that_names_the_image(
    daemon: Daemon, rng: np.random.Generator
) -> None:
    daemon.configure()
    daemon.say(load([5], rng).model_copy(update={"sha256s": ("0" * 64,)}))

    fault = daemon.hear(m.Faulted)
    assert "image 5 does not match its SHA-256" in fault.what
    assert daemon.wait()[0] == 1


@pytest.mark.screen
def test_sigterm_ends_it_and_the_users_home_is_as_before(daemon: Daemon, tmp_path: Path) -> None:
    daemon.configure("psychopy")

    daemon.process.send_signal(signal.SIGTERM)

    status, log = daemon.wait()
    assert status == 0
    assert [line for line in log.splitlines() if "the graphics card held" not in line] == []
    # The graphics driver keeps its compiled shaders in .cache, as for any program.
    assert {path.name for path in tmp_path.iterdir()} <= {"stimulus", ".cache"}


def test_ctrl_c_in_the_terminal_is_left_to_the_daemon(daemon: Daemon) -> None:
    daemon.configure()
    daemon.process.send_signal(signal.SIGINT)

    daemon.say(m.Ping(token=1))
    assert daemon.hear(m.Pong).token == 1


def test_a_daemon_that_falls_silent_is_taken_for_dead(tmp_path: Path) -> None:
    with contextlib.closing(Daemon(tmp_path, "--silence-limit-s", "0.3")) as silent:
        status, log = silent.wait()

    assert status == 3
    assert "the daemon has been silent" in log


def test_it_does_not_load_what_it_does_not_need() -> None:
    program = (
        "import sys, rig_adapters.stimulus.__main__\n"
        "print({'torch', 'h5py', 'psychopy', 'pyglet'} & sys.modules.keys())"
    )

    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert answer.stdout.strip() == "set()"


def test_psychopy_is_imported_where_a_device_needs_it_and_nowhere_else() -> None:
    project = Path(rig_adapters.__file__).parents[1]
    importing = [
        path.name
        for package in ("controller", "generators", "rig_adapters", "sessions")
        for path in (project / package).rglob("*.py")
        if any(
            line.strip().startswith(("import psychopy", "from psychopy"))
            for line in path.read_text(encoding="utf-8").splitlines()
        )
    ]

    assert sorted(importing) == ["iohub.py", "iohub_server.py", "psychopy_window.py"]


FIRST_BLOCKS, LATER_BLOCKS = 4, 16
GROWTH_MB = 8.0
"""The images of the later blocks have 25 MB; an allocator may keep a block's for the next."""


@pytest.mark.parametrize("kind", ["virtual", pytest.param("psychopy", marks=pytest.mark.screen)])
def test_block_after_block_takes_no_more_memory_handles_shared_memory_or_textures(
    daemon: Daemon, rng: np.random.Generator, kind: str
) -> None:
    daemon.configure(kind, refresh_hz=240.0)
    process = psutil.Process(daemon.process.pid)
    for number in range(FIRST_BLOCKS):
        daemon.show_eight(number, rng)
    before = held_by(process)
    before_mb = process.memory_full_info().uss / 1e6
    for number in range(FIRST_BLOCKS, FIRST_BLOCKS + LATER_BLOCKS):
        daemon.show_eight(number, rng)

    assert held_by(process) == before
    assert process.memory_full_info().uss / 1e6 < before_mb + GROWTH_MB
    daemon.say(m.Shutdown())
    daemon.hear(m.ShutDown)
    status, log = daemon.wait()
    assert status == 0
    if kind == "psychopy":
        # One more than are shown: the read-back's, which is of another size.
        assert int(re.search(r"(\d+) textures", log)[1]) <= 9


def held_by(process: psutil.Process) -> tuple[int, int, frozenset[str]]:
    """Return how many handles and threads a process has, and its pieces of shared memory."""
    paths = {entry.path for entry in process.memory_maps()}
    shared = frozenset(path for path in paths if path.startswith(("/dev/shm/", "/SYSV")))
    return process.num_fds(), process.num_threads(), shared
