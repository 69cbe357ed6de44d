"""`neuroloop bench PLAN.toml`: a benchmark that a plan describes, run, resumed, and summed up."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from controller.bench.cluster import cluster_workers
from controller.bench.errors import BenchError
from controller.bench.plans import results_file
from controller.bench.plans.load import load_plan
from controller.bench.plans.results import Journal, from_json
from controller.bench.plans.running import run_described
from controller.bench.plans.runs import Run, runs_of
from controller.bench.plans.runs_csv import runs_csv
from controller.bench.plans.schedule import Standing, run_all
from controller.bench.plans.summary import Summary, summarise
from controller.bench.plans.tables import Plan
from controller.bench.workers import local_workers
from controller.cli import bench_plan_tables as tables
from controller.cli.bench_running import require_picture, require_places
from controller.cli.bench_tables import as_text
from controller.cli.exits import Exit
from controller.cli.output import duration, err, say, say_json

JOURNAL, TABLE, ROWS, COSTS = "journal.jsonl", "results.h5", "runs.csv", "costs.csv"
_LINE_EVERY_S = 20.0


def plan(
    path: Annotated[Path, typer.Argument(metavar="PLAN", help="The plan's TOML file.")],
    results: Annotated[
        Path | None,
        typer.Option(help="Folder of the results; default: bench-NAME, after the plan's name."),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that compute.")] = 2,
    cluster: Annotated[
        str | None,
        typer.Option(
            help="Compute with Dask: local, the address of a scheduler, or a TOML file of SLURM "
            "settings. Default: processes on this machine, without Dask."
        ),
    ] = None,
    redo: Annotated[
        list[str] | None,
        typer.Option(help="Run this row again, by its key, and compare; repeat it."),
    ] = None,
    only_summary: Annotated[
        bool, typer.Option("--summary", help="Run nothing; say what the results say so far.")
    ] = False,
    figure: Annotated[
        Path | None, typer.Option(help="Draw the results into this file: .png, .pdf or .svg.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False,
) -> None:
    """Run the benchmark that a plan describes, and say what came of it.

    Every run is saved as it ends: after Ctrl-C, a kill or a power cut the same command goes on.
    """
    require_places(figure)
    require_picture(figure)
    described, toml = load_plan(path)
    runs = runs_of(described)
    folder = results or Path(f"bench-{described.plan.name.replace(' ', '-')}")
    journal = Journal(folder / JOURNAL)
    if redo:
        _redo(runs, journal, redo)
        return
    stopped = False
    if not only_summary:
        stopped = _run(runs, journal, workers, cluster)
    done = journal.read()
    rows = results_file.rows_of(runs, done)
    if len(rows) == len(runs):
        results_file.write_table(folder / TABLE, rows, toml)
        (folder / ROWS).write_text(runs_csv(rows), encoding="utf-8")
        results_file.write_costs(folder / COSTS, runs, done)
    _conclude(described, rows, len(runs), figure, as_json=as_json)
    if stopped:
        raise typer.Exit(Exit.ABORTED)


def new(
    path: Annotated[Path, typer.Argument(metavar="PLAN", help="The plan's TOML file to write.")],
) -> None:
    """Write a small plan with comments, to run or to change."""
    if path.exists():
        raise BenchError(f"{path} is there already; name another file")
    require_places(path)
    text = files("controller.bench.plans").joinpath("template.toml").read_text(encoding="utf-8")
    path.write_text(text, encoding="utf-8")
    say(f"Wrote {path}. Run it with: neuroloop bench {path}")


def _run(runs: Sequence[Run], journal: Journal, n_workers: int, cluster: str | None) -> bool:
    """Run what is left; return whether Ctrl-C has stopped it."""
    workers = (
        partial(local_workers, n_workers)
        if cluster is None
        else partial(cluster_workers, cluster, n_workers)
    )
    try:
        run_all(runs, journal, workers, _Telling())
    except KeyboardInterrupt:
        err.print("Stopped; the same command goes on with what is left.")
        return True
    return False


class _Telling:
    """Prints now and then how far a benchmark is."""

    def __init__(self) -> None:
        self._told_s = -_LINE_EVERY_S

    def __call__(self, standing: Standing) -> None:
        now_s = time.monotonic()
        if now_s - self._told_s < _LINE_EVERY_S and standing.done < standing.n_runs:
            return
        self._told_s = now_s
        left = "" if standing.left_s is None else f", about {duration(standing.left_s)} to go"
        err.print(f"{standing.done} of {standing.n_runs} runs{left if standing.left_s else ''}")


def _redo(runs: Sequence[Run], journal: Journal, keys: Sequence[str]) -> None:
    done, by_key = journal.read(), {run.key: run for run in runs}
    differing = 0
    with local_workers(1) as executor:
        for key in keys:
            if key not in by_key or key not in done:
                raise BenchError(f"there is no run {key!r} among the results of this plan")
            again, _ = from_json(executor.submit(run_described, by_key[key].to_json()).result())
            is_same = results_file.same(again, done[key][0])
            differing += not is_same
            say(f"{key}: {'the same to the last bit' if is_same else 'ANOTHER RESULT'}")
    if differing:
        raise typer.Exit(Exit.PROBLEMS)


def _conclude(
    described: Plan,
    rows: Sequence[results_file.Row],
    n_runs: int,
    figure: Path | None,
    *,
    as_json: bool,
) -> None:
    needed = bool(rows) and (figure is not None or not as_json)
    summary = summarise(rows, described.plan) if needed else None
    if as_json:
        say_json([{"run": asdict(row.run), "result": asdict(row.result)} for row in rows])
    elif summary is None:
        say("No run has ended yet.")
    else:
        _say_summary(summary, described.plan.reference)
        if len(rows) < n_runs:
            say(f"\n{n_runs - len(rows)} of {n_runs} runs are still to come.")
    if figure is not None and summary is not None:
        _draw(summary, described.plan.reference, figure)


def _say_summary(summary: Summary, reference: str) -> None:
    say(f"{tables.title(summary)}.")
    say("Normalised score, mean (SEM), and its ratio [95 %, resampled by neuron]:")
    say(as_text(tables.pooled_table(summary, reference)))
    say("\nBy kind of neuron:")
    say(as_text(tables.group_table(summary)).replace("**", ""))
    if summary.orders:
        say("\nOrders:")
        say(as_text(tables.order_table(summary)))
    if summary.verdicts:
        say("\nWhat Wang & Ponce 2022 found:")
        say(as_text(tables.verdict_table(summary)))
    say("\nHow mean codes moved. None of this tells an evolution from a random walk:")
    say(as_text(tables.walk_table(summary)))
    for sentence in (tables.anova_sentence(summary), *summary.errors):
        if sentence:
            say(sentence)
    if summary.silent:
        say(f"No image drove {', '.join(summary.silent)}, so they count nowhere.")


def _draw(summary: Summary, reference: str, path: Path) -> None:
    # matplotlib takes half a second to import, which no other command should pay for.
    from controller.bench.plans.figure import draw

    draw(summary, tables.title(summary), tables.NOISE_WORDS, reference, path)
