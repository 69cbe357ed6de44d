"""Whole sessions as a user runs them: real processes, real sockets, a folder of their own."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from controller.cli.config_commands import template
from controller.control.client import ControlClient
from controller.control.messages import SessionStatus
from controller.errors import ControlError
from rig_adapters.wire.messages import Message
from sessions.reader import LogReader, open_log

from ..newcomers import NEWCOMERS, X_SOCKETS, Newcomer, all_there, x_servers

NEUROLOOP = str(Path(sys.executable).with_name("neuroloop"))
MISBEHAVING = Path(__file__).with_name("misbehaving")
ENVIRONMENT = dict(os.environ)
"""As the tests found it: a test that opens a virtual screen in this process sets DISPLAY."""
VIRTUAL = (
    "session.time=virtual",
    "display.kind=virtual",
    "stopping.max_generations=3",
    "generators.main.code_dim=256",
    "generators.main.image_size_px=80",
    "session.processes=separate",
)
"""Overrides that turn the template into a session of a second or two, its peers as at a rig."""

ONE_PROCESS = (*VIRTUAL, "session.processes=automatic")
"""The same in one process, as sessions in virtual time are by themselves."""

ENDLESS = "stopping.max_generations=10000"
"""Override for a session that no test outlives."""

PATIENCE_S = 120.0
"""How long anything may take: so long as no machine needs that works at all."""

Found = TypeVar("Found")


class Lab:
    """Starts sessions in a private runtime folder and knows what they must not leave behind."""

    def __init__(self, folder: Path, runtime: Path) -> None:
        self.folder = folder
        self.runtime = runtime
        self.config = folder / "session.toml"
        self.config.write_text(template(), encoding="utf-8")
        self.environment = {**ENVIRONMENT, "XDG_RUNTIME_DIR": str(runtime)}
        self.started: list[subprocess.Popen[str]] = []

    def misbehave(self, *faults: str) -> Path:
        """Have the processes of sessions misbehave; return the file that says what was done."""
        told = self.folder / "misbehaviour.jsonl"
        paths = [str(MISBEHAVING), self.environment.get("PYTHONPATH", "")]
        self.environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
        self.environment["MISBEHAVE"] = ",".join(faults)
        self.environment["MISBEHAVIOUR"] = str(told)
        return told

    def hold_at(self, *places: str) -> None:
        """Have the stimulus process stay at each `BLOCK:PART:N` until it is released."""
        self.misbehave(*(f"held_at={place}" for place in places))

    def wait_until_held(self, place: str) -> None:
        """Wait until the session is at `place`, and the daemon knows how many were shown."""
        told = self.folder / "misbehaviour.jsonl"
        fault = json.dumps({"fault": f"held_at={place}"})
        shown = int(place.split(":")[-1])

        def held() -> bool:
            self._goes_on(f"it was at {place}")
            there = told.is_file() and fault in told.read_text(encoding="utf-8")
            return there and self.status().presentations_done == shown

        wait_for(held, place)

    def release(self, place: str) -> None:
        """Let the stimulus process go on from `place`."""
        with (self.folder / "misbehaviour.jsonl").open("a", encoding="utf-8") as told:
            told.write(json.dumps({"released": f"held_at={place}"}) + "\n")

    def behave(self) -> None:
        """Have the processes of later sessions behave again."""
        self.environment["MISBEHAVE"] = ""

    def neuroloop(
        self, *arguments: str, timeout_s: float = PATIENCE_S
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [NEUROLOOP, *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
        )

    def run(self, *overrides: str, options: tuple[str, ...] = ()) -> LogReader:
        """Run a session to its good end and open its log."""
        before = set(self.logs())
        done = self.neuroloop("run", str(self.config), *_sets(overrides), *options)
        assert done.returncode == 0, done.stderr + self.daemon_log()
        (log,) = set(self.logs()) - before
        return open_log(log)

    def start(self, *overrides: str) -> subprocess.Popen[str]:
        """Start a session and return while it runs."""
        return self._started("run", str(self.config), *_sets(overrides))

    def go_on(self, folder: Path) -> subprocess.Popen[str]:
        """Go on with a session that was cut off, and return while it runs."""
        return self._started("resume", str(folder))

    def _started(self, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [NEUROLOOP, *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.started.append(process)
        return process

    def logs(self) -> list[Path]:
        """The logs of all sessions so far."""
        return sorted(self.folder.glob("runs/*/session.h5"))

    def the_log(self) -> LogReader:
        """The only log there is."""
        (log,) = self.logs()
        return open_log(log)

    def daemon_log(self) -> str:
        """What all daemons so far have said."""
        texts = [p.read_text(encoding="utf-8") for p in self.folder.glob("runs/*/*.log")]
        return "\n".join(texts)

    def card(self) -> dict[str, object] | None:
        """The card of the running session, once there is one."""
        for path in self.runtime.glob("neuroloop-*/*/session.json"):
            # A session that ends takes it along.
            with suppress(FileNotFoundError):
                return dict(json.loads(path.read_text(encoding="utf-8")))
        return None

    def daemon_pid(self) -> int:
        """The process id of the running daemon."""
        card = wait_for(self.card, "the session's card")
        return int(str(card["pid"]))

    def children(self) -> dict[str, int]:
        """The process ids of the running stimulus process and rig adapter."""
        found = {}
        for child in psutil.Process(self.daemon_pid()).children():
            try:
                words = " ".join(child.cmdline())
            except psutil.Error:
                # It has just ended.
                continue
            for name in ("rig_adapters.stimulus", "rig_adapters.sim"):
                if name in words:
                    found[name] = child.pid
        return found

    def status(self) -> SessionStatus:
        """How the running session is going, as soon as it can be asked."""
        return wait_for(self.status_if_any, "an answer of the session")

    def status_if_any(self) -> SessionStatus | None:
        """How the running session is going; None while it cannot be asked."""
        card = self.card()
        if card is None:
            return None
        try:
            with ControlClient(f"ipc://{card['runtime']}/control", deadline_s=5) as client:
                return client.status()
        except ControlError:
            return None

    def command(self, command: Message) -> None:
        """Give the running session a command; at once, unlike a new process."""
        card = wait_for(self.card, "the session's card")
        with ControlClient(f"ipc://{card['runtime']}/control", PATIENCE_S) as client:
            client.request(command)

    def wait_for_status(self, wanted: Callable[[SessionStatus], bool], what: str) -> SessionStatus:
        """Wait until the session goes as is `wanted`; it must not pass through that and on."""

        def reached() -> SessionStatus | None:
            self._goes_on(what)
            status = self.status_if_any()
            return status if status is not None and wanted(status) else None

        return wait_for(reached, what)

    def wait_for_state(self, state: str) -> SessionStatus:
        """Wait until the session is in `state`, where it has to stay by itself."""
        return self.wait_for_status(lambda status: status.state == state, f"state {state}")

    def wait_for_block(self, block: int) -> SessionStatus:
        """Wait until so many blocks are complete."""
        return self.wait_for_status(lambda status: status.block >= block, f"block {block}")

    def _goes_on(self, before: str) -> None:
        ended = [process for process in self.started if process.poll() is not None]
        assert not ended, f"the session ended before {before}: {self.daemon_log()}"

    def wait_until_presenting(self) -> None:
        """Wait until a block is being shown, of which more than half is still to come."""

        def presenting(status: SessionStatus) -> bool:
            return 0 < status.presentations_done < status.presentations_planned / 2

        self.wait_for_status(presenting, "the first presentations")

    def is_clean(self) -> None:
        """Assert that no process and no socket of these sessions is left."""
        try:
            wait_for(lambda: not self.processes(), "the end of all processes", 60)
        except AssertionError as error:
            left = [(process.pid, process.cmdline()) for process in self.processes()]
            raise AssertionError(f"processes left behind: {left}") from error
        assert not list(self.runtime.iterdir()), list(self.runtime.rglob("*"))

    def processes(self) -> list[psutil.Process]:
        """The processes of these sessions that are running now."""
        marker = f"XDG_RUNTIME_DIR={self.runtime}"
        return [
            process
            for process in psutil.process_iter()
            if process.pid != os.getpid() and _has_environment(process, marker)
        ]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """A lab whose sessions have left nothing behind when the test is over."""
    with open_lab(tmp_path) as lab:
        yield lab


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> LogReader:
    """The log of a session that ended well, for all tests that only read one."""
    with open_lab(tmp_path_factory.mktemp("finished")) as lab:
        return lab.run(*VIRTUAL)


@pytest.fixture
def own(lab: Lab, finished: LogReader) -> LogReader:
    """The same log as one of the lab's own, for tests that change it or go on from it."""
    folder = finished.path.parent
    shutil.copytree(folder, lab.folder / "runs" / folder.name)
    return lab.the_log()


@contextmanager
def open_lab(folder: Path) -> Iterator[Lab]:
    """Open a lab, and see in the end that its sessions have left nothing behind."""
    # Socket paths must be short, and pytest's folders are long.
    runtime = Path(tempfile.mkdtemp(prefix="nl-"))
    screens = all_there(X_SOCKETS)
    lab = Lab(folder, runtime)
    try:
        yield lab
        for process in lab.started:
            process.communicate(timeout=PATIENCE_S)
        lab.is_clean()
        wait_for(lambda: not _left_behind(screens), "X servers to take their sockets along")
    finally:
        for process in lab.started:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                process.communicate()
        # A daemon outlives its terminal, so a test that failed may have left one.
        for left in lab.processes():
            left.kill()
        shutil.rmtree(runtime, ignore_errors=True)


def wait_for(look: Callable[[], Found | None], what: str, timeout_s: float = PATIENCE_S) -> Found:
    """Return what `look` finds as soon as it finds something."""
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s:
        found = look()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited {timeout_s} s for {what}")


def _sets(overrides: tuple[str, ...]) -> list[str]:
    return [word for override in overrides for word in ("--set", override)]


def _left_behind(before: set[Newcomer]) -> set[Newcomer]:
    """Sockets that have come since, that are not of others, and that no X server holds."""
    new = all_there(X_SOCKETS) - before
    return {screen for screen in new - NEWCOMERS.of_others(new) if not x_servers(screen.path)}


def _has_environment(process: psutil.Process, marker: str) -> bool:
    try:
        name, value = marker.split("=", 1)
        return process.environ().get(name) == value and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
