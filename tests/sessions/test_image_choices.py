"""Best images, mean codes, and the score of every image."""

import math

import numpy as np
import pytest

from sessions.analysis.images import best_images, best_of_generations, mean_codes, score_points

IDS = np.array([14, 11, 13, 12, 15, 16])
GENERATION = np.array([0, 0, 1, 1, 2, 2])
SCORE = np.array([5.0, 5.0, 2.0, 9.0, math.nan, math.nan])


def test_of_ties_the_lowest_id_is_best_and_a_generation_without_scores_has_none() -> None:
    best = best_of_generations(IDS, GENERATION, SCORE, "maximise")
    assert best.image_id.tolist() == [11, 12]
    assert best.generation.tolist() == [0, 1]
    assert best.score.tolist() == [5.0, 9.0]
    lowest = best_of_generations(IDS, GENERATION, SCORE, "minimise")
    assert lowest.image_id.tolist() == [11, 13]


def test_best_of_a_run_come_best_first() -> None:
    assert best_images(IDS, GENERATION, SCORE, "maximise", 3).image_id.tolist() == [12, 11, 14]
    assert best_images(IDS, GENERATION, SCORE, "minimise", 9).image_id.tolist() == [13, 11, 14, 12]


def test_points_are_every_image_with_a_score() -> None:
    points = score_points(IDS, GENERATION, SCORE)
    assert points.image_id.tolist() == [11, 14, 12, 13]
    assert points.score.tolist() == [5.0, 5.0, 9.0, 2.0]
    assert points.generation.tolist() == [0, 0, 1, 1]


def test_mean_codes_are_those_of_their_generations() -> None:
    code = np.arange(12, dtype=np.float32).reshape(6, 2)
    generations, means = mean_codes(code, GENERATION)
    assert generations.tolist() == [0, 1, 2]
    assert means == pytest.approx(np.array([[1, 2], [5, 6], [9, 10]]))
    nothing = mean_codes(np.zeros((0, 4), np.float32), np.zeros(0, np.int64))
    assert nothing[1].shape == (0, 4)
