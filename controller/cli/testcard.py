"""`neuroloop testcard`: what an operator looks at, and measures on the glass, before a session."""

import subprocess
import sys
from pathlib import Path
from typing import IO, Annotated

import typer

from controller.cli.config_commands import SetOption
from controller.cli.exits import Exit
from controller.cli.output import complain, err, say
from controller.config.load import load_config
from controller.config.tables import SessionConfig
from controller.processes import GRACE_S, ONE_THREAD, child_environment

MODULE = "rig_adapters.stimulus.testcard"


def add_to(app: typer.Typer) -> None:
    """Add the command of this file to `app`."""
    app.command("testcard", epilog="Example: neuroloop testcard session.toml --save card.png")(
        show_card
    )


def show_card(
    path: Annotated[Path, typer.Argument(help="The session's TOML file.")],
    overrides: SetOption = None,
    save: Annotated[
        Path | None,
        typer.Option(help="Save what the framebuffer holds as this PNG file, and end."),
    ] = None,
) -> None:
    """Show ramp, circle, ruler, patch and places on the session's screen, until a key or Ctrl-C."""
    config = load_config(path, overrides or ())
    if config.display.kind != "psychopy":
        complain('there is no screen to show it on: set display.kind = "psychopy"')
        raise typer.Exit(Exit.USAGE)
    if save is not None and not save.resolve().parent.is_dir():
        complain(f"there is no folder {save.parent}; make it first, or choose another path")
        raise typer.Exit(Exit.USAGE)
    with _started(_order(config, save)) as process:
        try:
            shown = _read(process.stdout)
            if shown and save is None:
                err.print("any key at the window, or Ctrl-C here, ends it", markup=False)
            process.wait()
        except KeyboardInterrupt:
            # It heard the same Ctrl-C, and gives the screen back.
            _end(process)
            raise typer.Exit(Exit.DONE) from None
        if process.returncode:
            complain(_read(process.stderr) or "the test card's process broke down")
            raise typer.Exit(Exit.USAGE)
    if save is not None:
        say(f"Saved {save}.")


def _started(order: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", MODULE, order],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**child_environment(), **ONE_THREAD},
    )


def _read(stream: IO[str] | None) -> str:
    return stream.readline().strip() if stream is not None else ""


def _order(config: SessionConfig, save: Path | None) -> str:
    # They load zmq and drawing, which other commands need not.
    from controller.daemon.rig_processes import display_of
    from rig_adapters.stimulus.card import Place
    from rig_adapters.stimulus.testcard import CardOrder

    places = tuple(
        Place(thread.name or f"thread {index}", *thread.position_deg, thread.size_deg)
        for index, thread in enumerate(config.threads)
    )
    saved = save.resolve() if save is not None else None
    order = CardOrder(configure=display_of(config), places=places, save=saved)
    return order.model_dump_json()


def _end(process: "subprocess.Popen[str]") -> None:
    try:
        process.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
