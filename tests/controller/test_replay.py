"""Comparing two logs, and the config of a session that is run again."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from controller.errors import ConfigError
from controller.replay.compare import first_difference
from controller.replay.configs import logged_config, virtual_config
from sessions.log import SessionLog
from sessions.reader import LogReader, open_log
from sessions.records import GenerationRecord, image_sha256
from sessions.testing.synthetic import (
    SyntheticSession,
    synthetic_start,
    write_synthetic_log,
)

from .conftest import session_config

Alter = Callable[[GenerationRecord], GenerationRecord]
SMALL = SyntheticSession(generations=2, population_size=4, n_references=2, fail_rate=0.1)


def log(folder: Path, wanted: SyntheticSession = SMALL, alter: Alter | None = None) -> LogReader:
    return open_log(write_synthetic_log(folder, wanted, alter or (lambda record: record)))


def in_block_1(change: Alter) -> Alter:
    return lambda record: change(record) if record.block == 1 else record


def with_thread_1(record: GenerationRecord, **columns: object) -> GenerationRecord:
    first, second = record.threads
    return replace(record, threads=(first, replace(second, **columns)))


def other_code(record: GenerationRecord) -> GenerationRecord:
    codes = record.threads[1].codes.copy()
    codes[2, 5] += 1
    return with_thread_1(record, codes=codes)


def other_pixels(record: GenerationRecord) -> GenerationRecord:
    generation = record.threads[1]
    assert generation.images is not None
    pixels = generation.images.copy()
    pixels[1] ^= 1
    hashes = tuple(image_sha256(image) for image in pixels)
    return with_thread_1(record, images=pixels, image_sha256s=hashes)


def other_score(record: GenerationRecord) -> GenerationRecord:
    """Change one score, behind one that is missing."""
    scores = record.threads[1].scores.copy()
    scores[3] = 1e3
    return with_thread_1(record, scores=scores)


def without_a_score(record: GenerationRecord) -> GenerationRecord:
    scores, n_valid = record.threads[0].scores.copy(), record.threads[0].n_valid.copy()
    scores[0], n_valid[0] = np.nan, 0
    first = replace(record.threads[0], scores=scores, told_scores=scores, n_valid=n_valid)
    return replace(record, threads=(first, record.threads[1]))


def test_a_log_does_not_differ_from_itself_although_scores_are_missing(tmp_path: Path) -> None:
    a, b = log(tmp_path / "a", alter=without_a_score), log(tmp_path / "b", alter=without_a_score)

    assert np.isnan(a.scores.score).any()
    assert first_difference(a, b) is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (other_code, "the codes of thread 1 differ from generation 1, image 1014 on"),
        (other_pixels, "the codes are the same, but some images have other pixels"),
        (other_score, "the scores differ from image 1015 on"),
    ],
)
def test_the_first_difference_of_two_logs_is_named(
    tmp_path: Path, change: Alter, said: str
) -> None:
    a = log(tmp_path / "a", alter=without_a_score)
    b = log(tmp_path / "b", alter=lambda record: in_block_1(change)(without_a_score(record)))

    assert first_difference(a, b) == said


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (replace(SMALL, generations=1), "the logs hold 2 and 1 generations"),
        (replace(SMALL, population_size=5), "thread 0 has other images"),
        (replace(SMALL, code_dim=13), "the codes of thread 0 have 12 and 13 dimensions"),
    ],
)
def test_logs_of_other_shape_differ_by_their_shape(
    tmp_path: Path, other: SyntheticSession, said: str
) -> None:
    assert first_difference(log(tmp_path / "a"), log(tmp_path / "b", other)) == said


def test_logs_with_other_numbers_of_threads_differ_by_that(tmp_path: Path) -> None:
    a = log(tmp_path / "a", replace(SMALL, generations=0))
    start = synthetic_start(SMALL)
    SessionLog.create(tmp_path / "b", replace(start, threads=start.threads[:1]))

    assert first_difference(a, open_log(tmp_path / "b")) == "the logs hold 2 and 1 threads"


def logged(folder: Path, **tables: dict[str, object]) -> LogReader:
    """Return a log without generations of a session with these tables in its config."""
    config = {**json.loads(session_config().model_dump_json()), **tables}
    start = replace(synthetic_start(SMALL), config_json=json.dumps(config))
    SessionLog.create(folder, start).close()
    return open_log(folder)


def test_a_presentation_that_ended_otherwise_is_a_difference_too(tmp_path: Path) -> None:
    def fail_one(record: GenerationRecord) -> GenerationRecord:
        outcomes = list(record.presentations.outcome)
        outcomes[outcomes.index("failed_trial")] = "late"
        return replace(record, presentations=replace(record.presentations, outcome=tuple(outcomes)))

    a, b = log(tmp_path / "a"), log(tmp_path / "b", alter=in_block_1(fail_one))

    shown = a.presentations
    row = int(np.flatnonzero((shown.block == 1) & (shown.outcome == "failed_trial"))[0])
    assert first_difference(a, b) == (
        f"the scores are the same, but outcome differs from presentation "
        f"{shown.presentation_id[row]} (image {shown.image_id[row]}) on"
    )


def test_a_replay_runs_in_virtual_time_under_a_name_of_its_own(tmp_path: Path) -> None:
    reader = logged(tmp_path)
    long_name = json.loads(reader.start.config_json)
    assert logged_config(reader).session.name == "demo"

    config = virtual_config(
        reader, ["threads.0.optimizer.kind=genetic"], "replay", folder="elsewhere"
    )

    assert (config.session.name, config.session.folder) == ("demo-replay", Path("elsewhere"))
    assert (config.session.time, config.display.kind) == ("virtual", "virtual")
    assert config.threads[0].optimizer.kind == "genetic"
    assert config.threads[0].optimizer.population_size == 40
    assert long_name["threads"][0]["optimizer"]["kind"] == "cholesky_cma"


def test_a_replay_refuses_an_override_that_makes_no_sense(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="on_frame is not a known key"):
        virtual_config(logged(tmp_path), ["display.on_frame=6"], "replay")


def test_what_cannot_be_had_in_virtual_time_is_simulated(tmp_path: Path) -> None:
    pulses = {"completed_pulse_s": 0.1, "ml_per_s": 1.5, "acquired_pulse_s": 0.0}
    valve = {"kind": "serial", "device": "/dev/ttyUSB0", "line": "rts", **pulses}
    eye = {"iohub_config": "eye.yaml", "window_radius_deg": 1.0, "longest_blink_s": 0.2}
    reader = logged(
        tmp_path,
        rig={"adapter": "intan", "endpoint": "tcp://10.0.0.1:5600", "settings": {"run": "run"}},
        behaviour={"kind": "eye_tracker", "acquisition_timeout_s": 3.0, **eye},
        reward=valve,
    )

    driver = reader.threads[0].driver_unit_ids[0]
    config = virtual_config(reader, [f"threads.0.driver_units=[{driver}]"], "rehearsal")

    units = config.rig.settings["units"]
    assert config.rig.adapter == "sim"
    assert [100 * u["channel"] + u["unit"] for u in units] == reader.unit_ids.tolist()
    assert config.reward.kind == "simulated"
    assert config.behaviour.kind == "simulated"
    assert config.behaviour.acquisition_timeout_s == 3.0
