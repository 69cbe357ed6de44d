"""`neuroloop mirror`: the animal's screen, small, in a window of its own, for the operator.

It listens to what the stimulus process says of itself, and cannot delay it: see
`rig_adapters.mirror`. Closing it changes nothing.
"""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from controller import runtime
from controller.cli.control_commands import SessionOption
from controller.cli.exits import Exit
from controller.cli.output import complain, say
from controller.config.tables import SessionConfig
from controller.runtime import RunningSession

if TYPE_CHECKING:
    from rig_adapters.mirror import MirrorWatcher
    from rig_adapters.stimulus.reflection import Reflection

FRAME_S = 1 / 30
WIDTH_PX = 640


def add_to(app: typer.Typer) -> None:
    """Add the command of this file to `app`."""
    app.command(epilog="Example: neuroloop mirror --width 960. Closing it ends no session.")(mirror)


def mirror(
    session: SessionOption = None,
    width: Annotated[
        int, typer.Option(min=160, max=3840, help="Width of the window in pixels.")
    ] = WIDTH_PX,
    save: Annotated[
        Path | None, typer.Option(help="Save the next image as a PNG file instead, and end.")
    ] = None,
) -> None:
    """Show what the animal sees, small, in a window; the stimulus process never waits for it."""
    # They load zmq and drawing, which other commands need not.
    from controller.daemon.rig_processes import display_of
    from rig_adapters.mirror import MirrorWatcher
    from rig_adapters.stimulus.reflection import Reflection

    running = runtime.find_session(session)
    text = (Path(running.folder) / "config.json").read_text(encoding="utf-8")
    config = SessionConfig.model_validate_json(text)
    reflection = Reflection(display_of(config), width)
    watcher = MirrorWatcher(runtime.endpoint(Path(running.runtime), "mirror"))
    try:
        if save is not None:
            _save(watcher, reflection, running, save)
        else:
            _show(watcher, reflection, running)
    except KeyboardInterrupt:
        raise typer.Exit(Exit.DONE) from None
    finally:
        watcher.close()


def _save(
    watcher: "MirrorWatcher", reflection: "Reflection", running: RunningSession, save: Path
) -> None:
    import PIL.Image

    while not reflection.shows_an_image:
        if not running.alive:
            complain("the session ended before it showed another image")
            raise typer.Exit(Exit.UNREACHABLE)
        message = watcher.receive(200)
        if message is not None:
            reflection.see(message)
    PIL.Image.fromarray(reflection.paint()).save(save, format="PNG")
    say(f"Saved {save}.")


def _show(watcher: "MirrorWatcher", reflection: "Reflection", running: RunningSession) -> None:
    from rig_adapters.stimulus.mirror_window import MirrorWindow

    window = MirrorWindow(f"mirror of {running.session_id}", reflection.size_px)
    try:
        while not window.closed and running.alive:
            _follow(watcher, reflection)
            window.show(reflection.paint())
    finally:
        window.close()


def _follow(watcher: "MirrorWatcher", reflection: "Reflection") -> None:
    """Take in what comes until the next picture is due; what is over by then is not shown."""
    due_s = time.monotonic() + FRAME_S
    while (left_s := due_s - time.monotonic()) > 0:
        message = watcher.receive(max(1, int(1000 * left_s)))
        if message is not None:
            reflection.see(message)
