"""The page on the race of optimizers has the tables that its standings give."""

from types import ModuleType

import pytest

from controller.bench.conditions import NOISE_LEVELS, VIOLATIONS
from controller.bench.entrants import ENTRANTS
from controller.bench.neuron_sets import TEST
from controller.bench.standings_file import standings_of

from .conftest import ROOT, loaded_script

DATA = ROOT / "docs" / "data"


@pytest.fixture(scope="module")
def printer() -> ModuleType:
    """Load the program that prints the page's tables."""
    return loaded_script("race_page")


def test_the_page_is_what_the_standings_say(printer: ModuleType) -> None:
    text = printer.PAGE.read_text(encoding="utf-8")
    assert text == printer.page(), "run scripts/docs"
    assert printer.FIGURE.is_file()
    assert text.count("<!-- printed: ") == text.count("<!-- end -->") == 9


def test_the_standings_are_those_of_the_whole_test_set() -> None:
    race = standings_of((DATA / "optimizer_race.json").read_text(encoding="utf-8"))
    assert race.neurons == "test"
    assert race.conditions == tuple(NOISE_LEVELS)
    for row in race.rows:
        assert {neuron for neuron, _ in row.pairs} == {spec.name for spec in TEST}
        assert row.optimizer in ENTRANTS
        assert row.errors == ()
    faults = standings_of((DATA / "optimizer_robustness.json").read_text(encoding="utf-8"))
    assert set(faults.optimizers) == set(race.optimizers)
    assert {c.partition("+")[2] for c in faults.conditions} <= {"", *VIOLATIONS}


def test_every_kind_of_neuron_is_described() -> None:
    text = (ROOT / "docs" / "explanation" / "optimizer_race.md").read_text(encoding="utf-8")
    for family in {spec.family for spec in TEST}:
        assert f"\n| {family.replace('_', ' ')} |" in text
