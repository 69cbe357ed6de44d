"""The logbook: what comes before the log is written later, and a commit is never left half done."""

import asyncio
import threading
from pathlib import Path

import numpy as np
import pytest

from controller.logbook import Logbook
from sessions.log import SessionLog
from sessions.reader import LogReader, open_log
from sessions.records import GenerationRecord
from sessions.testing.synthetic import SyntheticSession, synthetic_record, synthetic_start

from .conftest import run_clean

SMALL = SyntheticSession(generations=2, population_size=4, n_references=2)
START = synthetic_start(SMALL)


def record(block: int) -> GenerationRecord:
    return synthetic_record(SMALL, START, block, np.random.default_rng(block))


def reader_after(folder: Path) -> LogReader:
    return open_log(folder)


def test_events_from_before_the_log_are_written_in_their_order(tmp_path: Path) -> None:
    async def scene() -> None:
        logbook = Logbook()
        await logbook.event("state", "idle → preparing")
        await logbook.event("note", "Größe")
        assert not logbook.is_open
        await logbook.opened(SessionLog.create(tmp_path, START))
        assert logbook.is_open
        await logbook.event("note", "afterwards")

    run_clean(scene())

    events = reader_after(tmp_path).events
    assert list(zip(events.kind, events.text, strict=True)) == [
        ("state", "idle → preparing"),
        ("note", "Größe"),
        ("note", "afterwards"),
    ]
    assert events.host_time_s[0] <= events.host_time_s[1] <= events.host_time_s[2]


def test_many_writers_take_turns(tmp_path: Path) -> None:
    async def scene() -> None:
        logbook = Logbook()
        await logbook.opened(SessionLog.create(tmp_path, START))
        await asyncio.gather(
            *(logbook.event("note", f"{k}") for k in range(10)), logbook.commit(record(0))
        )
        await logbook.finish("success", "complete")

    run_clean(scene())

    log = reader_after(tmp_path)
    assert sorted(log.events.text, key=int) == [str(k) for k in range(10)]
    assert log.generations_committed == 1
    assert log.end is not None
    assert (log.end.exit_status, log.end.reason) == ("success", "complete")


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


def test_a_commit_is_finished_although_its_task_is_cancelled(tmp_path: Path) -> None:
    async def scene() -> None:
        logbook = Logbook()
        log = SlowLog(SessionLog.create(tmp_path, START))
        await logbook.opened(log)  # type: ignore[arg-type]  # a slow disk
        committing = asyncio.create_task(logbook.commit(record(0)))
        await asyncio.to_thread(log.began.wait, 10)
        committing.cancel()
        await asyncio.sleep(0)
        assert not committing.done()
        log.go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await committing
        await logbook.finish("abort", "interrupted")

    run_clean(scene())

    log = reader_after(tmp_path)
    assert log.generations_committed == 1
    assert log.end is not None
    assert log.end.exit_status == "abort"


def test_a_session_that_never_began_needs_no_end() -> None:
    async def scene() -> None:
        logbook = Logbook()
        await logbook.event("state", "idle → aborting")
        await logbook.finish("abort", "interrupted")
        with pytest.raises(RuntimeError, match="before the log is open"):
            await logbook.commit(record(0))

    run_clean(scene())
