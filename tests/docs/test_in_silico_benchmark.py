"""The page on the in-silico benchmark: tables are those of its rows, rows those of the plan."""

from types import ModuleType

import pytest

from controller.bench.plans.load import load_plan
from controller.bench.plans.runs import runs_of
from controller.bench.plans.runs_csv import rows_of_csv

from .conftest import loaded_script


@pytest.fixture(scope="module")
def printer() -> ModuleType:
    """Load the program that prints the page's tables."""
    return loaded_script("benchmark_page")


def test_the_page_is_what_the_rows_say(printer: ModuleType) -> None:
    text = printer.PAGE.read_text(encoding="utf-8")
    assert text == printer.page(), "run scripts/docs"
    assert printer.FIGURE.is_file()
    assert text.count("<!-- printed: ") == text.count("<!-- end -->") == 9


def test_the_rows_are_all_of_the_plan_and_of_no_other(printer: ModuleType) -> None:
    plan, _ = load_plan(printer.PLAN)
    rows = rows_of_csv(printer.ROWS.read_text(encoding="utf-8"))
    assert [row.result.key for row in rows] == [run.key for run in runs_of(plan)]
    assert [row.result.error for row in rows if row.result.error] == []


def test_the_plan_is_what_the_page_promises(printer: ModuleType) -> None:
    runs = runs_of(load_plan(printer.PLAN)[0])
    assert len({(run.generator, run.neuron) for run in runs}) >= 30
    assert len({run.group for run in runs}) >= 4
    assert {run.noise for run in runs} == {"none", "gain_0.2", "gain_0.5"}
    assert {run.repeat for run in runs} == set(range(5))
    assert {run.generations for run in runs} == {75}
