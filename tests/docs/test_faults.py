"""Every fault of the page has a test by that name."""

import pytest

from .named_tests import names_of_tests, table_rows

ROWS = table_rows("explanation/faults.md")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_fault_has_the_test_that_the_page_names(row: list[str]) -> None:
    assert row[2].strip("`") in names_of_tests()


def test_no_fault_is_named_twice_and_none_was_forgotten() -> None:
    faults = [row[0] for row in ROWS]

    assert len(set(faults)) == len(faults) > 30
