"""What eigenvalues are said to mean, beside numbers worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators.geometry.spectrum import correlation, dims_for, homogeneity


def test_directions_are_counted_until_they_hold_the_share() -> None:
    values = np.array([6.0, 3.0, 1.0])

    assert [dims_for(values, share) for share in (0.5, 0.6, 0.61, 0.9, 0.91, 1.0)] == [
        1, 1, 2, 2, 3, 3,
    ]  # fmt: skip


def test_of_a_known_total_a_few_values_hold_less() -> None:
    values = np.array([6.0, 3.0])

    assert dims_for(values, 0.9, total=10.0) == 2
    assert dims_for(values, 0.9, total=20.0) is None


def test_negative_values_hold_nothing_and_nothing_holds_nothing() -> None:
    assert dims_for(np.array([9.0, 1.0, -5.0]), 0.9) == 1
    assert dims_for(np.zeros(3), 0.5) is None


@given(st.integers(1, 300), st.floats(0.01, 1.0))
def test_equal_values_hold_equal_shares(n: int, share: float) -> None:
    assert dims_for(np.full(n, 0.1), share) == max(1, int(np.ceil(share * n * (1 - 1e-9))))


def test_identical_metrics_are_homogeneous() -> None:
    values = np.array([100.0, 10.0, 1.0, 0.1])
    found = homogeneity([(values, values), (values, values)])

    assert found.linear == pytest.approx(1.0)
    assert found.log == pytest.approx(1.0)
    assert found.n_left_out == 0


def test_values_without_a_logarithm_are_left_out_and_counted() -> None:
    values = np.array([100.0, 10.0, 1.0, -0.1])
    found = homogeneity([(np.array([50.0, 20.0, -3.0, 1.0]), values)])

    assert found.n_left_out == 2
    assert found.log == pytest.approx(1.0)
    by_hand = np.corrcoef([50.0, 20.0, -3.0, 1.0], values)[0, 1]
    assert found.linear == pytest.approx(by_hand)


def test_what_does_not_vary_has_no_correlation() -> None:
    assert np.isnan(correlation(np.full(5, 0.1), np.arange(5.0)))
    assert np.isnan(correlation(np.array([1.0]), np.array([2.0])))
    assert np.isnan(homogeneity([]).log)
