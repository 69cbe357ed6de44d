"""A branch of a real session: its own log, the same codes, and the log that it comes from as is."""

from contextlib import suppress

import numpy as np
import psutil
import pytest

from controller import assembly
from controller.branching import inherit, lineage_of
from controller.replay.configs import logged_config
from controller.replay.exact import ExactReplay
from sessions.fingerprint import committed_sha256
from sessions.reader import LogReader, open_log

from .conftest import ENDLESS, Lab, wait_for

pytestmark = pytest.mark.system


def nothing_differs(reader: LogReader) -> bool:
    return not any(block.differences for block in ExactReplay(reader).blocks())


def the_branch(lab: Lab) -> LogReader:
    (log,) = lab.folder.glob("branches/*/session.h5")
    return open_log(log)


@pytest.fixture
def killed(lab: Lab, own: LogReader) -> LogReader:
    """A branch from generation 2, whose daemon was killed after a block or more."""
    where = ("--from-generation", "2", "--folder", "branches", "--set", ENDLESS, "--detach")
    started = lab.neuroloop("replay", "branch", str(own.path), *where)
    assert started.returncode == 0, started.stderr
    wait_for(lambda: (s := lab.status_if_any()) is not None and s.block >= 1, "a block")
    daemon = psutil.Process(lab.daemon_pid())
    daemon.kill()
    with suppress(psutil.Error):
        daemon.wait(60)
    return the_branch(lab)


def test_a_branch_that_was_killed_goes_on_and_all_of_it_comes_out_again(
    lab: Lab, own: LogReader, killed: LogReader
) -> None:
    before = own.path.read_bytes()
    folder = killed.path.parent
    config = folder / "config.json"

    resumed = lab.go_on(folder)
    # While it is being prepared, a session cannot be stopped.
    wait_for(lambda: (s := lab.status_if_any()) is not None and s.state == "running", "blocks")
    assert lab.neuroloop("stop").returncode == 0
    resumed.communicate(timeout=120)
    branch = the_branch(lab)

    assert own.path.read_bytes() == before
    assert config.exists()
    assert nothing_differs(branch)
    lineage = branch.start.lineage
    assert lineage is not None
    assert (lineage.session_id, lineage.generation) == (own.start.session_id, 2)
    assert lineage.sha256 == committed_sha256(own)
    asked, logged = branch.codes(0), own.codes(0)
    assert np.array_equal(asked.code[asked.generation == 2], logged.code[logged.generation == 2])
    generated = branch.images.image_id[branch.images.kind == "generated"]
    assert generated.min() == own.images.image_id.max() + 1
    assert branch.presentations.presentation_id.min() > own.presentations.presentation_id.max()
    assert lab.neuroloop("inspect", str(folder)).returncode == 0
    again = lineage_of(branch, 3, logged_config(branch))
    assert again.threads[0].generation.tolist() == [0] * 40 + [1] * 40 + [2] * 40
    states = [state_of(branch, lineage_of(branch, 3, logged_config(branch))), told_by_hand(branch)]
    assert states[0].keys() == states[1].keys()
    assert all(np.array_equal(states[0][key], states[1][key]) for key in states[0])


def state_of(reader: LogReader, lineage: object) -> dict[str, np.ndarray]:
    config = logged_config(reader)
    generators = assembly.build_generators(config)
    threads = assembly.build_threads(config, generators)
    (thread,), differing = inherit(config, threads, generators, lineage)  # type: ignore[arg-type]
    assert not differing
    return dict(thread.optimizer.state_dict())


def told_by_hand(reader: LogReader) -> dict[str, np.ndarray]:
    """The state after the lineage, and then the first generation of the branch itself."""
    config, lineage = logged_config(reader), reader.start.lineage
    generators = assembly.build_generators(config)
    threads = assembly.build_threads(config, generators)
    assert lineage is not None
    (thread,), _ = inherit(config, threads, generators, lineage)
    codes, scores = reader.codes_of_block(0, 0), reader.block(0).scores
    mine = scores.kind == "generated"
    thread.ask(int(codes.image_id[0]), len(codes.image_id))
    thread.optimizer.tell(codes.image_id, codes.code, scores.told_score[mine], scores.n_valid[mine])
    return dict(thread.optimizer.state_dict())


@pytest.mark.parametrize(
    ("where", "changes", "said"),
    [
        ("9", (), "there is no generation 9 to go on from: the log holds 0 to 2"),
        ("2", ("--set", "session.seed=7"), "session.seed: a branch keeps the seed"),
        ("2", ("--set", "threads.0.size=7"), "threads.0.size is not a known key"),
    ],
)
def test_a_branch_that_cannot_be_is_refused_before_anything_is_started(
    lab: Lab, own: LogReader, where: str, changes: tuple[str, ...], said: str
) -> None:
    done = lab.neuroloop("replay", "branch", str(own.path), "--from-generation", where, *changes)

    assert done.returncode == 2
    assert said in done.stderr
    assert len(lab.logs()) == 1
