"""`neuroloop inspect` and `recover`: what is in a log, and what was still to come into it."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from controller import runtime
from controller.cli.exits import Exit
from controller.cli.inspection import print_inspection
from controller.cli.output import say, say_json
from controller.diagnostics import diagnose
from controller.errors import ControlError
from sessions.checks import run_checks
from sessions.reader import LogReader, open_log
from sessions.recover import complete_log, missing_from_log
from sessions.report import summary

LogArgument = Annotated[Path, typer.Argument(help="A session's log, or its folder.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file to `app`."""
    app.command("inspect", epilog="Example: neuroloop inspect runs/demo-20260101-120000")(inspect_)
    app.command(epilog="Example: neuroloop recover runs/demo-20260101-120000")(recover)


def inspect_(log: LogArgument, as_json: JsonOption = False) -> None:
    """Say what is in a log, generation by generation, and whether anything is wrong with it."""
    reader = open_log(log)
    findings = run_checks(reader)
    if as_json:
        say_json(
            {
                "summary": asdict(summary(reader)),
                "diagnostics": asdict(diagnose(reader)),
                "findings": [asdict(f) for f in findings],
            }
        )
    else:
        print_inspection(reader, findings)
        _say_what_is_missing(reader)
    if any(finding.severity == "error" for finding in findings):
        raise typer.Exit(Exit.PROBLEMS)


def recover(log: LogArgument) -> None:
    """Complete the log of a session whose daemon was killed, without going on with the session.

    The last generation may be in the session's journal alone. neuroloop run and neuroloop resume
    do this by themselves.
    """
    reader = open_log(log)
    if is_running(reader):
        raise ControlError("the session is still running, and completes its log by itself")
    n_generations = complete_log(reader.path.parent)
    if n_generations:
        say(f"Brought {n_generations} generation(s) from the journal into {reader.path}.")
    else:
        say(f"{reader.path} holds every committed generation.")


def _say_what_is_missing(reader: LogReader) -> None:
    folder = reader.path.parent
    # A session that runs is a moment ahead of its log.
    if missing_from_log(folder) and not is_running(reader):
        say(f"Its last generation is in the journal alone: neuroloop recover {folder}")


def is_running(reader: LogReader) -> bool:
    """Whether the session of a log is running now."""
    session_id = reader.start.session_id
    return any(session.session_id == session_id for session in runtime.running_sessions())
