"""Which tests there are, by name, for pages that say which test shows what."""

import re

from .conftest import ROOT

_TEST = re.compile(r"^ *(?:async )?def (test_\w+)", re.MULTILINE)


def names_of_tests() -> set[str]:
    """Return the name of every test, those of the contract suites included."""
    paths = [*ROOT.glob("tests/**/test_*.py"), *ROOT.glob("*/testing/*.py")]
    return {name for path in paths for name in _TEST.findall(path.read_text(encoding="utf-8"))}


def table_rows(page: str) -> list[list[str]]:
    """Return the cells of every row of the tables in a page, heads left out."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in row] for row in rows]
    heads = {k for k, row in enumerate(cells[1:]) if set("".join(row)) <= set("-: ")}
    return [row for k, row in enumerate(cells) if k not in heads and k - 1 not in heads]
