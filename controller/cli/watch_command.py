"""`neuroloop watch`: the running session with curves and responses, in the terminal.

What is drawn is in `watch` and `watch_screen`, and how often in `follow`.
"""

from typing import Annotated

import typer

from controller import runtime
from controller.cli.control_commands import SessionOption
from controller.cli.follow import follow
from controller.cli.output import err, out, say, say_json
from controller.cli.watch_screen import screen
from controller.control.client import ControlClient
from controller.control.messages import SessionStatus
from controller.dashboard.sections import curve_rows, sections
from controller.dashboard.state import Observer
from controller.errors import ControlError
from controller.runtime import RunningSession


def add_to(app: typer.Typer) -> None:
    """Add the command of this file to `app`."""
    app.command(epilog="Example: neuroloop watch; for a script: neuroloop watch --json")(watch)


def watch(
    session: SessionOption = None,
    once: Annotated[bool, typer.Option("--once", help="Print it once and end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script, once.")] = False,
) -> None:
    """Show the running session with curves and responses; Ctrl-C ends the watching only."""
    found = runtime.find_session(session)
    observer = Observer(found.session_id)
    try:
        if as_json:
            snapshot = observer.look()
            say_json(sections(snapshot) | {"curves": curve_rows(snapshot)})
        elif once:
            out.print(screen(observer.look(), out.width))
        else:
            _watch(found, observer)
    finally:
        observer.close()


def _watch(found: RunningSession, observer: Observer) -> None:
    def ask() -> SessionStatus | None:
        try:
            with ControlClient(found.control_endpoint, deadline_s=2.0) as client:
                return client.status()
        except ControlError:
            return None

    try:
        follow(lambda: found.alive, ask, draw=lambda: screen(observer.look(), err.width))
    except KeyboardInterrupt:
        say(f"{found.session_id} goes on.")
    else:
        say(f"{found.session_id} has ended.")
