"""`neuroloop dashboard`: a page in the browser that shows a session, from a process of its own."""

import json
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from controller.cli.control_commands import SessionOption
from controller.cli.output import complain, out, say
from controller.dashboard import DEFAULT_PORT
from sessions.reader import open_log


def add_to(app: typer.Typer) -> None:
    """Add the command of this file to `app`."""
    app.command(
        epilog="Example: neuroloop dashboard --port 8800. No session waits for it, or ends with it."
    )(dashboard)


def dashboard(
    log: Annotated[
        Path | None,
        typer.Argument(help="A session's log, or its folder. Default: the session that runs."),
    ] = None,
    session: SessionOption = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 for any that is free.")
    ] = DEFAULT_PORT,
    open_it: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print address, token and port as one line of JSON.")
    ] = False,
) -> None:
    """Show the running session, or a finished one, in a browser; Ctrl-C ends the page only."""
    # They load a server, which no other command needs.
    from controller.dashboard.server import open_dashboard
    from controller.dashboard.state import Observer

    if log is not None:
        open_log(log)
    page = open_dashboard(Observer(session, log), port)
    if as_json:
        told = {"address": page.address, "token": page.token, "port": page.port}
        out.out(json.dumps(told))
    else:
        say(f"Dashboard: {page.address}")
        say(f"From another machine: ssh -L {page.port}:127.0.0.1:{page.port} THIS_MACHINE, then")
        say("open the same address there. Ctrl-C ends the page, and no session.")
    if open_it and not webbrowser.open(page.address):
        complain("there is no browser here to open it in")
    page.serve()
