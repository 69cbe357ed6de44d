"""`neuroloop compare`: two optimizers, generators or threads held against each other over sessions.

What is compared with what, and how, is up to `sessions.comparing`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.table import Table

from controller.cli.exits import Exit
from controller.cli.log_commands import JsonOption
from controller.cli.output import complain, err, out, say, say_json
from controller.cli.run import shortest
from sessions.analysis.evolution import Interval
from sessions.reader import open_log

if TYPE_CHECKING:
    from sessions.analysis.paired import Paired
    from sessions.comparing import Comparison
    from sessions.comparing.measures import Measured

FORMATS = ("png", "svg", "pdf")

ScaleOption = Annotated[
    str | None,
    typer.Option(
        help="Normalise each pair by the largest generation of this one alone, as published. "
        "Default: by the larger of both."
    ),
]
FigureOption = Annotated[Path | None, typer.Option(help="Draw into this file: .png, .svg or .pdf.")]
CsvOption = Annotated[
    Path | None, typer.Option(help="Write a table with a row for each pair into this file.")
]


def add_to(app: typer.Typer) -> None:
    """Add the command of this file to `app`."""
    app.command(
        "compare", epilog="Example: neuroloop compare runs/cma-against-ga-* --figure cma_ga.png"
    )(compare_)


def compare_(
    logs: Annotated[
        list[Path], typer.Argument(help="Logs of sessions, or their folders.", metavar="LOG")
    ],
    by: Annotated[
        Literal["optimizer", "generator", "thread"],
        typer.Option(help="What is compared: optimizers, generators, or threads by their names."),
    ] = "optimizer",
    first: Annotated[
        str | None, typer.Option(help="Name of the one that differences are taken from.")
    ] = None,
    second: Annotated[str | None, typer.Option(help="Name of the other one.")] = None,
    scale: ScaleOption = None,
    successful: Annotated[
        bool,
        typer.Option(
            "--successful",
            help="Pool over pairs in which one or both went beyond the drift of their references.",
        ),
    ] = False,
    figure: FigureOption = None,
    csv: CsvOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare two optimizers, generators or threads over sessions, pair by pair and pooled.

    Threads on the same unit in one session are a pair. What has no partner in its session is paired
    with one of another session: same subject and unit, in the order of time. Logs that differ in
    more than what is compared are refused. The order of logs does not matter.
    """
    if figure and figure.suffix[1:] not in FORMATS:
        raise typer.BadParameter(f"--figure {figure.name}: end it in .{', .'.join(FORMATS)}.")
    # It takes long to import, which no other command should pay for.
    from sessions.comparing import compare

    def compared(tell: Callable[[int, int], None]) -> Comparison:
        return compare(
            [open_log(log) for log in logs],
            by,
            first=first,
            second=second,
            scale_to=scale,
            successful_only=successful,
            tell=tell,
        )

    found = _compared_and_written(compared, figure, csv)
    if as_json:
        from sessions.comparing.table import plain

        say_json(plain(found))
        return
    _print(found)
    for name, path in (("Figure", figure), ("Table", csv)):
        if path:
            say(f"{name}: {shortest(path)}")


def _compared_and_written(
    compared: Callable[[Callable[[int, int], None]], Comparison],
    figure: Path | None,
    csv: Path | None,
) -> Comparison:
    """Compare, telling how far it is, and write the files that were asked for."""
    try:
        with err.status("Reading the logs …") as shown:
            found = compared(
                lambda done, total: shown.update(f"Comparing: pair {done + 1} of {total}")
            )
            if figure:
                from sessions.comparing.figure import draw

                figure.write_bytes(draw(found, figure.suffix[1:]))
            if csv:
                from sessions.comparing.table import csv_text

                csv.write_text(csv_text(found), encoding="utf-8")
    except KeyboardInterrupt:
        complain("interrupted; the comparison was not finished")
        raise typer.Exit(Exit.ABORTED) from None
    return found


def _print(found: Comparison) -> None:
    say(
        f"By {found.by}: {found.first} (first) minus {found.second} (second); final is the mean "
        "of the last two generations, in spikes/s."
    )
    out.print(_pair_table(found))
    for number, each in enumerate(found.pairs, start=1):
        say(f"Pair {number}: unit {each.pair.first.site}, {each.pair.name}")
    pooled = found.pooled
    say(f"Over {found.n_sessions} session(s), mean difference with 95 % interval:")
    largest = f"the largest generation of {found.scale_to or 'either'} is 1"
    _print_pooled("final, spikes/s", pooled.final, 1)
    _print_pooled(f"final, {largest}", pooled.normalised, 3)
    _print_pooled("generations to half of the rise", pooled.half_rise, 1)
    for note in found.notes:
        say(f"Note: {note}")


def _pair_table(found: Comparison) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0))
    titles = ("pair", "first", "second", "difference [95 %]", "p", "normalised", "half rise")
    for title in titles:
        table.add_column(title, justify="right", no_wrap=True)
    for number, each in enumerate(found.pairs, start=1):
        table.add_row(str(number), *_pair_cells(each))
    return table


def _pair_cells(measured: Measured) -> list[str]:
    a, b, apart = measured.first, measured.second, measured.apart
    return [
        f"{a.final:.1f}",
        f"{b.final:.1f}",
        _interval(apart.final, 1, sign=True),
        _p(apart.p),
        f"{_number(a.normalised, 2)} / {_number(b.normalised, 2)}",
        f"{_number(a.half_rise.value, 1)} / {_number(b.half_rise.value, 1)}",
    ]


def _print_pooled(what: str, over: Paired, digits: int) -> None:
    say(f"  {what}: {_number(over.first, digits)} and {_number(over.second, digits)}")
    resampled = _interval(over.resampled, digits, sign=True)
    say(
        f"    difference {_interval(over.difference, digits, sign=True)}, "
        + (f"resampled {resampled}, " if not math.isnan(over.resampled.low) else "")
        + f"ratio {_interval(over.ratio, 2)}"
    )
    say(
        f"    paired t p {_p(over.p)}, signed ranks p {_p(over.p_ranks)}, first larger in "
        f"{over.n_ahead} of {over.n}"
    )


def _interval(interval: Interval, digits: int, *, sign: bool = False) -> str:
    value = _number(interval.value, digits, sign=sign)
    if math.isnan(interval.low):
        return value
    low, high = (_number(end, digits, sign=sign) for end in (interval.low, interval.high))
    return f"{value} [{low}, {high}]"


def _number(value: float, digits: int, *, sign: bool = False) -> str:
    return "–" if math.isnan(value) else f"{value:{'+' if sign else ''}.{digits}f}"


def _p(value: float) -> str:
    if math.isnan(value):
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
