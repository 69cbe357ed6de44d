"""Commits that die half-way, readers that look on, events that must not be lost."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from sessions import storage
from sessions.checks import run_checks
from sessions.errors import LogBusyError, LogFormatError
from sessions.log import SessionLog
from sessions.overlay import Pages
from sessions.reader import open_log
from sessions.records import Event, SessionEnd
from sessions.schema import ADDED_LATER
from sessions.testing.synthetic import (
    SyntheticSession,
    synthetic_record,
    synthetic_start,
    write_synthetic_log,
)
from sessions.twin import TwinFile

WANTED = SyntheticSession(generations=3)
START = synthetic_start(WANTED)


def commit(log: SessionLog, block: int) -> None:
    log.commit_generation(synthetic_record(WANTED, START, block, np.random.default_rng(block)))


def row_counts(path: Path) -> dict[str, int]:
    counts: dict[str, int] = {}

    def count(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset) and item.shape:
            counts[name] = item.shape[0]

    with h5py.File(path, "r") as file:
        file.visititems(count)
    return counts


class DeathError(Exception):
    """Stands for whatever ends a process in the middle of a commit."""


@pytest.mark.parametrize("written_tables", [0, 1, 5, 9, 13])
def test_a_commit_that_dies_half_way_counts_for_nothing_and_is_repaired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written_tables: int
) -> None:
    log = SessionLog.create(tmp_path, START)
    commit(log, 0)
    whole = row_counts(log.path)
    left = [written_tables]

    def die(*args: object) -> int:
        if not left[0]:
            raise DeathError
        left[0] -= 1
        return storage.write_rows(*args)  # type: ignore[arg-type]  # handed through

    with monkeypatch.context() as patched:
        patched.setattr("sessions.log.write_rows", die)
        with pytest.raises(DeathError):
            commit(log, 1)

    assert open_log(tmp_path).generations_committed == 1
    resumed = SessionLog.resume(tmp_path, open_log(tmp_path).start)
    assert row_counts(log.path) == whole
    commit(resumed, 1)
    reader = open_log(tmp_path)
    assert reader.generations_committed == 2
    assert {finding.check for finding in run_checks(reader)} == {"proper end"}


def test_rows_beyond_the_counter_are_not_read_and_overwritten_after_a_resume(
    tmp_path: Path,
) -> None:
    log = SessionLog.create(tmp_path, START)
    commit(log, 0)
    commit(log, 1)
    with h5py.File(log.path, "r+") as file:
        file.attrs["generations_committed"] = 1

    assert set(open_log(tmp_path).scores.block) == {0}
    commit(SessionLog.resume(tmp_path, START), 1)
    reader = open_log(tmp_path)
    assert reader.generations_committed == 2
    assert {finding.check for finding in run_checks(reader)} == {"proper end"}


def test_a_log_that_lost_committed_rows_is_refused(tmp_path: Path) -> None:
    log = SessionLog.create(tmp_path, START)
    commit(log, 0)
    with h5py.File(log.path, "r+") as file:
        file["spikes/unit_id"].resize(3, axis=0)

    with pytest.raises(LogFormatError, match="unit_id of the log holds 3 rows"):
        SessionLog.resume(tmp_path, START)
    with pytest.raises(LogFormatError, match="fewer rows of unit_id"):
        _ = open_log(tmp_path).spikes


LOOK = """
import h5py, sys
with h5py.File(sys.argv[1], "r") as file:
    print(file.attrs["generations_committed"], file["scores/score"].shape[0])
"""


def look_from_outside(path: Path) -> list[int]:
    done = subprocess.run(
        [sys.executable, "-c", LOOK, str(path)], capture_output=True, text=True, check=True
    )
    return [int(word) for word in done.stdout.split()]


def test_another_process_reads_a_live_session_between_commits(tmp_path: Path) -> None:
    log = SessionLog.create(tmp_path, START)
    per_block = 2 * (WANTED.population_size + WANTED.n_references)
    for block in range(3):
        commit(log, block)
        assert look_from_outside(log.path) == [block + 1, (block + 1) * per_block]


HOLD = """
import h5py, sys
with h5py.File(sys.argv[1], sys.argv[2]) as file:
    print("open", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def hold_open():
    """Return a function that keeps a file open in another process until the test ends."""
    held: list[subprocess.Popen[str]] = []

    def hold(path: Path, mode: str) -> None:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(path), mode],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        held.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"

    yield hold
    for process in held:
        process.communicate()


def test_a_reader_that_keeps_the_file_open_stops_no_commit(tmp_path: Path, hold_open) -> None:
    log = SessionLog.create(tmp_path, START)
    hold_open(log.path, "r")
    commit(log, 0)

    assert open_log(tmp_path).generations_committed == 1


def test_somebody_who_holds_the_file_for_writing_cannot_harm_the_log(
    tmp_path: Path, hold_open
) -> None:
    log = SessionLog.create(tmp_path, START)
    hold_open(log.path, "r+")
    for block in range(3):
        commit(log, block)

    assert {finding.check for finding in run_checks(open_log(tmp_path))} == {"proper end"}


def test_a_log_that_stays_open_for_writing_is_not_waited_for(
    tmp_path: Path, hold_open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "WRITER_GRACE_S", 0.0)
    log = SessionLog.create(tmp_path, START)
    hold_open(log.path, "r+")

    with pytest.raises(LogBusyError, match="close it there and try again"):
        open_log(log.path)


def test_a_commit_after_one_that_failed_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = SessionLog.create(tmp_path, START)
    commit(log, 0)

    def fail(*_: object) -> int:
        raise OSError("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("sessions.log.write_rows", fail)
        with pytest.raises(OSError, match="no space"):
            commit(log, 1)
    commit(log, 1)
    commit(log, 2)

    assert open_log(tmp_path).generations_committed == 3
    assert {finding.check for finding in run_checks(open_log(tmp_path))} == {"proper end"}


def test_a_log_from_before_a_column_was_added_is_read_and_can_go_on(tmp_path: Path) -> None:
    wanted = SyntheticSession(generations=2)
    path = write_synthetic_log(tmp_path, wanted, end=None)
    with h5py.File(path, "r+") as file:
        for table, column in ADDED_LATER:
            del file[table][column]

    before = open_log(path)
    assert set(before.presentations.reason) == {""}
    assert np.isnan(before.presentations.onset_uncertainty_s).all()
    log = SessionLog.resume(path.parent, before.start)
    rng = np.random.default_rng(0)
    log.commit_generation(synthetic_record(wanted, before.start, 2, rng))

    after = open_log(path).presentations
    assert set(after.reason[after.block < 2]) == {""}
    assert len(set(after.reason[after.block == 2])) > 1
    known = np.isfinite(after.onset_uncertainty_s)
    np.testing.assert_array_equal(known, (after.block == 2) & np.isfinite(after.onset_rig_s))
    assert len(after.reason) == len(after.outcome)


def forget_trials(path: Path) -> None:
    """Make a log what it would be if trials had not been kept yet."""
    with h5py.File(path, "r+") as file:
        rows = file["commits/rows"]
        tables, counts, described = list(rows.attrs["tables"]), rows[:], dict(rows.attrs)
        place = tables.index(b"trials")
        described["tables"] = np.delete(tables, place)
        del file["trials"], file["commits/rows"]
        older = np.delete(counts, place, axis=1)
        made = file.create_dataset("commits/rows", data=older, maxshape=(None, older.shape[1]))
        made.attrs.update(described)


def test_a_log_from_before_trials_were_kept_is_read_and_can_go_on(tmp_path: Path) -> None:
    wanted = SyntheticSession(generations=2)
    path = write_synthetic_log(tmp_path, wanted, end=None)
    new = row_counts(path)
    forget_trials(path)

    before = open_log(path)
    assert len(before.trials.trial_id) == 0
    log = SessionLog.resume(path.parent, before.start)
    assert row_counts(path) == {
        name: 0 if name.startswith("trials/") else count for name, count in new.items()
    }
    record = synthetic_record(wanted, before.start, 2, np.random.default_rng(0))
    log.commit_generation(record)

    after = open_log(path)
    assert set(after.trials.block) == {2}
    assert after.trials.trial_id.tolist() == record.trials.trial_id.tolist()
    assert set(after.presentations.block) == {0, 1, 2}
    assert {finding.check for finding in run_checks(after)} == {"proper end"}


def test_the_name_of_a_new_log_appears_on_a_complete_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, before = os.link, []

    def look_and_link(source: Path, target: Path) -> None:
        before.append(target.exists())
        link(source, target)

    monkeypatch.setattr(os, "link", look_and_link)
    SessionLog.create(tmp_path, START)

    assert before == [False]
    assert open_log(tmp_path).generations_committed == 0


def test_who_opened_the_file_before_it_became_the_twin_cannot_read_it_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = SessionLog.create(tmp_path, START)
    commit(log, 0)
    opened_early = os.open(log.path, os.O_RDONLY)
    commit(log, 1)
    write_to, refused = Pages.write_to, []

    def try_to_read_and_write(self: Pages, fd: int) -> None:
        try:
            fcntl.flock(opened_early, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            refused.append(os.fstat(fd).st_ino == os.fstat(opened_early).st_ino)
        write_to(self, fd)

    monkeypatch.setattr(Pages, "write_to", try_to_read_and_write)
    commit(log, 2)
    os.close(opened_early)

    # Twice: with what the twin had missed, and with what is new.
    assert refused == [True, True]


def test_the_end_of_a_session_leaves_one_file(tmp_path: Path) -> None:
    log = SessionLog.create(tmp_path, START)
    for block in range(3):
        commit(log, block)
    log.finish(SessionEnd("2026-01-05T10:00:00Z", "success", "complete"))

    assert [path.name for path in tmp_path.iterdir()] == ["session.h5"]


def test_a_snapshot_keeps_its_rows_until_it_is_refreshed(tmp_path: Path) -> None:
    log = SessionLog.create(tmp_path, START)
    commit(log, 0)
    early = open_log(tmp_path)
    commit(log, 1)

    assert set(early.scores.block) == {0}
    assert set(early.refresh().scores.block) == {0, 1}


CRASH = """
import os, sys
from pathlib import Path
from sessions.log import SessionLog
from sessions.records import Event
from sessions.twin import TwinFile
from sessions.testing.synthetic import SyntheticSession, synthetic_start
log = SessionLog.create(Path(sys.argv[1]), synthetic_start(SyntheticSession(generations=3)))
log.append_event(Event(1.0, "2026-01-05T09:00:00Z", "note", "schläft ein, 3°"))
log.append_event(Event(2.0, "2026-01-05T09:00:01Z", "fault", "gone"))
os._exit(9)
"""


def test_events_survive_the_process_without_any_commit(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", CRASH, str(tmp_path)], env=environment, check=False
    )

    assert done.returncode == 9
    events = open_log(tmp_path).events
    assert events.text.tolist() == ["schläft ein, 3°", "gone"]
    assert events.kind.tolist() == ["note", "fault"]


def test_a_half_written_event_is_not_read(tmp_path: Path) -> None:
    log = SessionLog.create(tmp_path, START)
    log.append_event(Event(1.0, "2026-01-05T09:00:00Z", "note", "whole"))
    with h5py.File(log.path, "r+") as file:
        file["events/kind"].resize(2, axis=0)

    assert open_log(tmp_path).events.text.tolist() == ["whole"]
    log.append_event(Event(2.0, "2026-01-05T09:00:01Z", "note", "next"))
    assert open_log(tmp_path).events.text.tolist() == ["whole", "next"]


def test_a_commit_is_on_disk_before_it_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = SessionLog.create(tmp_path, START)
    seen: list[str] = []

    fsync = os.fsync

    def watched(fd: int) -> None:
        fsync(fd)
        name = Path(os.readlink(f"/proc/self/fd/{fd}")).name
        if name != ".session.h5.twin":
            seen.append("folder" if name == tmp_path.name else name)
            return
        with h5py.File(tmp_path / name, "r") as new, h5py.File(log.path, "r") as old:
            counts = [int(file.attrs["generations_committed"]) for file in (new, old)]
        seen.append(f"file {counts}")

    monkeypatch.setattr("os.fsync", watched)
    commit(log, 0)

    assert seen == ["file [1, 0]", "folder"]


@pytest.mark.parametrize("number", [errno.EROFS, errno.EIO, errno.ENOSPC])
@pytest.mark.parametrize("call", ["pwrite", "ftruncate", "fsync", "link", "pread"])
def test_a_disk_that_fails_within_a_change_leaves_the_log_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    log = SessionLog.create(tmp_path, START)
    commit(log, 0)
    before = log.path.read_bytes()

    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as broken:
        broken.setattr(os, call, fail)
        with pytest.raises(OSError, match=os.strerror(number)) as raised:
            commit(log, 1)

    assert raised.value.errno == number
    assert log.path.read_bytes() == before
    commit(log, 1)
    log.close()
    assert open_log(tmp_path).generations_committed == 2
    assert [path.name for path in tmp_path.iterdir()] == ["session.h5"]


def test_a_change_whose_name_could_not_be_made_durable_is_in_place_and_is_not_made_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = SessionLog.create(tmp_path, START)

    def fail(_folder: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as broken:
        broken.setattr("sessions.twin.sync_directory", fail)
        with pytest.raises(OSError, match="Input/output error"):
            commit(log, 0)
        with pytest.raises(OSError, match="Input/output error"):
            log.sync()
    before, inode = log.path.read_bytes(), log.path.stat().st_ino
    log.sync()

    assert log.path.read_bytes() == before
    assert log.path.stat().st_ino != inode, "what failed to be synced was not written anew"
    assert log.generations_committed == 1
    commit(log, 1)
    log.close()
    assert open_log(tmp_path).generations_committed == 2


def test_changes_of_any_size_come_out_as_hdf5_itself_would_write_them(tmp_path: Path) -> None:
    """The same random changes, through the twin and by h5py in place, give the same data."""
    rng = np.random.default_rng(7)
    plain, replaced = tmp_path / "plain.h5", TwinFile(tmp_path / "replaced.h5")

    def make(file: h5py.File) -> None:
        for name, dtype in (("small", "i4"), ("large", "f8")):
            file.create_dataset(name, (0,), dtype, chunks=(4096,), maxshape=(None,))
        file.create_dataset("texts", (0,), h5py.string_dtype(), maxshape=(None,))

    def grow(file: h5py.File, seed: int) -> None:
        values = np.random.default_rng(seed)
        for name in file:
            n, cut = int(values.integers(0, 60_000 if name == "large" else 50)), values.integers(9)
            data = values.integers(0, 1000, n)
            kept = max(0, file[name].shape[0] - int(cut))
            file[name].resize(kept + n, axis=0)
            file[name][kept:] = [str(x) for x in data] if name == "texts" else data
        file.attrs[f"a{seed}"] = "x" * seed

    with h5py.File(plain, "w", libver="earliest") as file:
        make(file)
    replaced.create(make)
    for seed in rng.integers(0, 200, 12).tolist():
        with h5py.File(plain, "r+", libver="earliest") as file:
            grow(file, seed)
        replaced.apply(lambda file, seed=seed: grow(file, seed))
        with h5py.File(plain) as a, h5py.File(replaced.path) as b:
            assert dict(a.attrs) == dict(b.attrs)
            for name in a:
                np.testing.assert_array_equal(a[name][:], b[name][:])
    replaced.remove_twin()


def test_a_disk_with_too_little_room_is_refused_before_it_is_touched(tmp_path: Path) -> None:
    log = SessionLog.create(tmp_path, START)
    before = log.path.read_bytes()
    touched: list[str] = []

    with pytest.raises(OSError, match="No space left on device") as raised:
        TwinFile(log.path).apply(lambda file: touched.append(file.filename), 2**60)

    assert raised.value.errno == 28
    assert touched == []
    assert log.path.read_bytes() == before
