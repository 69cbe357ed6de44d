"""The summary of a session in numbers, sentences and one figure; and the page on its format."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sessions.figure import best_images
from sessions.reader import open_log
from sessions.report import draw_summary, summary, summary_sentences, thread_curve
from sessions.schema_page import schema_markdown
from sessions.testing.synthetic import SyntheticSession, write_synthetic_log


def test_the_summary_says_what_the_log_holds(pristine_log: Path) -> None:
    reader = open_log(pristine_log)
    found = summary(reader)

    assert found.generations_committed == 8
    assert found.exit_status == "success"
    assert found.presentations == sum(found.outcome_counts.values())
    assert found.time_split_s["total"] == pytest.approx(8 * 31.0)
    for thread in found.threads:
        assert thread.succeeded
        assert thread.images == 64
        curve = thread_curve(reader, thread.thread.thread_id)
        assert thread.best_score == np.nanmax(curve.evolved_max)


def test_the_logged_summaries_of_generations_agree_with_the_scores(pristine_log: Path) -> None:
    reader = open_log(pristine_log)
    generations = reader.generations
    for thread in reader.threads:
        curve = thread_curve(reader, thread.thread_id)
        mine = generations.thread_id == thread.thread_id
        np.testing.assert_array_equal(generations.score_mean[mine], curve.evolved_mean)
        np.testing.assert_array_equal(generations.reference_sem[mine], curve.reference_sem)
        np.testing.assert_array_equal(generations.score_max[mine], curve.evolved_max)


def test_sentences_tell_success_and_its_evidence(pristine_log: Path) -> None:
    told = " ".join(summary_sentences(summary(open_log(pristine_log))))

    assert "Session synthetic-1 (simulated neurons) ended well" in told
    assert "Thread 1 (ga): evolved images began at" in told
    assert told.count("The evolution succeeded") == 2
    assert "failed trial" in told


def test_sentences_of_a_short_control_claim_nothing(tmp_path: Path) -> None:
    wanted = SyntheticSession(generations=1, control="shuffled")
    write_synthetic_log(tmp_path, wanted, end=None)
    told = " ".join(summary_sentences(summary(open_log(tmp_path))))

    assert "still running, or was cut off; 1 generation is in the log" in told
    assert told.count("too few scores") == 2
    assert "This is a control" in told
    assert "nan" not in told


def colours(path: Path) -> int:
    with Image.open(path) as image:
        return len(np.unique(np.asarray(image.convert("RGB")).reshape(-1, 3), axis=0))


def test_the_figure_has_its_size_and_is_not_empty(pristine_log: Path, tmp_path: Path) -> None:
    path = tmp_path / "summary.png"
    draw_summary(open_log(pristine_log), path)

    with Image.open(path) as image:
        assert image.width == 1320
        assert image.height > 1100
    assert colours(path) > 500


@pytest.mark.parametrize("generations", [0, 1, 2])
def test_a_short_session_without_pixels_is_drawn(tmp_path: Path, generations: int) -> None:
    wanted = SyntheticSession(generations=generations, keep_pixels=False)
    write_synthetic_log(tmp_path, wanted, end=None)
    path = tmp_path / "summary.png"
    draw_summary(open_log(tmp_path), path)
    assert colours(path) > 50


def test_the_strip_shows_the_best_image_of_at_most_sixteen_generations(tmp_path: Path) -> None:
    write_synthetic_log(tmp_path, SyntheticSession(generations=20, population_size=4))
    reader = open_log(tmp_path)
    best = best_images(reader, reader.threads[0])

    assert len(best) == 16
    assert (best[0][0], best[-1][0]) == (0, 19)
    scores = reader.scores
    for generation, image_id, score in best:
        rows = (scores.thread_id == 0) & (scores.generation == generation)
        rows &= scores.kind == "generated"
        assert score == np.nanmax(scores.score[rows])
        assert scores.score[rows & (scores.image_id == image_id)].tolist() == [score]


def test_two_summaries_of_one_log_are_equal(pristine_log: Path) -> None:
    first, second = summary(open_log(pristine_log)), summary(open_log(pristine_log))
    assert first == second
    assert not math.isnan(first.threads[0].evolution.gain.value)


def test_the_page_on_the_log_format_is_the_printed_schema() -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "log_format.md"
    assert page.read_text(encoding="utf-8") == schema_markdown(), (
        "The page has drifted from sessions/schema.py; print it again with "
        "`python -m sessions.schema_page > docs/reference/log_format.md`."
    )
