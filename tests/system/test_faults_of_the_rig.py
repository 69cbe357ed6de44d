"""Faults of a recording system: a real adapter process that repeats, loses and mistimes batches.

One session lives through all that it is to survive, and each test looks at what one fault did; a
fault that ends a session has a session of its own. The table of all faults is in
docs/explanation/faults.md.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest

from sessions.checks import run_checks
from sessions.reader import LogReader

from .conftest import VIRTUAL, Lab, open_lab

pytestmark = pytest.mark.system

SURVIVED = (
    "duplicate",
    "reordered",
    "gap",
    "unknown_unit",
    "clock_forward",
    "sequence_reset",
    "dropped_frames",
)
STEADY = (*VIRTUAL, "behaviour.kind=always")


@dataclass(frozen=True)
class Ordeal:
    """The log of a session whose rig misbehaved, and when it did: fault → [from, through)."""

    log: LogReader
    touched_rig_s: dict[str, tuple[float, float]]

    def presentations_in(self, fault: str) -> npt.NDArray[np.bool_]:
        """Which presentations began while the batch that the fault touched was recorded."""
        start, end = self.touched_rig_s[fault]
        onset = self.log.presentations.onset_rig_s
        return (onset >= start) & (onset < end)


@pytest.fixture(scope="module")
def ordeal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ordeal]:
    """A session that has lived through every fault that a session survives."""
    with open_lab(tmp_path_factory.mktemp("ordeal")) as lab:
        told = lab.misbehave(*SURVIVED)
        log = lab.run(*STEADY, "stopping.max_generations=20")
        lines = [json.loads(line) for line in told.read_text(encoding="utf-8").splitlines()]
        assert {line["fault"] for line in lines} == set(SURVIVED), "not every fault came"
        when = {n["fault"]: (n["from_rig_s"], n["through_rig_s"]) for n in lines if len(n) == 3}
        yield Ordeal(log, when)


def events_of(log: LogReader, kind: str) -> list[str]:
    return [str(text) for text in log.events.text[log.events.kind == kind]]


def test_a_session_lives_through_all_of_them_and_every_image_has_its_score(ordeal: Ordeal) -> None:
    scores = ordeal.log.scores

    assert ordeal.log.generations_committed == 20
    assert set(scores.n_valid.tolist()) == {1}
    assert [f.message for f in run_checks(ordeal.log) if f.severity == "error"] == []


def test_a_duplicate_batch_changes_nothing(ordeal: Ordeal) -> None:
    shown = ordeal.log.presentations
    touched = ordeal.presentations_in("duplicate")

    assert np.count_nonzero(touched) == 5
    assert set(shown.outcome[touched]) == {"completed"}
    spikes = list(zip(ordeal.log.spikes.rig_time_s, ordeal.log.spikes.unit_id, strict=True))
    start, end = ordeal.touched_rig_s["duplicate"]
    there = [spike for spike in spikes if start <= spike[0] < end]
    assert there
    assert len(set(there)) == len(there)


@pytest.mark.parametrize("fault", ["reordered", "gap", "sequence_reset"])
def test_a_batch_that_is_missing_when_its_turn_comes_is_not_heard_and_shown_again(
    ordeal: Ordeal, fault: str
) -> None:
    shown = ordeal.log.presentations
    touched = ordeal.presentations_in(fault)

    assert np.count_nonzero(touched) == 5
    assert set(shown.outcome[touched]) == {"not_heard"}
    assert all("which the rig lost" in reason for reason in shown.reason[touched])
    assert (shown.response_counts[touched] == -1).all()
    block = shown.block[touched][0]
    for image_id in shown.image_id[touched]:
        again = (shown.block == block) & (shown.image_id == image_id) & (shown.attempt > 0)
        assert "completed" in shown.outcome[again]
    start, _ = ordeal.touched_rig_s[fault]
    assert any(f"from {start:.6f}" in text for text in events_of(ordeal.log, "recording gap"))


def test_spikes_of_a_unit_that_nobody_announced_are_left_out_and_told_once(
    ordeal: Ordeal,
) -> None:
    shown = ordeal.log.presentations
    touched = ordeal.presentations_in("unknown_unit")

    assert set(shown.outcome[touched]) == {"completed"}
    assert 999 not in ordeal.log.spikes.unit_id
    (told,) = events_of(ordeal.log, "unknown unit")
    assert "unit 999" in told


def test_a_sample_clock_that_jumps_forward_costs_its_part_and_no_more(ordeal: Ordeal) -> None:
    shown = ordeal.log.presentations
    (told,) = events_of(ordeal.log, "rig clock")
    stepped = np.array(["clock stepped by +1000" in reason for reason in shown.reason])
    (part,) = set(zip(shown.block[stepped], shown.part[stepped], strict=True))
    its_part = (shown.block == part[0]) & (shown.part == part[1])

    assert "stepped by +1000.0" in told
    assert set(shown.outcome[its_part]) == {"not_heard"}
    assert np.isnan(shown.onset_rig_s[its_part]).all()
    # All that is shown afterwards finds its edges on the new clock, at once.
    later = shown.presentation_id > shown.presentation_id[its_part].max()
    assert set(shown.sync[later & (shown.outcome == "completed")]) == {"photodiode"}


def test_dropped_frames_make_a_presentation_late_and_it_is_shown_again(ordeal: Ordeal) -> None:
    shown = ordeal.log.presentations
    late = shown.outcome == "late"

    assert np.count_nonzero(late) == 1
    assert (shown.dropped_frames[late] == 9).all()
    assert shown.reason[late][0].startswith("9 frames were dropped while it was due")


def test_truncated_frames_cost_an_adapter_its_life_and_it_is_named(lab: Lab) -> None:
    said = outlived(lab, "truncated")

    assert "the rig adapter broke the protocol, which is a fault in it" in said


def test_a_sample_clock_that_goes_back_has_the_adapter_started_anew(lab: Lab) -> None:
    said = outlived(lab, "clock_back")

    assert "the rig's clock went back from" in said


def outlived(lab: Lab, fault: str) -> str:
    """Run a session whose rig misbehaves once, to its good end; return what is said of it."""
    lab.misbehave(fault)
    log = lab.run(*STEADY, "stopping.max_generations=4")
    assert log.generations_committed == 4
    assert [f.message for f in run_checks(log) if f.severity == "error"] == []
    (said,) = log.events.text[log.events.kind == "interruption"]
    return str(said)
