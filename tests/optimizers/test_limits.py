"""Angles that a search explores and steps, from geometry, against drawn samples."""

import numpy as np
import pytest

from controller.optimizers.errors import OptimizerOptionError
from controller.optimizers.limits import (
    angle_deg,
    expected_step_deg,
    exploration_angle_deg,
    refuse_wide_angles,
    too_wide,
)
from controller.optimizers.ranking import rank_weights

D = 4096
WEIGHTS = rank_weights(20)


def test_angles_between_codes() -> None:
    x = np.array([300.0, 0.0], np.float32)

    assert angle_deg(x, 2.0 * x) == 0.0
    assert angle_deg(x, -x) == 180.0
    assert angle_deg(x, np.array([0.0, 1.0])) == pytest.approx(90.0)
    assert angle_deg(x, np.array([1.0, 1e-7])) == pytest.approx(np.degrees(1e-7))
    assert np.isnan(angle_deg(x, 0.0 * x))


def test_the_exploration_angle_is_that_of_drawn_samples() -> None:
    rng = np.random.default_rng(0)
    mean = 5.0 * rng.standard_normal(D)
    samples = mean + 3.0 * rng.standard_normal((40, D))
    drawn = np.mean([angle_deg(mean, sample) for sample in samples])

    assert exploration_angle_deg(3.0 * np.sqrt(D), np.linalg.norm(mean)) == pytest.approx(
        drawn, abs=0.5
    )
    assert exploration_angle_deg(1.0, 0.0) == 90.0


@pytest.mark.parametrize("angle", [10.0, 50.0, 76.3])
@pytest.mark.parametrize("rate", [1.0, 1.5])
def test_the_expected_step_is_that_of_samples_weighted_by_noise(angle: float, rate: float) -> None:
    rng = np.random.default_rng(1)
    centre = np.zeros(D)
    centre[0] = 1.0
    tangents = rng.standard_normal((20, D))
    tangents[:, 0] = 0.0
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    samples = np.cos(np.radians(angle)) * centre + np.sin(np.radians(angle)) * tangents
    drawn = rate * angle_deg(centre, WEIGHTS @ samples)

    assert expected_step_deg(angle, WEIGHTS, rate) == pytest.approx(drawn, abs=1.0)


@pytest.mark.parametrize(("angle", "step"), [(50.0, 29.3), (7.33, 3.28)])
def test_the_expected_steps_of_the_published_schedule(angle: float, step: float) -> None:
    # 29.3° in its first generation and 3.3° in its last, with mu = 20 and eta = 1.5.
    assert expected_step_deg(angle, WEIGHTS, 1.5) == pytest.approx(step, abs=0.05)


def test_the_step_goes_on_rising_beyond_a_right_angle() -> None:
    steps = [expected_step_deg(angle, WEIGHTS, 1.5) for angle in (80.0, 90.0, 100.0)]

    assert steps[1] == pytest.approx(135.0)
    assert steps == sorted(steps)


def test_only_angles_beyond_90_degrees_are_too_wide() -> None:
    assert too_wide({"exploration_angle_deg": 90.0, "expected_step_deg": 90.0, "sigma": 99.0}) == ()
    assert too_wide({}) == ()
    explored, stepped = too_wide({"exploration_angle_deg": 95.2, "expected_step_deg": 101.0})
    assert "95°" in explored
    assert "101°" in stepped


def test_options_that_lead_to_wide_angles_are_refused_by_name() -> None:
    refuse_wide_angles("eta", 90.0, 89.0)
    for angles in ((91.0, 50.0), (50.0, 91.0)):
        with pytest.raises(OptimizerOptionError, match="eta leads to angles that are too wide: "):
            refuse_wide_angles("eta", *angles)
