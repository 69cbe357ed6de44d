"""Shows a running session until it ends: live in a terminal, a line for each news elsewhere.

Whose session it is and how it is asked is the caller's business; the words are in `watch`.
"""

import time
from collections.abc import Callable

from rich.console import RenderableType
from rich.live import Live

from controller.cli.output import err
from controller.cli.watch import alarm_lines, generation_line, view
from controller.control.messages import SessionStatus

POLL_S = 0.25


def follow(
    is_alive: Callable[[], bool],
    ask: Callable[[], SessionStatus | None],
    *,
    draw: Callable[[], RenderableType] | None = None,
    quiet: bool = False,
) -> None:
    """Show what `ask` returns, None while there is no answer, as long as the session is alive.

    `draw`: what a terminal shows instead of the status.
    `quiet`: nothing but alarms and pauses, for then the session waits for an answer.
    """
    if err.is_terminal and not quiet:
        _follow_live(is_alive, draw or (lambda: view(ask())))
    else:
        _print_lines(is_alive, ask, generations=not quiet)


def _follow_live(is_alive: Callable[[], bool], draw: Callable[[], RenderableType]) -> None:
    with Live(view(None), console=err, refresh_per_second=4, transient=True) as live:
        while is_alive():
            live.update(draw())
            time.sleep(POLL_S)


def _print_lines(
    is_alive: Callable[[], bool], ask: Callable[[], SessionStatus | None], *, generations: bool
) -> None:
    shown, message = 0, ""
    told: list[str] = []
    while is_alive():
        status = ask()
        if status is not None and status.block > shown:
            shown = status.block
            if generations:
                err.print(generation_line(status), markup=False)
        if status is not None:
            alarms = list(alarm_lines(status))
            for line in alarms:
                if line not in told:
                    err.print(line, markup=False, style="bold red")
            told = alarms
            tell = generations or status.state == "paused"
            if tell and status.state != "preparing" and status.message != message:
                message = status.message
                err.print(message, markup=False)
        time.sleep(POLL_S)
