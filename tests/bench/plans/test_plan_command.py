"""`neuroloop bench PLAN.toml` as a user runs it: killed and gone on with, it gives the same."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from controller.cli.exits import Exit

pytestmark = pytest.mark.system
NEUROLOOP = str(Path(sys.executable).with_name("neuroloop"))
Bench = Callable[..., subprocess.CompletedProcess[str]]


def run_bench(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [NEUROLOOP, "bench", "plan.toml", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def written(folder: Path, small: str) -> Path:
    # Long enough to be killed in the middle.
    text = small.replace("generations = 4", "generations = 15")
    (folder / "plan.toml").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, small: str) -> Path:
    """Return the results of a benchmark that nobody disturbed."""
    folder = written(tmp_path_factory.mktemp("whole"), small)
    done = run_bench(folder, "--results", "whole", "--workers", "1")
    assert done.returncode == 0, done.stderr
    assert "16 of 16 runs" in done.stderr
    return folder / "whole"


@pytest.fixture
def whole(undisturbed: Path) -> bytes:
    """Return the table of that benchmark."""
    return (undisturbed / "results.h5").read_bytes()


@pytest.fixture
def bench(tmp_path: Path, small: str) -> Bench:
    """Run the same plan with some arguments."""
    written(tmp_path, small)
    return lambda *arguments: run_bench(tmp_path, *arguments)


def test_killed_and_gone_on_with_it_gives_the_same_bytes(
    bench: Bench, whole: bytes, tmp_path: Path
) -> None:
    folder = tmp_path / "killed"
    for _ in range(2):
        ended = _lines(folder / "journal.jsonl")
        process = subprocess.Popen(
            [NEUROLOOP, "bench", "plan.toml", "--results", "killed"],
            cwd=tmp_path,
            stderr=subprocess.DEVNULL,
        )
        _await_lines(folder / "journal.jsonl", ended + 2, process)
        workers = psutil.Process(process.pid).children(recursive=True)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        _, left = psutil.wait_procs(workers, timeout=20)
        assert not left, "workers outlive a benchmark that was killed"
    assert _lines(folder / "journal.jsonl") < 16
    assert not (folder / "results.h5").exists()
    done = bench("--results", "killed")
    assert done.returncode == 0, done.stderr
    assert (folder / "results.h5").read_bytes() == whole


def test_two_workers_of_dask_give_the_same_bytes(
    bench: Bench, whole: bytes, tmp_path: Path
) -> None:
    done = bench("--results", "dask", "--cluster", "local", "--workers", "2")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "dask" / "results.h5").read_bytes() == whole


def test_ctrl_c_keeps_what_has_ended_and_leaves_nothing_behind(
    bench: Bench, whole: bytes, tmp_path: Path
) -> None:
    journal = tmp_path / "stopped" / "journal.jsonl"
    process = subprocess.Popen(
        [NEUROLOOP, "bench", "plan.toml", "--results", "stopped"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    _await_lines(journal, 2, process)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == Exit.ABORTED, told
    assert "the same command goes on" in told
    assert 2 <= _lines(journal) < 16
    assert bench("--results", "stopped").returncode == 0
    assert (tmp_path / "stopped" / "results.h5").read_bytes() == whole


def test_a_row_is_redone_by_its_key(bench: Bench, undisturbed: Path, tmp_path: Path) -> None:
    journal = tmp_path / "whole" / "journal.jsonl"
    shutil.copytree(undisturbed, journal.parent)
    lines = journal.read_text(encoding="utf-8").splitlines()
    key = lines[0].split('"key": "')[1][:16]
    done = bench("--results", "whole", "--redo", key)
    assert (done.returncode, done.stdout.strip()) == (0, f"{key}: the same to the last bit")
    falsified = lines[0].replace('"clean_max": ', '"clean_max": 1')
    journal.write_text("\n".join([falsified, *lines[1:]]) + "\n", encoding="utf-8")
    done = bench("--results", "whole", "--redo", key)
    assert (done.returncode, done.stdout.strip()) == (Exit.PROBLEMS, f"{key}: ANOTHER RESULT")
    assert bench("--results", "whole", "--redo", "0" * 16).returncode == Exit.USAGE


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _await_lines(
    path: Path, n: int, process: "subprocess.Popen[str] | subprocess.Popen[bytes]"
) -> None:
    deadline_s = time.monotonic() + 60
    while _lines(path) < n:
        assert process.poll() is None
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
