"""Sessions whose rig reports rates in files: stored, read back, scored and audited."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sessions.analysis.responses import ScoringRule, score_reported
from sessions.audit import Auditor
from sessions.checks import run_checks
from sessions.errors import RecordError
from sessions.psths import block_psths
from sessions.reader import open_log
from sessions.records import GenerationRecord
from sessions.replay import read_record
from sessions.report import draw_summary
from sessions.testing.reported import write_reported_log
from sessions.testing.synthetic import SyntheticSession

WANTED = SyntheticSession(generations=2)
Alter = Callable[[GenerationRecord], GenerationRecord]


def found_in(path: Path) -> set[str]:
    """Names of the questions of the audit that found something."""
    reader = open_log(path)
    auditor = Auditor(reader.start, reader.path.parent)
    audits = [auditor.audit(reader.block(k)) for k in range(reader.generations_committed)]
    return {difference.check for audit in audits for difference in audit.differences}


def test_rates_are_read_back_as_they_were_reported(tmp_path: Path) -> None:
    written: list[GenerationRecord] = []

    def remember(record: GenerationRecord) -> GenerationRecord:
        written.append(record)
        return record

    reader = open_log(write_reported_log(tmp_path, WANTED, remember))

    assert reader.start.response_window_s is None
    for block, record in enumerate(written):
        again = read_record(reader, block)
        assert again.reported.file == record.reported.file
        np.testing.assert_array_equal(again.reported.rates, record.reported.rates)
        np.testing.assert_array_equal(again.threads[0].scores, record.threads[0].scores)
        assert again.replies.sha256 == record.replies.sha256
    assert [f.message for f in run_checks(reader) if f.severity == "error"] == []
    draw_summary(reader, tmp_path / "summary.png")
    assert (tmp_path / "summary.png").stat().st_size > 10_000
    with pytest.raises(RecordError, match="no spikes"):
        block_psths(reader)


def test_a_score_is_the_mean_of_what_was_reported_exactly_summed() -> None:
    rates = np.array([[1e16, 1.0], [-1e16, 1.0], [7.0, math.nan], [4.0, 8.0]])
    completed = np.array([True, True, False, True])

    scores = score_reported(np.array([5, 6, 9]), np.array([5, 5, 5, 6]), completed, rates)

    # Added one after the other, the first four would make 0 or 2, by their order.
    assert scores.scores[:2].tolist() == [0.5, 6.0]
    assert math.isnan(scores.scores[2])
    assert scores.n_valid.tolist() == [2, 1, 0]
    with pytest.raises(ValueError, match="no data is not 0"):
        score_reported(np.array([5]), np.array([5, 5, 5, 6]), ~completed, rates)


def test_nothing_is_subtracted_from_reported_rates() -> None:
    with pytest.raises(ValueError, match="Nothing can be subtracted"):
        ScoringRule(None, (0.0, 0.04), "block")


def rates_of_another(record: GenerationRecord) -> GenerationRecord:
    rates = np.roll(record.reported.rates, 1, axis=0)
    return replace(record, reported=replace(record.reported, rates=rates))


def without_a_row(record: GenerationRecord) -> GenerationRecord:
    last = next(
        row for row, outcome in enumerate(record.presentations.outcome) if outcome == "completed"
    )
    table = record.reported
    kept = [row for row in range(len(table.presentation_id)) if row != last]
    return replace(
        record,
        reported=replace(
            table,
            presentation_id=table.presentation_id[kept],
            file=tuple(table.file[row] for row in kept),
            file_sha256=tuple(table.file_sha256[row] for row in kept),
            rates=table.rates[kept],
        ),
    )


def scores_of_another(record: GenerationRecord) -> GenerationRecord:
    first = record.threads[0]
    scores = np.roll(first.scores, 1)
    changed = replace(first, scores=scores, told_scores=scores)
    return replace(record, threads=(changed, *record.threads[1:]))


def counts_of_nothing(record: GenerationRecord) -> GenerationRecord:
    counts = np.zeros_like(record.presentations.response_counts)
    return replace(record, presentations=replace(record.presentations, response_counts=counts))


FAULTS: dict[str, tuple[str, Alter]] = {
    "rates of another image": ("rates from replies", rates_of_another),
    "a presentation that is missing": ("rates from replies", without_a_row),
    "scores of another image": ("scores from spikes", scores_of_another),
    "counts of spikes": ("counts from spikes", counts_of_nothing),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_audit_finds(fault: str, tmp_path: Path) -> None:
    question, alter = FAULTS[fault]
    assert question in found_in(write_reported_log(tmp_path, WANTED, alter))


def test_the_audit_finds_a_reply_that_was_changed_or_is_gone(tmp_path: Path) -> None:
    path = write_reported_log(tmp_path, WANTED)
    assert found_in(path) == set()
    first, second = sorted((tmp_path / "replies").iterdir())
    whole = first.read_bytes()
    # Of the text that MATLAB puts before the file, which changes nothing that it says.
    first.write_bytes(whole[:5] + b"X" + whole[6:])
    assert found_in(path) == {"rates from replies"}
    first.write_bytes(whole)
    second.unlink()
    assert "rates from replies" in found_in(path)
