"""`neuroloop inspect` and `recover`: what is in a log, and what was still to come into it."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from controller import runtime
from controller.cli.exits import Exit
from controller.cli.inspection import Inspection, print_findings, print_inspection
from controller.cli.inspection import as_json as inspection_json
from controller.cli.output import say, say_json
from controller.cli.progress_lines import ProgressLines
from controller.errors import ControlError
from sessions.checks import LAYOUT_CHECKS, SAMPLE, Sample, checks, run_checks
from sessions.checks.pixels import rows_to_compare, stored_rows
from sessions.reader import LogReader, open_log
from sessions.recover import complete_log, missing_from_log

LogArgument = Annotated[Path, typer.Argument(help="A session's log, or its folder.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file to `app`."""
    app.command("inspect", epilog="Example: neuroloop inspect runs/demo-20260101-120000")(inspect_)
    app.command(epilog="Example: neuroloop recover runs/demo-20260101-120000")(recover)


def inspect_(
    log: LogArgument,
    as_json: JsonOption = False,
    all_pixels: Annotated[
        bool,
        typer.Option(
            "--all-pixels",
            help="Compare every stored image with its hash, not a sample; reads the whole file.",
        ),
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 6 for warnings, too, not for errors alone.")
    ] = False,
) -> None:
    """Say what is in a log, generation by generation, and whether anything is wrong with it.

    The exit status is 6 when a check found an error. A warning is something to know, such as
    dropped frames or a session that was cut off: it is told, and leaves the status at 0.
    """
    reader = open_log(log)
    inspection = _inspect_layout(reader)
    if inspection.findings:
        # What lacks tables or columns can be neither summed up nor checked any further.
        if as_json:
            say_json({"findings": [asdict(finding) for finding in inspection.findings]})
        else:
            print_findings(inspection)
        raise typer.Exit(Exit.PROBLEMS)
    inspection = _inspect(reader, None if all_pixels else SAMPLE)
    if as_json:
        say_json(inspection_json(reader, inspection))
    else:
        print_inspection(reader, inspection)
        _say_what_is_missing(reader)
    if inspection.count("error") or (strict and inspection.count("warning")):
        raise typer.Exit(Exit.PROBLEMS)


def _inspect_layout(reader: LogReader) -> Inspection:
    return Inspection(LAYOUT_CHECKS, run_checks(reader, LAYOUT_CHECKS), 0, 0)


def _inspect(reader: LogReader, sample: Sample | None) -> Inspection:
    asked = checks(sample, ProgressLines())
    return Inspection(
        asked,
        run_checks(reader, asked),
        len(stored_rows(reader)),
        len(rows_to_compare(reader, sample)),
    )


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
