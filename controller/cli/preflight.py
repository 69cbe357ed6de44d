"""`neuroloop preflight`: rehearse a session without one, and say what is not as it should be."""

import asyncio
import signal
from collections.abc import Awaitable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.table import Table
from rich.text import Text

from controller.cli.config_commands import SetOption
from controller.cli.exits import Exit
from controller.cli.output import complain, err, out, say, say_json
from controller.clock import wall_time
from controller.config.load import load_config
from controller.config.tables import SessionConfig
from controller.preflight.findings import Report

ResultT = TypeVar("ResultT")
_STYLES = {"pass": "green", "warn": "yellow", "refuse": "red"}


def add_to(app: typer.Typer) -> None:
    """Add the command of this file to `app`."""
    app.command(
        epilog="Example: neuroloop preflight session.toml. Ctrl-C ends it and leaves nothing open."
    )(preflight)


def preflight(
    path: Annotated[Path, typer.Argument(help="The session's TOML file.")],
    overrides: SetOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False,
) -> None:
    """Open the screen and the rig as a session would, measure them, and say what to mend."""
    config = load_config(path, overrides or ())
    try:
        found = asyncio.run(_rehearsed(config))
    except asyncio.CancelledError:
        complain("interrupted; the screen and the rig were closed")
        raise typer.Exit(Exit.ABORTED) from None
    if as_json:
        say_json({"checked_at": wall_time(), **found.as_json()})
    else:
        print_report(found)
    raise typer.Exit(Exit.PROBLEMS if found.worst == "refuse" else Exit.DONE)


async def _rehearsed(config: SessionConfig) -> Report:
    # It loads zmq, which validating and help need not.
    from controller.preflight import rehearsal

    return await until_interrupted(
        rehearsal.preflight(config, lambda doing: err.print(f"{doing}…", markup=False))
    )


async def until_interrupted(doing: Awaitable[ResultT]) -> ResultT:
    """Return what comes of `doing`, which Ctrl-C or SIGTERM cancels."""
    task = asyncio.current_task()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, _cancel, task)
    return await doing


def _cancel(task: "asyncio.Task[object] | None") -> None:
    # Once only: a second Ctrl-C must not interrupt the closing.
    if task is not None and not task.cancelling():
        task.cancel()


def print_report(found: Report) -> None:
    """Print a row for each finding, and whether all is well."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("", "what", "found", "what to do"):
        table.add_column(title, overflow="fold")
    for row in found.findings:
        state = Text(row.state, style=_STYLES[row.state])
        table.add_row(state, Text(row.what), Text(row.found), Text(row.advice))
    out.print(table)
    counts = {state: len(found.of(state)) for state in ("refuse", "warn", "pass")}
    passed = f"{counts['pass']} passed, {counts['warn']} to be warned of"
    if counts["refuse"]:
        say(f"Not ready: {counts['refuse']} to mend first, {passed}.")
    else:
        say(f"Ready: {passed}.")
