"""Opens PsychoPy's window; the only file of the display that imports PsychoPy.

That is imported when a window is opened, since its import needs a screen. It is kept from writing
into the user's home, from reading the command line, and from changing the environment.
"""

import contextlib
import os
import platform
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rig_adapters.errors import DisplayError
from rig_adapters.wire.messages import ScreenGeometry


def open_window(geometry: ScreenGeometry, grey: int, full_screen: bool) -> Any:
    """Return a window of `geometry`, cleared to the level `grey` at each flip.

    Raises DisplayError where PsychoPy is not installed, or the screen has another size.
    """
    window = _import_psychopy().Window(
        size=geometry.size_px,
        pos=(0, 0),
        monitor=_monitor(geometry),
        units="pix",
        color=(grey, grey, grey),
        colorSpace="rgb255",
        fullscr=full_screen,
        winType="pyglet",
        useFBO=False,
        allowStencil=False,
        multiSample=False,
        waitBlanking=True,
        checkTiming=False,
        allowGUI=False,
        autoLog=False,
    )
    window.mouseVisible = False
    size_px = tuple(int(extent) for extent in window.size)
    if size_px != geometry.size_px:
        window.close()
        raise DisplayError(
            f"the screen has {size_px[0]} x {size_px[1]} pixels, but the config says "
            f"{geometry.size_px[0]} x {geometry.size_px[1]}; "
            "set the screen's mode or correct size_px"
        )
    return window


def versions(window: Any) -> dict[str, str]:
    """Return the versions of what draws in a window, Python's among them."""
    import psychopy
    import pyglet

    graphics = window.winHandle.context.get_info()
    return {
        "python": platform.python_version(),
        "psychopy": psychopy.__version__,
        "pyglet": pyglet.version,
        "opengl": graphics.get_version(),
        "graphics": graphics.get_renderer(),
    }


def a_key_was_pressed() -> bool:
    """Whether somebody has pressed a key at a window since the last call."""
    from psychopy import event

    return bool(event.getKeys())


def _import_psychopy() -> Any:
    """Return `psychopy.visual`, imported without its side effects on home, argv and environment."""
    try:
        with _scratch_home(), _no_arguments(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Without this, PsychoPy changes the search paths of this and of child processes.
            os.environ["PSYCHOPYNOPACKAGES"] = "1"
            from psychopy.logging import CRITICAL, console

            console.setLevel(CRITICAL)
            from psychopy import monitors, visual

            # Named here, or the windows' own import of it would write into the home later.
            _ = monitors
    except ImportError as error:
        raise DisplayError(
            f"PsychoPy cannot be imported ({error}); run scripts/setup, or choose the virtual "
            "display"
        ) from error
    return visual


@contextlib.contextmanager
def _scratch_home() -> Iterator[None]:
    """Lend a passing home; PsychoPy would leave its preferences in the user's."""
    home = os.environ.get("HOME")
    if home is None:
        yield
        return
    os.environ.setdefault("XAUTHORITY", str(Path(home) / ".Xauthority"))
    with tempfile.TemporaryDirectory(prefix="neuroloop-") as scratch:
        os.environ["HOME"] = scratch
        try:
            yield
        finally:
            os.environ["HOME"] = home


@contextlib.contextmanager
def _no_arguments() -> Iterator[None]:
    """Hide the command line, which PsychoPy would read as its own."""
    arguments = sys.argv[1:]
    del sys.argv[1:]
    try:
        yield
    finally:
        sys.argv[1:] = arguments


def _monitor(geometry: ScreenGeometry) -> Any:
    from psychopy import monitors

    monitor = monitors.Monitor("neuroloop", autoLog=False)
    monitor.setSizePix(geometry.size_px)
    monitor.setWidth(geometry.width_cm)
    monitor.setDistance(geometry.distance_cm)
    return monitor
