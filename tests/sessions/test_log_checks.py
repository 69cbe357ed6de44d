"""Each check is silent on a good log and finds the fault that is planted for it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from sessions.audit import REMEDIES
from sessions.checks import CHECKS, run_checks
from sessions.reader import open_log
from sessions.records import GenerationRecord, SessionEnd
from sessions.testing.synthetic import SyntheticSession, write_synthetic_log


@pytest.mark.parametrize("control", ["none", "shuffled"])
@pytest.mark.parametrize("baseline_mode", ["none", "presentation", "block"])
def test_a_good_log_has_no_findings(tmp_path: Path, control: str, baseline_mode: str) -> None:
    wanted = dataclasses.replace(
        SyntheticSession(generations=3), control=control, baseline_mode=baseline_mode
    )
    write_synthetic_log(tmp_path, wanted)
    assert run_checks(open_log(tmp_path)) == ()


def test_references_that_vary_by_chance_alone_are_no_finding(pristine_log: Path) -> None:
    assert run_checks(open_log(pristine_log)) == ()


def change(path: str, row: int, value: object) -> Callable[[h5py.File], None]:
    def fault(file: h5py.File) -> None:
        file[path][row] = value

    return fault


def first_row(file: h5py.File, outcome: bytes) -> int:
    return int(np.flatnonzero(file["presentations/outcome"][:] == outcome)[0])


def alter_pixel(file: h5py.File) -> None:
    file["pixels/16x16"][17, 3, 4, 1] ^= 1


def alter_count(file: h5py.File) -> None:
    file["presentations/response_counts"][first_row(file, b"completed"), 0] += 1


def lose_count(file: h5py.File) -> None:
    file["presentations/response_counts"][first_row(file, b"completed"), 0] = -1


def alter_score(file: h5py.File) -> None:
    row = int(np.flatnonzero(np.isfinite(file["scores/score"][:]))[0])
    file["scores/score"][row] = np.nextafter(file["scores/score"][row], np.inf)


def drop_score_row(file: h5py.File) -> None:
    for column in file["scores"].values():
        column[5] = column[6]


def drop_spike(file: h5py.File) -> None:
    """Move one spike that was counted out of its window."""
    shown = {name: column[:] for name, column in file["presentations"].items()}
    times, units = file["spikes/rig_time_s"][:], file["spikes/unit_id"][:]
    a, b = file.attrs["response_window_s"]
    chosen = (shown["thread_id"] == 0) & (shown["outcome"] == b"completed")
    chosen &= shown["response_counts"][:, 0] > 0
    onset = shown["onset_rig_s"][chosen][0]
    heard = (units == 11) & (times >= onset + a) & (times < onset + b)
    file["spikes/rig_time_s"][int(np.flatnonzero(heard)[0])] = onset + b


def swap_told(file: h5py.File) -> None:
    told = file["scores/told_score"]
    rows = np.flatnonzero(np.isfinite(told[:]))
    told[rows[0]] = told[rows[0]] + 1.0


def wander(file: h5py.File) -> None:
    means = file["generations/reference_mean"]
    means[:] = means[:] * np.linspace(0.2, 2.0, len(means))


def drop_frames(file: h5py.File) -> None:
    file["presentations/dropped_frames"][:20] = 1


def miss_edges(file: h5py.File) -> None:
    file["presentations/sync"][20:] = b"clock"


def be_unsure(file: h5py.File) -> None:
    file["presentations/onset_uncertainty_s"][:30] = 0.02


def forget_end(file: h5py.File) -> None:
    file.attrs["exit_status"] = ""


def lose_table(file: h5py.File) -> None:
    del file["timing"]


def lose_column(file: h5py.File) -> None:
    del file["presentations/trial_id"]


def narrow_column(file: h5py.File) -> None:
    """Keep a column in half the precision, as a careless copy does."""
    scores = file["scores"]
    unit, values = scores["score"].attrs["unit"], scores["score"][:].astype("<f4")
    del scores["score"]
    scores["score"] = values
    scores["score"].attrs["unit"] = unit


def rename_unit(file: h5py.File) -> None:
    file["spikes/rig_time_s"].attrs["unit"] = "ms"


def lose_attribute(file: h5py.File) -> None:
    del file.attrs["display_label"]


def repeat_spike(file: h5py.File) -> None:
    """As of a recorder that tells each spike twice."""
    for name in ("rig_time_s", "unit_id"):
        values = file["spikes"][name][:]
        values[1::2] = values[: len(values) - 1 : 2]
        file["spikes"][name][:] = values


def repeat_spike_by_chance(file: h5py.File) -> None:
    for name in ("rig_time_s", "unit_id"):
        file["spikes"][name][101] = file["spikes"][name][100]


def tell_a_gap(file: h5py.File) -> None:
    file["events/kind"][0] = b"recording gap"


def hear_less(file: h5py.File) -> None:
    outcome = file["presentations/outcome"][:]
    rows = np.flatnonzero(outcome == b"failed_trial")
    file["presentations/outcome"][rows] = b"not_heard"


def step_the_clock(file: h5py.File) -> None:
    file["clock/offset_s"][4:] += 0.02


FAULTS: dict[str, tuple[str, Callable[[h5py.File], None]]] = {
    "one pixel": ("stored pixels", alter_pixel),
    "shown hash": ("shown images", change("presentations/shown_sha256", 9, b"f" * 64)),
    "caught hash": ("wrong images", change("presentations/outcome", 9, b"wrong_image")),
    "one count": ("counts from spikes", alter_count),
    "no count": ("counts from spikes", lose_count),
    "one bit of a score": ("scores from spikes", alter_score),
    "one spike": ("scores from spikes", drop_spike),
    "n_valid": ("scores from spikes", change("scores/n_valid", 3, 7)),
    "told score": ("told scores", swap_told),
    "image id twice": ("unique ids", change("images/image_id", 12, 1)),
    "presentation id twice": ("unique ids", change("presentations/presentation_id", 5, 0)),
    "score row replaced": ("complete rows", drop_score_row),
    "image without code": ("complete rows", change("codes/thread_0/image_id", 2, 1000)),
    "unknown image shown": ("complete rows", change("presentations/image_id", 9, 777)),
    "unknown unit": ("complete rows", change("spikes/unit_id", 9, 777)),
    "table lost": ("layout", lose_table),
    "column lost": ("layout", lose_column),
    "column narrowed": ("layout", narrow_column),
    "other unit": ("layout", rename_unit),
    "attribute lost": ("layout", lose_attribute),
    "spike twice": ("spikes once", repeat_spike),
    "spikes out of order": ("spikes once", change("spikes/rig_time_s", 9, 0.0)),
    "unknown trial": ("known trials", change("presentations/trial_id", 9, 777)),
    "block without clock": ("complete blocks", change("clock/block", 3, 2)),
    "gap told": ("faults told", tell_a_gap),
    "little heard": ("heard presentations", hear_less),
    "clock stepped": ("clock steps", step_the_clock),
    "generation skipped": ("complete generations", change("generations/generation", 2, 9)),
    "unknown outcome": ("outcomes", change("presentations/outcome", 9, b"perhaps")),
    "references wander": ("stable references", wander),
    "frames dropped": ("dropped frames", drop_frames),
    "clock drifts": ("clock fit", change("clock/drift", 1, 0.01)),
    "clock fit is poor": ("clock fit", change("clock/residual_s", 1, 0.01)),
    "edges missing": ("onsets seen", miss_edges),
    "onsets unsure": ("onsets seen", be_unsure),
    "no end": ("proper end", forget_end),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found_by_its_check(altered_log, name: str) -> None:
    check, fault = FAULTS[name]
    findings = run_checks(open_log(altered_log(fault)))

    assert check in {finding.check for finding in findings}
    assert all(finding.message and finding.remedy for finding in findings)


def test_every_check_has_a_fault_that_it_finds() -> None:
    # Those of the audit have their faults in test_audit.py.
    tested = {check for check, _ in FAULTS.values()} | {"any data", *REMEDIES}
    assert tested == {check.name for check in CHECKS}


def test_an_empty_log_and_a_failed_one_are_told(tmp_path: Path) -> None:
    end = SessionEnd("2026-01-05T10:00:00Z", "fail", "The rig went away.")
    write_synthetic_log(tmp_path, SyntheticSession(generations=0), end=end)
    findings = run_checks(open_log(tmp_path))

    told = [(finding.check, finding.severity) for finding in findings]
    assert told == [("proper end", "warning"), ("any data", "info")]
    assert "The rig went away." in findings[0].message


def test_scores_told_in_another_order_without_a_control_are_found(tmp_path: Path) -> None:
    def shuffle(record: GenerationRecord) -> GenerationRecord:
        thread = record.threads[0]
        rolled = dataclasses.replace(thread, told_scores=np.roll(thread.told_scores, 1))
        return dataclasses.replace(record, threads=(rolled, *record.threads[1:]))

    write_synthetic_log(tmp_path, SyntheticSession(generations=2), shuffle)
    findings = run_checks(open_log(tmp_path))
    assert {finding.check for finding in findings} == {"told scores"}


def test_two_spikes_of_a_site_in_one_sample_are_no_fault(altered_log) -> None:
    findings = run_checks(open_log(altered_log(repeat_spike_by_chance)))
    assert "spikes once" not in {finding.check for finding in findings}
