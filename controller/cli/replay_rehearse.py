"""`neuroloop replay rehearse`: the same config on other neurons or another rig, in virtual time."""

import contextlib
import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from controller.cli.config_commands import SetOption
from controller.cli.exits import Exit
from controller.cli.log_commands import JsonOption, LogArgument
from controller.cli.output import say, say_json
from controller.cli.run import run_config
from controller.config.tables import SessionConfig
from controller.replay.beside import Row, side_by_side
from controller.replay.configs import virtual_config
from sessions.reader import open_log
from sessions.schema import FILE_NAME

FolderOption = Annotated[
    str | None, typer.Option(help="Where the new session's folder goes; default: as in the config.")
]


def rehearse(
    log: LogArgument,
    overrides: SetOption = None,
    profile: Annotated[
        str | None,
        typer.Option(help="Conditions of the simulated rig: typical_rig_day, or a file of yours."),
    ] = None,
    folder: FolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a logged session's config again in virtual time, and show both beside each other.

    The rehearsal is a session of its own, with a log of its own. A recording system, an eye tracker
    and a valve are replaced by simulated ones, whose neurons are shape-selective units unless
    --set says otherwise.
    """
    reader = open_log(log)
    named = [f"rig.settings.profile={profile}"] if profile is not None else []
    changed = [*named, *(overrides or ())]
    config = virtual_config(reader, changed, "rehearsal", folder)
    changes = "".join(f"# --set {override}\n" for override in changed)
    toml = f"# Rehearsal of {reader.start.session_id}\n{changes}{reader.start.config_toml}"
    place, outcome = run_quietly(config, toml, quiet=as_json)
    rows = side_by_side(reader, open_log(place / FILE_NAME))
    if as_json:
        say_json({**outcome, "beside": [asdict(row) for row in rows]})
        return
    say("Beside each other:")
    for line in _table(rows):
        say(line)


def run_quietly(config: SessionConfig, toml: str, *, quiet: bool) -> tuple[Path, dict[str, Any]]:
    """Run a session; return its folder and its outcome, which is printed unless `quiet`.

    Raises typer.Exit where it did not end well.
    """
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed) if quiet else contextlib.nullcontext():
        place, status = run_config(config, toml, as_json=quiet)
    if status is not Exit.DONE:
        if quiet:
            say(printed.getvalue().strip())
        raise typer.Exit(status)
    return place, json.loads(printed.getvalue()) if quiet else {}


def _table(rows: list[Row]) -> list[str]:
    cells = [("", "session", "rehearsal", "")]
    cells += [(row.name, _number(row.original), _number(row.rehearsal), row.unit) for row in rows]
    widths = [max(len(cell[column]) for cell in cells) for column in range(3)]
    return [
        f"{name:<{widths[0]}}  {one:>{widths[1]}}  {other:>{widths[2]}}  {unit}".rstrip()
        for name, one, other, unit in cells
    ]


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" if value == round(value) else f"{value:.1f}"
