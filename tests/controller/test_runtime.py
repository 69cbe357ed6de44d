"""The runtime folder: private, found by this user only, and swept when its daemon died."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from controller import runtime
from controller.errors import ControlError, SessionRefused


@pytest.fixture
def base(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Have runtime folders lie below the test's own folder; the base is not made yet."""
    short = tmp_path / "r"
    short.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short))
    return short / f"neuroloop-{os.getuid()}"


def running(session_id: str, pid: int | None = None) -> Path:
    place = runtime.create(session_id)
    runtime.register(session_id, Path("/runs") / session_id, place, pid or os.getpid())
    return place


def rewrite_card(place: Path, **changes: object) -> None:
    card = json.loads((place / "session.json").read_text())
    (place / "session.json").write_text(json.dumps({**card, **changes}))


def test_the_folder_is_private_and_short_of_name(base: Path) -> None:
    place = runtime.create("demo-20260101-120000")

    assert place.parent == base
    assert len(place.name) == 8
    for folder in (base, place):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_without_a_runtime_folder_of_the_system_the_temporary_one_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    assert runtime.base_folder() == tmp_path / f"neuroloop-{os.getuid()}"


def open_to_others(base: Path) -> None:
    base.mkdir()
    base.chmod(0o750)


def a_link(base: Path) -> None:
    elsewhere = base.parent / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    base.symlink_to(elsewhere)


def a_link_to_nowhere(base: Path) -> None:
    base.symlink_to(base.parent / "nowhere")


def a_file(base: Path) -> None:
    base.write_text("")


@pytest.mark.parametrize("make", [open_to_others, a_link, a_link_to_nowhere, a_file])
def test_a_base_that_is_not_a_private_folder_is_refused(base: Path, make: object) -> None:
    assert callable(make)
    make(base)

    with pytest.raises(SessionRefused, match="must be a folder that only you can enter"):
        runtime.create("demo")


def test_a_runtime_folder_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    # Short, unlike pytest's folders, or it would be refused for its length.
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/tmp/neuroloop-missing")

    with pytest.raises(SessionRefused, match=r"No such file or directory.*set XDG_RUNTIME_DIR"):
        runtime.create("demo")


def test_a_path_that_is_too_long_for_sockets_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))

    with pytest.raises(SessionRefused, match="too long a path for sockets"):
        runtime.create("demo")
    assert list(deep.iterdir()) == []


def test_nothing_is_read_or_removed_where_others_could_have_put_it(base: Path) -> None:
    precious = base.parent / "home"
    precious.mkdir()
    place = running("demo")
    rewrite_card(place, runtime=str(precious), started_s=0.0)
    base.chmod(0o777)

    runtime.sweep()

    assert runtime.running_sessions() == []
    assert precious.is_dir()
    assert place.is_dir()


def test_sweeping_removes_where_a_card_lies_and_not_what_it_names(base: Path) -> None:
    precious = base.parent / "home"
    precious.mkdir()
    place = running("demo")
    rewrite_card(place, runtime=str(precious), started_s=0.0)

    runtime.sweep()

    assert precious.is_dir()
    assert not place.exists()


@pytest.mark.usefixtures("base")
def test_the_same_session_cannot_run_twice() -> None:
    runtime.create("demo")

    with pytest.raises(SessionRefused, match="a session demo is running already"):
        runtime.create("demo")


def test_a_registered_session_is_found_by_others(base: Path) -> None:
    place = running("demo")

    found = runtime.find_session(None)

    assert found == runtime.find_session("demo")
    assert (found.session_id, found.pid, found.folder) == ("demo", os.getpid(), "/runs/demo")
    assert found.control_endpoint == f"ipc://{place}/control"
    assert [path.name for path in place.iterdir()] == ["session.json"]
    assert base.is_dir()


@pytest.mark.usefixtures("base")
def test_which_session_is_meant_must_be_clear() -> None:
    with pytest.raises(ControlError, match=r"^no session is running here$"):
        runtime.find_session(None)
    running("a")
    running("b")

    assert runtime.find_session("b").session_id == "b"
    with pytest.raises(ControlError, match=r"^no session c is running here$"):
        runtime.find_session("c")
    with pytest.raises(ControlError, match=r"choose one with --session: (a, b|b, a)$"):
        runtime.find_session(None)


def test_the_folder_of_a_dead_daemon_is_swept_away_by_the_next_session(base: Path) -> None:
    dead, alive = running("dead"), running("alive")
    rewrite_card(dead, started_s=0.0)

    runtime.create("next")

    assert not dead.exists()
    assert alive.is_dir()
    assert [session.session_id for session in runtime.running_sessions()] == ["alive"]
    assert len(list(base.iterdir())) == 2


def test_a_process_that_died_and_was_not_waited_for_is_dead() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        process = psutil.Process(child.pid)
        session = runtime.RunningSession("x", child.pid, process.create_time(), "", "")
        assert session.alive
        assert child.stdin is not None
        child.stdin.write(b"\n")
        child.stdin.flush()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert process.status() == psutil.STATUS_ZOMBIE
        assert not session.alive
    assert not session.alive


def test_a_process_that_took_over_the_pid_is_not_the_daemon() -> None:
    started_s = psutil.Process().create_time()

    assert runtime.RunningSession("x", os.getpid(), started_s, "", "").alive
    assert not runtime.RunningSession("x", os.getpid(), started_s - 5.0, "", "").alive


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"session_id": "x"}', "{"])
@pytest.mark.usefixtures("base")
def test_a_card_that_is_none_is_passed_over(text: str) -> None:
    (runtime.create("broken") / "session.json").write_text(text)

    assert runtime.running_sessions() == []


def test_the_last_session_to_end_removes_everything(base: Path) -> None:
    first, second = running("a"), running("b")

    runtime.remove(first)
    assert base.is_dir()
    assert second.is_dir()
    runtime.remove(second)
    assert not base.exists()
    runtime.remove(second)
