#!/usr/bin/env python
"""Print the tables of the page on the in-silico benchmark from its rows in docs/data.

`scripts/docs` runs it; a test compares the page with what it prints. With --results FOLDER it
first takes the rows of a benchmark that is over, and draws the page's picture. The benchmark itself
is run by hand: it takes hours.
"""

import argparse
import csv
from collections import defaultdict
from dataclasses import astuple
from pathlib import Path

from controller.bench.plans.figure import draw
from controller.bench.plans.load import load_plan
from controller.bench.plans.results import Journal
from controller.bench.plans.results_file import rows_of
from controller.bench.plans.runs import runs_of
from controller.bench.plans.runs_csv import rows_of_csv, runs_csv
from controller.bench.plans.summary import summarise
from controller.cli import bench_plan_tables as tables
from controller.cli.bench_plan import JOURNAL
from controller.cli.bench_tables import as_markdown, with_printed

ROOT = Path(__file__).resolve().parents[1]
PLAN = ROOT / "benchmarks" / "plans" / "in_silico.toml"
PAGE = ROOT / "docs" / "explanation" / "in_silico_benchmark.md"
ROWS = ROOT / "docs" / "data" / "in_silico_benchmark.csv"
COSTS = ROOT / "docs" / "data" / "in_silico_benchmark_costs.csv"
FIGURE = ROOT / "docs" / "images" / "in_silico_benchmark.png"


def page() -> str:
    """Return the page with its tables as the rows have them."""
    plan, _ = load_plan(PLAN)
    rows = rows_of_csv(ROWS.read_text(encoding="utf-8"))
    summary = summarise(rows, plan.plan)
    printed = {
        "title": f"{tables.title(summary)}.",
        "pooled": as_markdown(tables.pooled_table(summary, plan.plan.reference)),
        "verdicts": as_markdown(tables.verdict_table(summary)),
        "orders": as_markdown(tables.order_table(summary)),
        "groups": as_markdown(tables.group_table(summary)),
        "walks": as_markdown(tables.walk_table(summary)),
        "published": as_markdown(tables.published_means()),
        "anova": tables.anova_sentence(summary),
        "costs": as_markdown(list(csv.reader(COSTS.read_text(encoding="utf-8").splitlines()))),
    }
    return with_printed(PAGE.read_text(encoding="utf-8"), printed)


def _take(results: Path) -> None:
    """Bring the rows and mean costs of a benchmark into docs/data, and draw it."""
    plan, _ = load_plan(PLAN)
    runs = runs_of(plan)
    done = Journal(results / JOURNAL).read()
    rows = rows_of(runs, done)
    if len(rows) < len(runs):
        raise SystemExit(f"{len(runs) - len(rows)} of {len(runs)} runs are still to come")
    ROWS.write_text(runs_csv(rows), encoding="utf-8")
    spent = defaultdict(list)
    for run in runs:
        spent[run.generator, run.optimizer].append(astuple(done[run.key][1]))
    head = ["generator", "optimizer", "optimizer s", "generator s", "neuron s", "rest s"]
    with COSTS.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(head)
        for names, found in spent.items():
            means = [sum(column) / len(found) for column in zip(*found, strict=True)]
            table.writerow([*names, *(f"{mean:.2f}" for mean in means)])
    summary = summarise(rows, plan.plan)
    draw(summary, tables.title(summary), tables.NOISE_WORDS, plan.plan.reference, FIGURE)


def main() -> None:
    """Write the page, from new results where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, help="folder of the results of the benchmark")
    results = parser.parse_args().results
    if results is not None:
        _take(results)
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
