"""`neuroloop status`, `pause`, `resume`, `stop`, `note`: talking to a running session."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from controller import runtime
from controller.cli.output import say, say_json
from controller.cli.watch import status_lines
from controller.control import messages as c
from controller.control.client import ControlClient
from rig_adapters.wire.messages import Message

SessionOption = Annotated[
    str | None, typer.Option("--session", help="Session id; needed only where several run.")
]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file to `app`."""
    app.command(epilog="Example: neuroloop status --json")(status)
    app.command(epilog="Example: neuroloop pause")(pause)
    app.command(
        epilog="Example: neuroloop resume; after a crash: neuroloop resume runs/demo-20260101-1200"
    )(resume)
    app.command(epilog="Example: neuroloop stop, or at once: neuroloop stop --now")(stop)
    app.command(epilog='Example: neuroloop note "animal drowsy, reward up to 120 ms"')(note)


def status(
    session: SessionOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False,
) -> None:
    """Say how the running session is going."""
    with ControlClient(runtime.find_session(session).control_endpoint) as client:
        found = client.status()
    if as_json:
        say_json(found.model_dump(mode="json"))
    else:
        for line in status_lines(found):
            say(line)


def pause(session: SessionOption = None) -> None:
    """Pause at the end of the block; the screen stays blank."""
    _command(session, c.Pause())


def resume(
    log: Annotated[
        Path | None,
        typer.Argument(help="Folder of a session that was cut off; without it: end the pause."),
    ] = None,
    session: SessionOption = None,
    detach: Annotated[
        bool, typer.Option(help="Return once it runs; see neuroloop status.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Go on after a pause, or with a session that was cut off, aborted or ended by a fault.

    Nothing that was committed is shown again; of the block that was open, only what has no
    response.
    """
    if log is None:
        _command(session, c.Resume())
        return
    # It reads configs and logs, which the other commands of this file need not wait for.
    from controller.cli.run import resume_session

    _, status = resume_session(log, detach=detach, as_json=as_json)
    raise typer.Exit(status)


def stop(
    session: SessionOption = None,
    now: Annotated[bool, typer.Option("--now", help="Drop the open block.")] = False,
) -> None:
    """Finish the session: at the end of the block, or at once."""
    _command(session, c.Abort(reason="aborted by the operator") if now else c.Stop())


def note(
    text: Annotated[str, typer.Argument(help="What to write into the log.")],
    session: SessionOption = None,
) -> None:
    """Write a note into the log, with the time."""
    try:
        command = c.AddNote(text=text)
    except ValidationError as error:
        raise typer.BadParameter(
            f"a note has between 1 and {c.MAX_NOTE} characters, but this one has {len(text)}"
        ) from error
    _command(session, command)


def _command(session: str | None, command: Message) -> None:
    with ControlClient(runtime.find_session(session).control_endpoint) as client:
        reply = client.request(command)
    if isinstance(reply, c.CommandAccepted):
        say(f"{reply.what[0].upper()}{reply.what[1:]}.")
