"""Sums in place against the same sums with arrays of their own."""

import numpy as np
import pytest

from controller.optimizers.in_place import add_multiples, add_product, row_norms


@pytest.mark.parametrize(("n", "k"), [(5, 3), (1, 1), (5, 0), (0, 3)])
def test_a_product_is_added_where_the_rows_are(n: int, k: int) -> None:
    rng = np.random.default_rng(n + k)
    rows, left, right = (rng.standard_normal(shape) for shape in ((n, 7), (n, k), (k, 7)))
    expected = rows + left @ right
    summed = add_product(rows, left, right)

    np.testing.assert_allclose(summed, expected, atol=1e-12)
    np.testing.assert_array_equal(summed, rows)


def test_rows_that_are_part_of_an_array_leave_the_rest_alone() -> None:
    codes = np.ones((3, 4))
    add_multiples(codes[1:], np.array([2.0, -1.0]), np.arange(4.0))

    np.testing.assert_array_equal(codes, [[1, 1, 1, 1], [1, 3, 5, 7], [1, 0, -1, -2]])


def test_rows_that_do_not_lie_in_one_piece_are_summed_in_a_copy() -> None:
    rows = np.asfortranarray(np.ones((3, 4)))

    np.testing.assert_array_equal(add_multiples(rows, np.ones(3), np.ones(4)), np.full((3, 4), 2.0))


@pytest.mark.parametrize("n", [0, 1, 8, 21])
def test_norms_of_rows_are_summed_in_float64(n: int) -> None:
    rows = (1e30 * np.random.default_rng(n).standard_normal((n, 300))).astype(np.float32)
    expected = np.linalg.norm(rows.astype(np.float64), axis=1)

    np.testing.assert_allclose(row_norms(rows), expected, rtol=1e-13)
