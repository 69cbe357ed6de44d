"""`neuroloop psth`: the response in time, block by block, in a terminal; also while a session runs.

Computing it is left to `sessions.psths`.
"""

import math
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from controller import runtime
from controller.cli.output import say, say_json
from sessions.analysis.responses import Psth
from sessions.psths import PSTH_BIN_S, PSTH_WINDOW_S, BlockPsth, block_psths
from sessions.reader import open_log

BARS = " ▁▂▃▄▅▆▇█"


def add_to(app: typer.Typer) -> None:
    """Add the command of this file to `app`."""
    app.command(epilog="Example: neuroloop psth runs/demo-20260101-120000 --block 12")(psth)


def psth(
    log: Annotated[
        Path | None,
        typer.Argument(help="A session's log, or its folder. Default: the session that runs."),
    ] = None,
    block: Annotated[
        int | None, typer.Option(min=0, help="Which block. Default: the last one in the log.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False,
) -> None:
    """Show how the driver units fired about the onset of the images of one block."""
    reader = open_log(log or Path(runtime.find_session(None).folder))
    found = block_psths(reader, block)
    if as_json:
        say_json([_plain(each) for each in found])
        return
    for each in found:
        _print(each)


def _print(found: BlockPsth) -> None:
    units = "+".join(map(str, found.thread.driver_unit_ids))
    say(f"block {found.block}, thread {found.thread.thread_id} ({found.thread.name}), unit {units}")
    kinds = {"generated": found.generated, "references": found.references}
    top_hz = max((_peak_hz(response) for response in kinds.values()), default=0.0)
    for name, response in kinds.items():
        if not response.n_presentations:
            say(f"  {name:<11}no presentation completed")
            continue
        at_ms = 1e3 * (response.edges_s[int(np.argmax(response.rate_hz))] + PSTH_BIN_S / 2)
        told = f"{_peak_hz(response):.0f} sp/s at {at_ms:.0f} ms"
        say(f"  {name:<11}{bars(response, top_hz)}  {told}, {response.n_presentations} shown")
    start_ms, stop_ms = (round(1e3 * end) for end in PSTH_WINDOW_S)
    say(f"  {'':<11}{start_ms} to {stop_ms} ms from onset, {round(1e3 * PSTH_BIN_S)} ms each")


def bars(response: Psth, top_hz: float) -> str:
    """Return a line with one bar for each bin, the highest at `top_hz`; onset is a line."""
    steps = len(BARS) - 1
    drawn = [
        BARS[min(steps, math.ceil(steps * rate_hz / top_hz))] if top_hz > 0 else BARS[0]
        for rate_hz in response.rate_hz
    ]
    drawn.insert(int(np.searchsorted(response.edges_s, -PSTH_BIN_S / 2)), "|")
    return "".join(drawn)


def _peak_hz(response: Psth) -> float:
    return float(response.rate_hz.max()) if response.n_presentations else 0.0


def _plain(found: BlockPsth) -> dict[str, Any]:
    return {
        "block": found.block,
        "thread_id": found.thread.thread_id,
        "driver_unit_ids": found.thread.driver_unit_ids,
        "edges_s": found.generated.edges_s.tolist(),
        **{
            name: {
                "rate_hz": response.rate_hz.tolist(),
                "sem_hz": response.sem_hz.tolist(),
                "presentations": response.n_presentations,
            }
            for name, response in (
                ("generated", found.generated),
                ("references", found.references),
            )
        },
    }
