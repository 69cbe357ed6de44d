"""`neuroloop twin`: an evolution beside the same search with shuffled scores, made from its log."""

import math
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated

import typer

from controller.cli.bench_tables import NOT_RUN, Table, as_text
from controller.cli.log_commands import JsonOption, LogArgument
from controller.cli.output import say, say_json
from controller.twin import CodeFigures, Twin, twin_of
from sessions.reader import open_log

ThreadOption = Annotated[
    int | None, typer.Option(min=0, help="Which evolution thread. Default: all, one by one.")
]


def add_to(app: typer.Typer) -> None:
    """Add the command of this file to `app`."""
    app.command(epilog="Example: neuroloop twin runs/demo-20260101-120000")(twin)


def twin(log: LogArgument, thread: ThreadOption = None, as_json: JsonOption = False) -> None:
    """Do a logged search again with shuffled scores, and show what its codes did beside the log's.

    Needs no rig: same optimizer, first codes and random numbers, and in each generation the logged
    scores in another order. What both have in common is no sign of an evolution. Whether the
    neuron answered, neuroloop inspect says.
    """
    reader = open_log(log)
    chosen = [t for t in reader.threads if thread in (None, t.thread_id)]
    if not chosen:
        known = ", ".join(str(t.thread_id) for t in reader.threads)
        raise typer.BadParameter(f"there is no thread {thread}; choose one of {known}")
    found = [twin_of(reader, each) for each in chosen]
    if as_json:
        say_json([asdict(each) for each in found])
        return
    for each in found:
        say(f"Thread {each.thread_id} ({each.name}), {each.n_generations} generations:")
        say(as_text(_table(each)))
        if each.no_walk:
            say(f"The random walk is {each.no_walk}.")
        if each.differs_from is not None:
            say(
                f"From generation {each.differs_from} on, this version of the optimizer proposes "
                "other codes than the log has, so the twin is that of another optimizer."
            )
    say("Where run and twin agree, the figure says nothing of the neuron.")


_ROWS: tuple[tuple[str, Callable[[CodeFigures], float], str], ...] = (
    ("norm of the mean code", lambda f: f.mean_norm, ".1f"),
    ("norm of codes", lambda f: f.code_norm, ".1f"),
    ("step between generations", lambda f: f.step, ".1f"),
    ("variance along component 1", lambda f: f.shares[0], ".3f"),
    ("along component 2", lambda f: f.shares[1], ".3f"),
    ("along component 3", lambda f: f.shares[2] if len(f.shares) > 2 else math.nan, ".3f"),
    ("cosine of consecutive steps", lambda f: f.step_cosine, "+.3f"),
    ("angle between codes, degrees", lambda f: f.angle_deg, ".1f"),
    ("sigma", lambda f: f.sigma, ".3f"),
)


def _table(found: Twin) -> Table:
    rows: Table = [["at the end", "run", "shuffled twin", "random walk"]]
    columns = (found.run, found.twin, found.walk)
    for name, value, form in _ROWS:
        rows.append([name, *(_cell(each, value, form) for each in columns)])
    return rows


def _cell(figures: CodeFigures | None, value: Callable[[CodeFigures], float], form: str) -> str:
    if figures is None or math.isnan(value(figures)):
        return NOT_RUN
    return format(value(figures), form)
