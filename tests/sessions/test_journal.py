"""The journal gives back what was written, tolerates a torn end, and refuses damage before it."""

import errno
import math
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sessions.journal
from sessions.errors import JournalError, RecordError
from sessions.journal import (
    Journal,
    blocks_with_journals,
    read_journal,
    segment_path,
    sound_length,
)
from sessions.open_block import AskedGeneration, OpenedBlock, PresentedRow
from sessions.record_codec import decode, encode
from sessions.testing.synthetic import SyntheticSession, synthetic_record, synthetic_start

WANTED = SyntheticSession(generations=1)


def presented(number: int) -> PresentedRow:
    return PresentedRow(number, "ab" * 32, 1.5 + number, math.nan, 6, 0)


def opened() -> OpenedBlock:
    codes = np.arange(12, dtype=np.float32).reshape(3, 4)
    asked = AskedGeneration(0, 2, np.array([5, 6, 7]), codes, ("a", "b", "c"), {"sigma": 2.5})
    return OpenedBlock(2, 1.0, "2026-01-05T09:00:00Z", (asked,))


def test_a_record_comes_back_with_its_bits() -> None:
    asked = decode(encode(opened())).threads[0]

    np.testing.assert_array_equal(asked.codes, opened().threads[0].codes)
    assert (asked.codes.dtype, asked.image_ids.dtype) == (np.float32, np.int64)
    assert (asked.image_sha256s, asked.optimizer_summary) == (("a", "b", "c"), {"sigma": 2.5})


def test_a_whole_generation_comes_back_with_its_bits() -> None:
    start = synthetic_start(WANTED)
    record = synthetic_record(WANTED, start, 0, np.random.default_rng(0))
    back = decode(encode(record))

    for name in ("response_counts", "onset_rig_s", "presentation_id"):
        np.testing.assert_array_equal(
            getattr(back.presentations, name), getattr(record.presentations, name)
        )
    assert back.presentations.outcome == record.presentations.outcome
    np.testing.assert_array_equal(back.threads[0].images, record.threads[0].images)
    np.testing.assert_array_equal(back.threads[0].scores, record.threads[0].scores)
    assert encode(back) == encode(record)


def test_a_session_start_comes_back() -> None:
    start = synthetic_start(WANTED)

    assert encode(decode(encode(start))) == encode(start)


@pytest.mark.parametrize("value", [object(), np.array(["text"]), {1: print}, b"bytes"])
def test_what_no_record_may_hold_is_refused(value: object) -> None:
    with pytest.raises(RecordError, match="no part of a record"):
        encode(value)


@given(st.binary(max_size=300))
@settings(deadline=None, max_examples=200)
def test_foreign_bytes_are_refused_and_never_crash(data: bytes) -> None:
    with pytest.raises(RecordError):
        decode(b"\x01" + data)


@pytest.mark.parametrize(
    "data",
    [
        b'{"tree": {"record": "Path", "fields": {}}, "arrays": []}\0',
        b'{"tree": {"array": 0}, "arrays": [["|O", [1]]]}\0' + bytes(8),
        b'{"tree": {"array": 0}, "arrays": [["<f8", [-1]]]}\0',
        b'{"tree": {"array": 0}, "arrays": [["<f8", [2]]]}\0' + bytes(8),
        b'{"tree": 1, "arrays": []}\0more',
    ],
)
def test_a_record_of_something_else_is_refused(data: bytes) -> None:
    with pytest.raises(RecordError, match="hold no record"):
        decode(data)


def test_facts_come_back_in_order_and_blocks_are_told_apart(tmp_path: Path) -> None:
    for block in (3, 12):
        journal = Journal(tmp_path, block)
        journal.append(opened())
        for number in range(4):
            journal.append(presented(number))
        journal.sync()
        journal.close()

    assert blocks_with_journals(tmp_path) == [3, 12]
    facts = read_journal(segment_path(tmp_path, 12))
    assert [fact.presentation_id for fact in facts[1:]] == [0, 1, 2, 3]
    assert facts[0].block == 2


@given(cut=st.integers(min_value=1, max_value=5000), number=st.integers(1, 5))
@settings(deadline=None, max_examples=60)
def test_a_torn_end_loses_only_the_last_fact(
    tmp_path_factory: pytest.TempPathFactory, cut: int, number: int
) -> None:
    folder = tmp_path_factory.mktemp("torn")
    journal = Journal(folder, 0)
    ends = []
    for row in range(number):
        journal.append(presented(row))
        ends.append(journal.path.stat().st_size)
    journal.close()
    length = max(0, ends[-1] - cut)
    with journal.path.open("r+b") as file:
        file.truncate(length)

    whole = sum(end <= length for end in ends)
    assert [f.presentation_id for f in read_journal(journal.path)] == list(range(whole))
    again = Journal(folder, 0)
    again.append(presented(99))
    again.close()
    assert [f.presentation_id for f in read_journal(journal.path)] == [*range(whole), 99]


def test_damage_before_the_end_is_an_error_that_names_the_place(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 0)
    journal.append(presented(0))
    second = journal.path.stat().st_size
    journal.append(presented(1))
    journal.append(presented(2))
    journal.close()
    with journal.path.open("r+b") as file:
        file.seek(second + 40)
        file.write(b"X")

    with pytest.raises(JournalError, match=f"is damaged at byte {second}"):
        read_journal(journal.path)


def test_a_removed_journal_leaves_no_name(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 4)
    journal.append(presented(0))
    assert sound_length(journal.path) > 0
    journal.remove()

    assert blocks_with_journals(tmp_path) == []


def test_a_journal_is_gone_on_with(tmp_path: Path) -> None:
    first = Journal(tmp_path, 0)
    first.append(presented(0))
    first.close()
    second = Journal(tmp_path, 0)
    second.append(presented(1))
    second.rewrite()
    second.append(presented(2))
    second.close()

    assert [f.presentation_id for f in read_journal(second.path)] == [0, 1, 2]


@pytest.mark.parametrize("call", ["write", "fdatasync"])
def test_after_a_fault_nothing_more_is_taken_until_it_is_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    journal = Journal(tmp_path, 0)
    journal.append(presented(0))

    def fail(*_: object) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    def append_and_sync() -> None:
        journal.append(presented(1))
        journal.sync()

    with monkeypatch.context() as broken:
        broken.setattr(sessions.journal.os, call, fail)
        with pytest.raises(OSError, match="Input/output error"):
            append_and_sync()
    with pytest.raises(OSError, match="Input/output error"):
        journal.append(presented(2))
    with pytest.raises(OSError, match="Input/output error"):
        journal.sync()
    journal.rewrite()
    journal.append(presented(3))
    journal.sync()
    journal.close()

    assert [f.presentation_id for f in read_journal(journal.path)] == [0, 1, 2, 3]
    assert [path.name for path in journal.path.parent.iterdir()] == [journal.path.name]


def test_a_rewriting_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path, 0)
    journal.append(presented(0))
    before = journal.path.read_bytes()

    def fail(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as broken:
        broken.setattr(sessions.journal.os, "fdatasync", fail)
        with pytest.raises(OSError, match="No space left"):
            journal.rewrite()

    assert journal.path.read_bytes() == before
    journal.rewrite()
    journal.close()
    assert journal.path.read_bytes() == before


class Mine:
    """Leaves a trace when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("trap"),)  # type: ignore[return-value]  # what an attacker writes


PICKLE = pickle.dumps(Mine())


@pytest.mark.parametrize(
    "data",
    [
        PICKLE,
        b"\0" + PICKLE,
        b'{"tree":{"array":0},"arrays":[["|O",[1]]]}\0' + PICKLE[:8],
        b'{"tree":{"array":0},"arrays":[["|V%d",[1]]]}\0%b' % (len(PICKLE), PICKLE),
        b'{"tree":{"record":"Path","fields":{}},"arrays":[]}\0',
        b'{"tree":' + b"[" * 100_000 + b"\0",
        b'{"tree":' + b'{"mapping":[["a",' * 5000 + b"1" + b"]]}" * 5000 + b',"arrays":[]}\0',
        b'{"tree":' + b"9" * 5000 + b',"arrays":[]}\0',
        b'{"tree":1,"arrays":[["<f8",[%b]]]}\0' % (b"9" * 4000),
    ],
)
def test_a_bomb_or_a_pickle_in_a_journal_is_refused_and_does_not_run(
    data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RecordError, match="hold no record"):
        decode(data)
    assert not (tmp_path / "trap").exists()
