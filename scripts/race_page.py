#!/usr/bin/env python
"""Print the tables of the page on the race of optimizers from the standings in docs/data.

`scripts/docs` runs it; a test compares the page with what it prints. With --figure it also draws
the page's picture again. The race itself is run by hand: it takes an hour.
"""

import argparse
from pathlib import Path

from controller.bench.figure import draw
from controller.bench.standings import Standings
from controller.bench.standings_file import standings_of
from controller.cli import bench_tables as tables

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = DOCS / "explanation" / "optimizer_race.md"
FIGURE = DOCS / "images" / "optimizer_race.png"


def page() -> str:
    """Return the page with its tables as the standings have them."""
    race, faults = _standings("optimizer_race"), _standings("optimizer_robustness")
    one_norm = _standings("optimizer_one_norm")
    printed = {
        "race": f"{race.title}.",
        "scores": tables.as_markdown(tables.score_table(race)),
        "best": tables.as_markdown(tables.best_table(race)),
        "ahead": tables.as_markdown(tables.ahead_table(race)),
        "presentations": tables.as_markdown(tables.presentations_table(race)),
        "families": tables.as_markdown(tables.family_table(race)),
        "cost": tables.as_markdown(tables.cost_table(race)),
        "one_norm": tables.as_markdown(tables.ahead_table(one_norm)),
        "faults": tables.as_markdown(tables.loss_table(faults, faults.conditions[0])),
    }
    return tables.with_printed(PAGE.read_text(encoding="utf-8"), printed)


def _standings(name: str) -> Standings:
    return standings_of((DOCS / "data" / f"{name}.json").read_text(encoding="utf-8"))


def main() -> None:
    """Write the page, and draw the picture where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--figure", action="store_true", help="also draw the picture")
    if parser.parse_args().figure:
        draw(_standings("optimizer_race"), FIGURE)
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
