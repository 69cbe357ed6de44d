"""What a report says: numbers with intervals, methods out of the config, figures that have data."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from sessions.analysis.beside_nulls import Drift
from sessions.analysis.evolution import ends
from sessions.lab_report import Given, GivenOfThread
from sessions.lab_report.drawing import figures_of_session, figures_of_thread
from sessions.lab_report.figures.references import _line
from sessions.lab_report.methods import methods
from sessions.lab_report.numbers import numbers_of
from sessions.lab_report.of_thread import OfThread
from sessions.lab_report.plate import NotDrawn, Plate, settings
from sessions.log import SessionLog
from sessions.reader import LogReader, open_log
from sessions.report import summary
from sessions.testing.reported import write_reported_log
from sessions.testing.synthetic import SyntheticSession, synthetic_start, write_synthetic_log

CONFIG = {
    "subject": {"species": "Macaca mulatta", "sex": "M", "date_of_birth": ""},
    "display": {
        "kind": "psychopy", "refresh_hz": 120.0, "on_frames": 12, "off_frames": 18,
        "presentations_per_trial": 3, "fixation_frames": 24, "inter_trial_frames": 60,
        "screen_size_px": [1920, 1080], "screen_width_cm": 52.0, "viewing_distance_cm": 57.0,
        "background_grey": 128, "gamma": 2.2, "fixation_diameter_deg": 0.2,
    },
    "behaviour": {"kind": "eye_tracker", "window_radius_deg": 1.2},
    "reward": {"kind": "serial", "completed_pulse_s": 0.1, "ml_per_s": 1.5},
    "scoring": {"repeats": 2, "without_response": "show_again", "max_attempts": 5},
    "stopping": {"max_minutes": 30.0, "max_generations": None},
}  # fmt: skip


def threads_of(reader: LogReader) -> tuple[OfThread, ...]:
    found = summary(reader).threads
    return tuple(OfThread(reader, each, index) for index, each in enumerate(found))


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The methods of a session at a rig that has not begun."""
    wanted = SyntheticSession(generations=0)
    start = synthetic_start(wanted)
    start = replace(
        start,
        subject_id="Alfa",
        rig_simulated=False,
        time="real",
        display_label="PsychoPy window on rig 1",
        config_json=json.dumps(CONFIG),
        threads=(replace(start.threads[0], direction="minimise"),),
    )
    folder = tmp_path_factory.mktemp("rig")
    SessionLog.create(folder, start)
    given = Given("the tests", {0: GivenOfThread(about="Climbs.", citation="Somebody 2020")})
    return "\n".join(p.text for p in methods(open_log(folder), given))


@pytest.mark.parametrize(
    "sentence",
    [
        "Subject Alfa (Macaca mulatta, male).",
        "Images were presented for 100 ms (12 frames at 120 Hz), each followed by 150 ms of blank",
        "A trial held up to 3 images within one fixation; the first came 200 ms after",
        "They were 3° wide (16 × 16 pixels of the generator)",
        "and centred 0.5° right of and -1° above fixation",
        "each image was shown 2 times",
        "fixation was held while it stayed within 1.2° of the spot",
        "Screen: PsychoPy window on rig 1.",
        "A completed trial earned a reward of 100 ms (0.15 ml)",
        "1920 × 1080 pixels on 52 cm, seen from 57 cm",
        "Levels were corrected for gamma 2.2",
        "from 50 to 200 ms after onset",
        "Subtracted: each image's own rate from 0 to 40 ms after onset",
        "until it had been tried 5 times",
        "for lower scores with the optimizer cma_es: Climbs (Somebody 2020).",
        "Its settings: sigma = 3.",
        "It was to end after 30 min.",
        "neuroloop 0.1.0",
        "Seed of all random numbers: 1.",
    ],
)
def test_methods_come_out_of_the_config(told: str, sentence: str) -> None:
    assert sentence in told


def test_a_real_session_is_nowhere_called_simulated(told: str) -> None:
    assert "simulated" not in told
    assert "virtual" not in told


def test_what_is_simulated_is_called_so(pristine_log: Path) -> None:
    texts = {p.title: p.text for p in methods(open_log(pristine_log), Given())}

    assert "no animal was recorded" in texts["Subject and task"]
    assert "simulated neurons" in texts["Recording"]
    assert "virtual time" in texts["Course of the session"]
    assert "“failed trial”" in texts["Course of the session"]


def test_means_have_the_interval_of_student(pristine_log: Path) -> None:
    thread = threads_of(open_log(pristine_log))[0]
    row = next(row for row in numbers_of(thread, GivenOfThread()) if "last" in row.what)
    _, last = ends(thread.evolved.generation)
    scores = thread.evolved.score[np.isin(thread.evolved.generation, last)]
    scores = scores[np.isfinite(scores)]
    low, high = stats.t.interval(0.95, len(scores) - 1, scores.mean(), stats.sem(scores))

    assert row.value == f"{scores.mean():.1f} spikes/s"
    assert row.interval == f"{low:.1f} to {high:.1f}"
    assert row.n == f"{len(scores)} scores"


def test_one_number_decides_and_codes_have_their_null_beside_them(pristine_log: Path) -> None:
    thread = threads_of(open_log(pristine_log))[0]
    rows = numbers_of(thread, GivenOfThread(drift=Drift(150.0, 148.2, 1.9)))
    gain = thread.summary.rate.gain

    (decides,) = [row for row in rows if row.decides]
    assert decides.interval == f"{gain.low:+.1f} to {gain.high:+.1f}"
    assert "10 references" in decides.n
    (norm,) = [row for row in rows if "Norm" in row.what]
    assert (norm.value, norm.beside) == (
        "150.0", "Random walk of the logged step sizes: 148.2 ± 1.9 (SD).",
    )  # fmt: skip
    assert all(row.n for row in rows)


def test_nothing_is_claimed_of_one_generation(tmp_path: Path) -> None:
    write_synthetic_log(tmp_path, SyntheticSession(generations=1), end=None)
    for thread in threads_of(open_log(tmp_path)):
        rows = numbers_of(thread, GivenOfThread())
        (decides,) = [row for row in rows if row.decides]
        assert (decides.value, decides.interval) == ("–", "–")
        assert not any("nan" in cell for row in rows for cell in (row.value, row.interval))


def drawn(reader: LogReader) -> tuple[set[str], dict[str, str]]:
    """Names of the figures of a log's first thread and session, and why others have none."""
    threads = threads_of(reader)
    makers = figures_of_thread(threads[0], Given())
    with settings():
        found = [make() for make in (*makers, *figures_of_session(reader, threads))]
    names = {each.name for each in found if isinstance(each, Plate)}
    return names, {each.title: each.why for each in found if isinstance(each, NotDrawn)}


def test_a_rig_that_reports_rates_has_all_figures_but_those_of_spikes(tmp_path: Path) -> None:
    names, missing = drawn(open_log(write_reported_log(tmp_path, SyntheticSession(generations=4))))

    assert {"thread0_scores", "thread0_references", "thread0_components"} <= names
    assert {"threads_compared", "session_outcomes", "session_time"} <= names
    assert set(missing.values()) == {"the rig reported rates, and no spikes"}
    assert len(missing) == 2


def test_one_generation_without_pixels_is_drawn(tmp_path: Path) -> None:
    wanted = SyntheticSession(generations=1, keep_pixels=False, n_references=0)
    write_synthetic_log(tmp_path, wanted, end=None)
    names, missing = drawn(open_log(tmp_path))

    assert {"thread0_trajectory", "thread0_extremes", "thread0_psth", "thread0_raster"} <= names
    assert "there are no reference images with a score" in missing.values()
    assert "it takes 4 generations to say anything of a path" in missing.values()


def test_a_line_through_references_is_that_of_least_squares() -> None:
    x = np.arange(7.0)
    y = np.array([3.0, 5.0, 2.0, 8.0, 7.0, 9.0, 4.0])
    line, sentence = _line(x, y)
    expected = stats.linregress(x, y)
    half_width = stats.t.ppf(0.975, 5) * expected.stderr

    np.testing.assert_allclose(line, expected.intercept + expected.slope * x)
    assert math.isfinite(half_width)
    assert f"{expected.slope:+.2f} spikes/s" in sentence
    assert f"{expected.slope - half_width:+.2f} to {expected.slope + half_width:+.2f}" in sentence
