"""Whole sessions in virtual time: they end well, repeat exactly, and their logs can be trusted."""

import json

import h5py
import numpy as np
import pytest

from controller.cli.config_commands import template
from sessions.checks import run_checks
from sessions.reader import LogReader

from .conftest import ONE_PROCESS, Lab, open_lab

pytestmark = pytest.mark.system

SECOND_THREAD = """
[[threads]]
name = "GA"
generator = "main"
driver_units = [101]
position_deg = [0.0, 0.0]
size_deg = 4.0
optimizer = { kind = "genetic" }

[references]"""


@pytest.fixture(scope="module")
def broken_off(tmp_path_factory: pytest.TempPathFactory) -> LogReader:
    """A session of an animal that breaks most trials off, scored against a baseline."""
    with open_lab(tmp_path_factory.mktemp("broken_off")) as lab:
        baseline = "scoring.baseline_window_s=[0.0, 0.04]"
        return lab.run(*ONE_PROCESS, "behaviour.correct_probability=0.4", baseline)


def errors_in(log: LogReader) -> list[str]:
    return [finding.message for finding in run_checks(log) if finding.severity == "error"]


def test_a_session_ends_well_and_its_log_passes_every_check(finished: LogReader) -> None:
    assert finished.end is not None
    assert (finished.end.exit_status, finished.generations_committed) == ("success", 3)
    assert errors_in(finished) == []
    assert (finished.path.parent / "summary.png").stat().st_size > 10_000


def test_one_process_and_several_write_the_same_log_but_for_times_of_the_machine(
    lab: Lab, finished: LogReader
) -> None:
    several, one = everything(finished), everything(lab.run(*ONE_PROCESS))

    assert several.keys() == one.keys()
    differing = {name for name, value in one.items() if not np.array_equal(value, several[name])}
    assert {name.split("/")[0] for name in differing} <= {
        "config",
        "events",
        "generations",
        "timing",
    }
    assert {name for name in differing if name.startswith("generations")} <= {
        f"generations/{name}"
        for name in (
            *("started_host_s", "started_wall", "ended_host_s", "ended_wall"),
            *("render_first_s", "render_p50_s", "render_p99_s"),
        )
    }
    assert "config/versions" not in differing
    np.testing.assert_array_equal(several["events/kind"], one["events/kind"])


def everything(log: LogReader) -> dict[str, np.ndarray]:
    """All that a log holds, by its name; NaN as a number of its own."""
    found = {}

    def take(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            values = np.asarray(item[()])
            found[name] = np.nan_to_num(values, nan=-1e9) if values.dtype.kind == "f" else values

    with h5py.File(log.path, "r") as file:
        file.visititems(take)
    return found


def test_another_seed_gives_other_codes(lab: Lab, finished: LogReader) -> None:
    first, second = finished, lab.run(*ONE_PROCESS, "session.seed=7")

    assert not np.array_equal(first.codes(0).code, second.codes(0).code)


def test_two_threads_on_one_unit_are_told_apart_by_id_only(lab: Lab) -> None:
    lab.config.write_text(template().replace("[references]", SECOND_THREAD.lstrip(), 1))
    log = lab.run(*ONE_PROCESS)

    assert errors_in(log) == []
    assert [thread.optimizer for thread in log.threads] == ["cholesky_cma", "genetic"]
    ids = [set(log.codes(thread).image_id.tolist()) for thread in (0, 1)]
    assert ids[0].isdisjoint(ids[1])
    presented = log.presentations
    block = presented.thread_id[(presented.block == 1) & (presented.part == 0)]
    assert {-1, 0, 1} == set(block.tolist())
    assert np.count_nonzero(block == -1) == 10
    # Interleaved: no thread's images come in one run.
    assert all(np.any(np.diff(np.flatnonzero(block == thread)) > 1) for thread in (0, 1))


def test_h5py_alone_recomputes_every_score_to_the_last_bit(broken_off: LogReader) -> None:
    with h5py.File(broken_off.path, "r") as f:
        (a, b), (c, e) = f.attrs["response_window_s"], f.attrs["baseline_window_s"]
        units = json.loads(f["threads/driver_unit_ids"].asstr()[0])
        p, s = f["presentations"], f["spikes"]
        done = p["outcome"][:] == b"completed"
        driver = np.isin(s["unit_id"][:], units)
        times = s["rig_time_s"][:][driver]

        def rate(rows: np.ndarray, start: float, stop: float) -> float:
            onsets = p["onset_rig_s"][:][rows]
            n = sum(int(((times >= t + start) & (times < t + stop)).sum()) for t in onsets)
            return n / ((len(onsets) * len(units)) * (stop - start))

        for i, image_id in enumerate(f["scores/image_id"][:]):
            here = done & (p["block"][:] == f["scores/block"][i])
            mine = np.flatnonzero(here & (p["image_id"][:] == image_id))
            score = rate(mine, a, b) - rate(np.flatnonzero(here), c, e) if mine.size else np.nan
            np.testing.assert_array_equal(f["scores/score"][i], score)


def test_an_evolution_rises_and_its_shuffled_control_does_not(lab: Lab) -> None:
    rises = ("stopping.max_generations=12", "generators.main.code_dim=1024")
    evolved = lab.run(*ONE_PROCESS, *rises)
    control = lab.run(*ONE_PROCESS, *rises, options=("--control", "shuffled"))

    assert errors_in(evolved) == errors_in(control) == []
    assert last_mean(evolved) > 2 * first_mean(evolved)
    assert last_mean(evolved) > 1.5 * reference_mean(evolved)
    assert last_mean(control) < 1.3 * first_mean(control)


def test_a_unit_that_the_rig_does_not_have_ends_the_session_with_one_sentence(lab: Lab) -> None:
    done = lab.neuroloop(
        "run", str(lab.config), *_set("threads.0.driver_units=[999]", *ONE_PROCESS)
    )

    assert done.returncode == 4
    assert "the rig has no unit 999; it has [101, 201, 301, 401]" in done.stderr
    assert lab.logs() == []


def test_a_wrong_config_starts_nothing_and_makes_nothing(lab: Lab) -> None:
    done = lab.neuroloop("run", str(lab.config), "--set", "display.on_frame=6")

    assert done.returncode == 2
    assert done.stderr.strip() == (
        "neuroloop: display.on_frame is not a known key; did you mean display.on_frames?"
    )
    assert not (lab.folder / "runs").exists()


def test_failed_trials_are_shown_again_and_every_presentation_has_one_outcome(
    broken_off: LogReader,
) -> None:
    outcomes = set(broken_off.presentations.outcome)
    assert outcomes == {"completed", "failed_trial"}
    assert broken_off.presentations.part.max() >= 1
    assert errors_in(broken_off) == []


def test_a_session_where_every_trial_fails_goes_on_without_scores(lab: Lab) -> None:
    log = lab.run(*ONE_PROCESS, "behaviour.correct_probability=0", "scoring.max_attempts=2")

    assert log.generations_committed == 3
    mine = log.scores.n_valid == 0
    assert mine.any()
    assert np.isnan(log.scores.score[mine]).all()


def test_with_close_incomplete_nothing_is_shown_again_and_codes_without_response_have_no_score(
    lab: Lab,
) -> None:
    log = lab.run(
        *ONE_PROCESS,
        "behaviour.correct_probability=0.4",
        "scoring.without_response=close_incomplete",
        "scoring.max_attempts=1",
    )

    shown, scores = log.presentations, log.scores
    assert log.generations_committed == 3
    assert set(shown.part) == {0}
    assert set(shown.outcome) == {"completed", "failed_trial"}
    failed = np.unique(shown.image_id[(shown.outcome == "failed_trial") & (shown.thread_id >= 0)])
    unscored = scores.image_id[np.isnan(scores.score) & (scores.kind == "generated")]
    assert set(unscored) == set(failed)
    assert (log.generations.n_scored < log.generations.n_images).all()
    assert errors_in(log) == []


def test_every_presentation_that_did_not_complete_says_why_in_the_log(
    broken_off: LogReader,
) -> None:
    shown = broken_off.presentations
    completed = shown.outcome == "completed"
    assert set(shown.reason[completed]) == {""}
    assert all("the fixation was broken at" in reason for reason in shown.reason[~completed])


def _set(*overrides: str) -> list[str]:
    return [word for override in overrides for word in ("--set", override)]


def first_mean(log: LogReader) -> float:
    return float(np.mean(log.generations.score_mean[:2]))


def last_mean(log: LogReader) -> float:
    return float(np.mean(log.generations.score_mean[-3:]))


def reference_mean(log: LogReader) -> float:
    return float(np.mean(log.generations.reference_mean[-3:]))


def test_all_units_of_a_channel_drive_an_evolution_together(lab: Lab) -> None:
    text = template().replace("driver_units = [101]", "driver_channels = [3]", 1)
    lab.config.write_text(text, encoding="utf-8")
    units = "[{channel=3, unit=1, seed=1}, {channel=3, unit=2, seed=2}, {channel=4, seed=3}]"
    log = lab.run(*ONE_PROCESS, f"rig.settings.units={units}")

    assert log.threads[0].driver_unit_ids == (301, 302)
    assert errors_in(log) == []
    assert not (log.events.kind == "alarm").any()
