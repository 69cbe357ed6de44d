"""`python -m rig_adapters.stimulus.testcard ORDER`: shows the test card, or saves a picture of it.

What to show is JSON on the command line. It ends at a key, Ctrl-C, SIGTERM, or the death of
whoever started it; the screen is given back in any case. One line of JSON on standard output says
what the screen turned out to be.
"""

import json
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import NoReturn

import PIL.Image
from pydantic import BaseModel, ConfigDict

from rig_adapters.errors import DisplayError
from rig_adapters.peer_process import end_with_parent
from rig_adapters.stimulus.base import Scene
from rig_adapters.stimulus.card import Place, paint_card
from rig_adapters.stimulus.marks import OnsetMarks
from rig_adapters.stimulus.psychopy_display import PsychoPyDisplay
from rig_adapters.wire.messages import ConfigureDisplay

PATCH_PERIOD_S = 1.0
EXIT_REFUSED = 2


class CardOrder(BaseModel):
    """The screen, what to mark on it, and a file for a picture instead of waiting for a key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    configure: ConfigureDisplay
    places: tuple[Place, ...]
    save: Path | None


class _Ended(BaseException):
    """A signal came; unwinds through every `finally`."""


def main() -> int:
    """Show the card that the command line orders; return an exit status."""
    end_with_parent()
    # PsychoPy reads the command line of whoever imports it.
    order = CardOrder.model_validate_json(sys.argv.pop())
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    display = PsychoPyDisplay()
    try:
        _show(display, order)
    except _Ended:
        pass
    except (DisplayError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_REFUSED
    finally:
        display.close()
    return 0


def _show(display: PsychoPyDisplay, order: CardOrder) -> None:
    configure = order.configure
    opened = display.open(configure)
    display.lay_under(
        paint_card(
            configure.geometry,
            configure.appearance.gamma,
            configure.background_grey,
            opened.monitor,
            order.places,
        )
    )
    sys.stdout.write(json.dumps({"label": opened.label, "monitor": opened.monitor}) + "\n")
    sys.stdout.flush()
    marks = OnsetMarks(configure.photodiode, None)
    spot = Scene(fixation=True, image=None)
    if order.save is not None:
        lit = marks.scene(spot, onset=True)
        PIL.Image.fromarray(display.read_back(lit)).save(order.save, format="PNG")
        return
    changed_s = time.monotonic()
    while not display.key_was_pressed():
        due = time.monotonic() - changed_s > PATCH_PERIOD_S
        changed_s = time.monotonic() if due else changed_s
        display.show(marks.scene(spot, onset=due), 1)


def _end(_signal: int, _frame: FrameType | None) -> NoReturn:
    # A second signal must not interrupt the closing.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise _Ended


if __name__ == "__main__":
    raise SystemExit(main())
