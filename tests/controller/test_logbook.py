"""The logbook: journal first, the log behind it; a disk that takes nothing holds the session."""

import asyncio
import errno
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sessions.journal
import sessions.twin
from controller.logbook import Logbook
from sessions.errors import RecordError
from sessions.journal import blocks_with_journals, read_journal, segment_path
from sessions.log import SessionLog
from sessions.open_block import CommittedBlock, FinishedPart, OpenedBlock
from sessions.reader import open_log
from sessions.record_codec import encode
from sessions.records import GenerationRecord
from sessions.recover import complete_log, recover
from sessions.replay import read_record
from sessions.testing.synthetic import (
    SyntheticSession,
    facts_of,
    synthetic_record,
    synthetic_start,
)

from .conftest import run_clean

SMALL = SyntheticSession(generations=4, population_size=4, n_references=2)
START = synthetic_start(SMALL)


def record(block: int) -> GenerationRecord:
    return synthetic_record(SMALL, START, block, np.random.default_rng(block))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """The first two generations as a log gives them back that was written without a journal."""
    folder = tmp_path_factory.mktemp("undisturbed")
    log = SessionLog.create(folder, START)
    for block in (0, 1):
        log.commit_generation(record(block))
    log.close()
    return logged(folder)


def logged(folder: Path) -> list[bytes]:
    log = open_log(folder)
    return [encode(read_record(log, block)) for block in range(log.generations_committed)]


class Hold:
    """Takes the faults that hold the session; `mend` is called at each."""

    def __init__(self, mend: Any = None) -> None:
        self.faults: list[int | None] = []
        self._mend = mend

    async def __call__(self, error: OSError) -> None:
        self.faults.append(error.errno)
        if self._mend is None:
            raise error
        self._mend()


async def open_one(logbook: Logbook, generation: GenerationRecord) -> None:
    opened, *others = facts_of(generation)
    assert isinstance(opened, OpenedBlock)
    await logbook.open_block(opened, [f for f in others if not isinstance(f, FinishedPart)])
    logbook.part_ended(next(f for f in others if isinstance(f, FinishedPart)))


async def show_and_commit(logbook: Logbook, block: int) -> None:
    await open_one(logbook, record(block))
    await logbook.commit(record(block))


def test_events_from_before_the_log_are_written_in_their_order(tmp_path: Path) -> None:
    async def scene() -> None:
        logbook = Logbook(Hold())
        await logbook.event("state", "idle → preparing")
        await logbook.event("note", "Größe")
        assert not logbook.is_open
        await logbook.opened(SessionLog.create(tmp_path, START))
        assert logbook.is_open
        await logbook.event("note", "afterwards")
        await logbook.finish("success", "complete")

    run_clean(scene())

    events = open_log(tmp_path).events
    assert list(zip(events.kind, events.text, strict=True)) == [
        ("state", "idle → preparing"),
        ("note", "Größe"),
        ("note", "afterwards"),
    ]
    assert events.host_time_s[0] <= events.host_time_s[1] <= events.host_time_s[2]


def test_many_writers_take_turns(tmp_path: Path) -> None:
    async def scene() -> None:
        logbook = Logbook(Hold())
        await logbook.opened(SessionLog.create(tmp_path, START))
        await asyncio.gather(
            *(logbook.event("note", f"{k}") for k in range(10)), show_and_commit(logbook, 0)
        )
        await logbook.finish("success", "complete")

    run_clean(scene())

    log = open_log(tmp_path)
    assert sorted(log.events.text, key=int) == [str(k) for k in range(10)]
    assert log.generations_committed == 1
    assert log.end is not None
    assert (log.end.exit_status, log.end.reason) == ("success", "complete")
    assert blocks_with_journals(tmp_path) == []


class SlowLog:
    """Writes to a log only when it is told to."""

    def __init__(self, log: SessionLog) -> None:
        self._log = log
        self.began, self.go_on = threading.Event(), threading.Event()

    def commit_generation(self, record: GenerationRecord) -> None:
        self.began.set()
        assert self.go_on.wait(10)
        self._log.commit_generation(record)

    def __getattr__(self, name: str) -> object:
        return getattr(self._log, name)


def test_a_generation_is_durable_before_the_log_has_it(tmp_path: Path) -> None:
    async def scene() -> None:
        logbook = Logbook(Hold())
        log = SlowLog(SessionLog.create(tmp_path, START))
        await logbook.opened(log)  # type: ignore[arg-type]  # a slow disk
        await show_and_commit(logbook, 0)
        await asyncio.to_thread(log.began.wait, 10)

        assert open_log(tmp_path).generations_committed == 0
        facts = read_journal(segment_path(tmp_path, 0))
        assert isinstance(facts[-1], CommittedBlock)
        log.go_on.set()
        await logbook.finish("success", "complete")

    run_clean(scene())

    assert open_log(tmp_path).generations_committed == 1


def test_a_process_that_dies_before_the_log_has_a_generation_loses_nothing(
    tmp_path: Path, undisturbed: list[bytes]
) -> None:
    """The journal as it is at that moment, copied away, completes the log bit for bit."""
    crashed = tmp_path / "crashed"

    async def scene() -> None:
        logbook = Logbook(Hold())
        log = SlowLog(SessionLog.create(tmp_path / "alive", START))
        await logbook.opened(log)  # type: ignore[arg-type]  # a slow disk
        await show_and_commit(logbook, 0)
        await logbook.event("note", "said between two blocks")
        await open_one(logbook, record(1))
        await logbook.event("note", "said within a block")
        await asyncio.to_thread(log.began.wait, 10)
        await asyncio.to_thread(os.system, f"cp -r {tmp_path / 'alive'} {crashed}")
        log.go_on.set()
        await logbook.finish("abort", "enough")

    run_clean(scene())

    cut_off = recover(crashed)
    assert cut_off.reader.generations_committed == 1
    assert logged(crashed) == undisturbed[:1]
    assert cut_off.reader.events.text.tolist() == ["said between two blocks", "said within a block"]
    assert cut_off.interrupted is not None
    assert cut_off.interrupted.opened.block == 1
    assert blocks_with_journals(crashed) == [1]
    assert complete_log(crashed) == 0


def test_the_loop_waits_for_a_log_that_is_far_behind(tmp_path: Path) -> None:
    async def scene() -> None:
        logbook = Logbook(Hold())
        log = SlowLog(SessionLog.create(tmp_path, START))
        await logbook.opened(log)  # type: ignore[arg-type]  # a slow disk
        await show_and_commit(logbook, 0)
        for number in range(6):
            await logbook.event("note", f"{number}")
        opening = asyncio.create_task(show_and_commit(logbook, 1))
        await asyncio.to_thread(log.began.wait, 10)
        await asyncio.sleep(0)
        assert not opening.done()
        log.go_on.set()
        await opening
        await logbook.finish("success", "complete")

    run_clean(scene())

    assert open_log(tmp_path).generations_committed == 2


def test_a_commit_is_finished_although_its_task_is_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, go_on = threading.Event(), threading.Event()
    sync = os.fdatasync

    def slow_sync(fd: int) -> None:
        began.set()
        assert go_on.wait(10)
        sync(fd)

    async def scene() -> None:
        logbook = Logbook(Hold())
        await logbook.opened(SessionLog.create(tmp_path, START))
        await open_one(logbook, record(0))
        await asyncio.gather(*logbook._background)
        monkeypatch.setattr(sessions.journal.os, "fdatasync", slow_sync)
        committing = asyncio.create_task(logbook.commit(record(0)))
        await asyncio.to_thread(began.wait, 10)
        committing.cancel()
        await asyncio.sleep(0)
        assert not committing.done()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await committing
        await logbook.finish("abort", "interrupted")

    run_clean(scene())

    log = open_log(tmp_path)
    assert log.generations_committed == 1
    assert log.end is not None
    assert log.end.exit_status == "abort"


def test_eio_on_fsync_is_never_retried_as_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: list[bytes]
) -> None:
    """A disk forgets what it could not write, so that the next sync of the file says nothing."""
    synced: list[str] = []
    sync = os.fdatasync

    def sync_that_fails_once(fd: int) -> None:
        name = Path(os.readlink(f"/proc/self/fd/{fd}")).name
        synced.append(name)
        if len(synced) == 1:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        sync(fd)

    hold = Hold(mend=lambda: None)

    async def scene() -> None:
        logbook = Logbook(hold)
        await logbook.opened(SessionLog.create(tmp_path, START))
        monkeypatch.setattr(sessions.journal.os, "fdatasync", sync_that_fails_once)
        await show_and_commit(logbook, 0)
        await show_and_commit(logbook, 1)
        await logbook.finish("success", "complete")

    run_clean(scene())

    assert hold.faults == [errno.EIO]
    assert synced[:3] == ["block-000000.nlj", "block-000000.new", "block-000000.nlj"]
    assert logged(tmp_path) == undisturbed


def test_a_disk_that_takes_no_writes_holds_the_session_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: list[bytes]
) -> None:
    write, broken = os.write, threading.Event()

    def write_or_fail(fd: int, data: Any) -> int:
        if broken.is_set():
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return write(fd, data)

    hold = Hold(mend=broken.clear)

    async def scene() -> None:
        logbook = Logbook(hold)
        await logbook.opened(SessionLog.create(tmp_path, START))
        monkeypatch.setattr(sessions.journal.os, "write", write_or_fail)
        await open_one(logbook, record(0))
        broken.set()
        with pytest.raises(OSError, match="Read-only"):
            await logbook.event("note", "said while nothing could be written")
        await logbook.commit(record(0))
        await logbook.event("note", "said afterwards")
        await logbook.finish("success", "complete")

    run_clean(scene())

    assert hold.faults == [errno.EROFS]
    assert logged(tmp_path) == undisturbed[:1]
    assert open_log(tmp_path).events.text.tolist() == [
        "said while nothing could be written",
        "said afterwards",
    ]


def test_a_log_that_cannot_be_written_holds_the_session_at_the_next_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pwrite, broken = os.pwrite, threading.Event()

    def write_or_fail(fd: int, data: Any, offset: int) -> int:
        if broken.is_set():
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return pwrite(fd, data, offset)

    hold = Hold(mend=broken.clear)

    async def scene() -> None:
        logbook = Logbook(hold)
        await logbook.opened(SessionLog.create(tmp_path, START))
        monkeypatch.setattr(os, "pwrite", write_or_fail)
        broken.set()
        await show_and_commit(logbook, 0)
        await asyncio.to_thread(logbook._projector._thread.submit(lambda: None).result)
        await show_and_commit(logbook, 1)
        await logbook.finish("success", "complete")

    run_clean(scene())

    assert hold.faults == [errno.EIO]
    assert open_log(tmp_path).generations_committed == 2


def test_a_log_whose_name_could_not_be_synced_holds_the_session_and_nothing_is_written_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: list[bytes]
) -> None:
    sync_directory, broken = sessions.twin.sync_directory, threading.Event()

    def sync_or_fail(folder: Path) -> None:
        if broken.is_set():
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        sync_directory(folder)

    hold = Hold(mend=broken.clear)

    async def scene() -> None:
        logbook = Logbook(hold)
        await logbook.opened(SessionLog.create(tmp_path, START))
        monkeypatch.setattr(sessions.twin, "sync_directory", sync_or_fail)
        broken.set()
        await logbook.event("note", "once")
        await show_and_commit(logbook, 0)
        await asyncio.to_thread(logbook._projector._thread.submit(lambda: None).result)
        await show_and_commit(logbook, 1)
        await logbook.finish("success", "complete")

    run_clean(scene())

    assert hold.faults == [errno.EIO]
    assert logged(tmp_path) == undisturbed
    assert open_log(tmp_path).events.text.tolist() == ["once"]


def test_a_full_disk_holds_the_session_before_a_block_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free_bytes = [0]
    monkeypatch.setattr(
        "controller.logbook.shutil.disk_usage",
        lambda _: type("Usage", (), {"free": free_bytes[0]}),
    )
    hold = Hold(mend=lambda: free_bytes.__setitem__(0, 10**12))

    async def scene() -> None:
        logbook = Logbook(hold)
        await logbook.opened(SessionLog.create(tmp_path, START))
        await open_one(logbook, record(0))
        assert hold.faults == [errno.ENOSPC]
        await logbook.commit(record(0))
        await logbook.finish("success", "complete")

    run_clean(scene())

    assert open_log(tmp_path).generations_committed == 1


def test_a_held_session_that_is_to_end_raises_the_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_fd: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    async def scene() -> None:
        logbook = Logbook(Hold())
        await logbook.opened(SessionLog.create(tmp_path, START))
        monkeypatch.setattr(sessions.journal.os, "fdatasync", fail)
        await open_one(logbook, record(0))
        with pytest.raises(OSError, match="Input/output"):
            await logbook.commit(record(0))
        with pytest.raises(OSError, match="Input/output"):
            await logbook.finish("fail", "the disk is broken")

    run_clean(scene())

    assert open_log(tmp_path).end is None


def test_a_generation_out_of_turn_is_refused_before_it_is_journalled(tmp_path: Path) -> None:
    async def scene() -> None:
        logbook = Logbook(Hold())
        await logbook.opened(SessionLog.create(tmp_path, START))
        await open_one(logbook, record(0))
        with pytest.raises(RecordError):
            await logbook.commit(record(1))
        await logbook.finish("fail", "a fault in the program")

    run_clean(scene())

    (block,) = blocks_with_journals(tmp_path)
    facts = read_journal(segment_path(tmp_path, block))
    assert not any(isinstance(fact, CommittedBlock) for fact in facts)


def test_a_quiet_logbook_can_be_recovered_and_goes_on(
    tmp_path: Path, undisturbed: list[bytes]
) -> None:
    async def scene() -> None:
        logbook = Logbook(Hold())
        await logbook.opened(SessionLog.create(tmp_path, START))
        await show_and_commit(logbook, 0)
        await open_one(logbook, record(1))
        await logbook.quiesce()
        await logbook.event("note", "said meanwhile")
        cut_off = recover(tmp_path)
        assert cut_off.interrupted is not None
        await logbook.opened(SessionLog.resume(tmp_path, cut_off.reader.start))
        await logbook.commit(record(1))
        await logbook.finish("success", "complete")

    run_clean(scene())

    log = open_log(tmp_path)
    assert logged(tmp_path) == undisturbed
    assert log.events.text.tolist() == ["said meanwhile"]


def test_a_session_that_never_began_needs_no_end() -> None:
    async def scene() -> None:
        logbook = Logbook(Hold())
        await logbook.event("state", "idle → aborting")
        with pytest.raises(RuntimeError, match="before the log is open"):
            await logbook.commit(record(0))
        await logbook.finish("abort", "interrupted")

    run_clean(scene())
