"""`neuroloop report`: a session as one page for a notebook, and its figures as files.

What is on the page is up to `sessions.lab_report`.
"""

from pathlib import Path
from typing import Annotated

import typer

from controller.cli.exits import Exit
from controller.cli.log_commands import JsonOption, LogArgument
from controller.cli.output import complain, err, say, say_json
from controller.cli.run import shortest
from sessions.reader import open_log

PAGE = "report.html"


def add_to(app: typer.Typer) -> None:
    """Add the command of this file to `app`."""
    app.command(
        epilog="Example: neuroloop report runs/demo-20260101-120000 --output notebook/day3.html"
    )(report)


def report(
    log: LogArgument,
    output: Annotated[
        Path | None,
        typer.Option(help="The page. Default: report.html in the folder of the session."),
    ] = None,
    figures: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the figures as SVG, PNG and CSV. Default: beside the page, with its "
            "name: report/ beside report.html."
        ),
    ] = None,
    mean_codes: Annotated[
        bool,
        typer.Option(
            "--mean-codes",
            help="Render the mean codes, too; needs the generator and its weights here.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a report: one page that opens anywhere, with figures, numbers, nulls and methods.

    It works while the session runs, too. The same log gives the same page, byte for byte.
    """
    reader = open_log(log)
    page = output or reader.path.parent / PAGE
    folder = figures or page.with_suffix("")
    if folder == page:
        raise typer.BadParameter("give the page an ending: --output day3.html")
    # matplotlib takes a second to import, which no other command should pay for.
    from controller.report_facts import report_facts
    from sessions.lab_report import write_report

    try:
        with err.status("Reading the log …") as shown:
            given = report_facts(reader, mean_codes=mean_codes)

            def tell(doing: str, done: int, total: int) -> None:
                shown.update(f"{doing.capitalize()}: {done} of {total}")

            written = write_report(reader, page, folder, given, tell)
    except KeyboardInterrupt:
        complain("interrupted; nothing was written")
        raise typer.Exit(Exit.ABORTED) from None
    if as_json:
        say_json(
            {
                "page": str(written.page),
                "figures_folder": str(written.figures_folder),
                "figures": list(written.figures),
                "findings": len(written.findings),
            }
        )
        return
    say(f"Report: {shortest(written.page)}")
    say(f"Figures and their numbers: {shortest(written.figures_folder)}")
    if written.findings:
        say(f"Inspection found {len(written.findings)} thing(s) that the page begins with.")
