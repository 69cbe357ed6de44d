"""What a user does with the log of a session: inspect it, and replay it."""

import json

import h5py
import pytest

from sessions.reader import LogReader, open_log

from .conftest import Lab

pytestmark = pytest.mark.system


def test_inspect_tells_generations_and_that_nothing_is_wrong(lab: Lab, own: LogReader) -> None:
    done = lab.neuroloop("inspect", str(own.path.parent))

    assert done.returncode == 0, done.stderr
    assert "All checks passed." in done.stdout
    assert [line.split()[:2] for line in done.stdout.splitlines() if " CMA-ES " in line] == [
        ["0", "CMA-ES"],
        ["1", "CMA-ES"],
        ["2", "CMA-ES"],
    ]


def test_inspect_finds_an_altered_count_and_says_so_to_a_script(lab: Lab, own: LogReader) -> None:
    with h5py.File(own.path, "r+") as file:
        file["presentations/response_counts"][7, 0] += 1

    done = lab.neuroloop("inspect", str(own.path), "--json")

    assert done.returncode == 6
    findings = json.loads(done.stdout)["findings"]
    assert any(f["severity"] == "error" and "count" in f["message"] for f in findings)


def test_inspect_of_something_else_says_what_it_is_not(lab: Lab) -> None:
    done = lab.neuroloop("inspect", str(lab.config))

    assert done.returncode == 2
    assert done.stderr.startswith("neuroloop: ")
    assert "Traceback" not in done.stderr


def test_a_replay_of_a_virtual_session_is_identical(lab: Lab, own: LogReader) -> None:
    done = lab.neuroloop("replay", str(own.path))

    assert done.returncode == 0, done.stderr
    assert "codes rendered again, all images are the same pixels." in done.stdout
    assert "The replay is identical to the session: same codes, same pixels, same scores." in (
        done.stdout
    )
    assert len(lab.logs()) == 2


def test_a_replay_with_another_optimizer_is_another_session(lab: Lab, own: LogReader) -> None:
    done = lab.neuroloop(
        "replay", str(own.path), "--set", "threads.0.optimizer.kind=genetic", "--folder", "again"
    )

    assert done.returncode == 0, done.stderr
    assert "Compared with the session: the codes of thread 0 differ from generation 1" in (
        done.stdout
    )
    (again,) = lab.folder.glob("again/*/session.h5")
    assert open_log(again).threads[0].optimizer == "genetic"


def test_a_replay_finds_an_image_that_is_no_longer_the_same(lab: Lab, own: LogReader) -> None:
    with h5py.File(own.path, "r+") as file:
        codes = file["codes/thread_0"]
        codes["code"][5, :] *= 1.5
        image_id = int(codes["image_id"][5])

    done = lab.neuroloop("replay", str(own.path), "--images-only")

    assert done.returncode == 6
    assert f"1 images differ, the first: {image_id}." in done.stdout
