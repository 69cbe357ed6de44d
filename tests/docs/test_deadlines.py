"""The page of deadlines says what the code says, and each deadline has a test."""

import inspect
import re

import pytest

from controller import processes
from controller import screen as display_screen
from controller.daemon import daemon, preparation, rig_processes
from rig_adapters import light
from rig_adapters.stimulus import screen
from sessions import storage

from .named_tests import names_of_tests, table_rows

PAGE = "explanation/deadlines.md"
MODULES = {
    "rig_processes": [rig_processes],
    "preparation": [preparation],
    "daemon": [daemon],
    "processes": [processes],
    "screen": [display_screen, screen],
    "light": [light],
    "storage": [storage],
}
_ASSIGNED = re.compile(r"^(?!END_)(\w*(?:DEADLINE_M?S|SLACK_S|GRACE_S)) =", re.MULTILINE)
_CONSTANT = re.compile(r"`(\w+)\.([A-Z_]+)` = ([\d,]+) (?:m?s)")


@pytest.mark.parametrize("row", table_rows(PAGE), ids=lambda row: row[0])
def test_a_deadline_is_as_long_as_the_page_says_and_has_a_test(row: list[str]) -> None:
    for module, name, number in _CONSTANT.findall(row[1]):
        values = [getattr(m, name) for m in MODULES[module] if hasattr(m, name)]
        assert values == [float(number.replace(",", ""))]
    assert row[3].strip("`") in names_of_tests()


def test_every_deadline_of_the_code_is_on_the_page() -> None:
    named = {
        (module, name) for row in table_rows(PAGE) for module, name, _ in _CONSTANT.findall(row[1])
    }
    found = {
        (key, name)
        for key, modules in MODULES.items()
        for module in modules
        for name in _ASSIGNED.findall(inspect.getsource(module))
    }
    assert found == named
