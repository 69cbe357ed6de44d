"""Paths through code space, and the walks beside them."""

import math

import numpy as np
import pytest

from sessions.analysis.code_path import code_path, null_walk

PLANE = np.array([[1, 0], [0, 1], [0, 2], [-2, 0]], dtype=np.float32)


def test_steps_and_angles_are_those_of_the_plane() -> None:
    found = code_path(PLANE, np.arange(4))
    assert found.step_size[1:] == pytest.approx([math.sqrt(2), 1, math.sqrt(8)])
    assert found.angle_deg[1:] == pytest.approx([90, 0, 90])
    assert math.isnan(found.step_size[0])
    assert found.mean_norm == pytest.approx([1, 1, 2, 2])
    assert found.shares.sum() == pytest.approx(1)
    assert np.isnan(found.spread_deg).all()


def test_a_generation_is_as_wide_as_its_codes_are_apart() -> None:
    code = np.array([[1, 0], [0, 1], [3, 0], [3, 0]], dtype=np.float32)
    found = code_path(code, np.array([0, 0, 1, 1]))
    assert found.spread_deg == pytest.approx([90, 0])
    assert found.code_norm == pytest.approx([1, 3])
    assert found.mean_norm == pytest.approx([math.sqrt(0.5), 3])


def test_a_walk_has_the_steps_of_the_path_and_the_shares_that_are_expected() -> None:
    rng = np.random.default_rng(0)
    steps = rng.standard_normal((30, 2000))
    code = np.cumsum(steps, axis=0).astype(np.float32)
    found, walk = code_path(code, np.arange(30)), null_walk(code, np.arange(30), rng)
    assert walk.mean_norm[0] == pytest.approx(found.mean_norm[0])
    total2 = np.square(found.step_size[1:]).sum() + found.mean_norm[0] ** 2
    assert walk.mean_norm[-1] == pytest.approx(math.sqrt(total2), rel=0.05)
    for shares in (walk.shares, found.shares):
        assert shares == pytest.approx(found.expected_shares, abs=0.03)


def test_one_generation_or_a_code_of_zeros_has_no_angles() -> None:
    one = code_path(np.ones((3, 4), np.float32), np.zeros(3, np.int64))
    assert one.shares.tolist() == [0]
    assert one.expected_shares.tolist() == [0]
    still = code_path(np.array([[0, 0, 0, 0], [1, 1, 1, 1]], np.float32), np.arange(2))
    assert np.isnan(still.angle_deg).all()
