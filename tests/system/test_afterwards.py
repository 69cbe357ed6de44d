"""What a user does with the log of a session: inspect it, and do it again."""

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


def test_a_rehearsal_is_another_session_and_told_beside_the_first(lab: Lab, own: LogReader) -> None:

    changes = ("--profile", "typical_rig_day", "--set", "threads.0.optimizer.kind=genetic")
    done = lab.neuroloop("replay", "rehearse", str(own.path), *changes, "--json")

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    beside = {row["name"]: row for row in told["beside"]}
    for name in ("completed presentations", "thread 0 gain", "generations", "correct trials"):
        assert beside[name]["original"] is not None
        assert beside[name]["rehearsal"] is not None
    again = open_log(told["log"])
    assert again.threads[0].optimizer == "genetic"
    config = json.loads(again.start.config_json)
    assert config["rig"]["settings"]["profile"] == "typical_rig_day"


def test_a_rehearsal_whose_generator_lacks_its_weights_says_so(lab: Lab, own: LogReader) -> None:
    done = lab.neuroloop(
        "replay", "rehearse", str(own.path), "--set", "generators.main.kind=deepsim_fc6",
        "--set", "generators.main.weights=nowhere.pt",
    )  # fmt: skip

    assert done.returncode == 2
    assert "nowhere.pt" in done.stderr
    assert len(lab.logs()) == 1
