"""Runs the heats of a `neuroloop bench`: with saved results, lines on progress, and Ctrl-C.

Also the questions that are asked before a race begins. What is left out: options, printing.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from controller.bench.entrants import ENTRANTS
from controller.bench.errors import BenchError
from controller.bench.heat import Heat, HeatResult
from controller.bench.race import race
from controller.bench.saved_results import SavedResults
from controller.cli.output import duration, err

FORMATS = ("png", "pdf", "svg")
"""Of the picture of a race."""

_LINE_EVERY_S = 20.0


@dataclass(frozen=True)
class Raced:
    """Results of a race, and whether Ctrl-C has stopped it before it was over."""

    results: list[HeatResult]
    stopped: bool


def run_heats(heats: Sequence[Heat], n_workers: int, path: Path | None) -> Raced:
    """Run what has not been run; return all results in order, at Ctrl-C those that are there."""
    saved = SavedResults(path) if path is not None else None
    known = saved.read() if saved else {}
    keys = [heat.key for heat in heats]
    found = {key: known[key] for key in keys if key in known}
    due = [heat for heat in heats if heat.key not in known]
    begin_s = told_s = time.monotonic()
    try:
        for done, result in enumerate(race(due, n_workers) if due else (), start=1):
            found[result.key] = result
            if saved:
                saved.append(result)
            now_s = time.monotonic()
            if now_s - told_s > _LINE_EVERY_S or done == len(due):
                told_s = now_s
                left_s = (now_s - begin_s) / done * (len(due) - done)
                err.print(f"{done} of {len(due)} runs, about {duration(left_s)} to go")
    except KeyboardInterrupt:
        err.print(f"Stopped; {len(found)} of {len(heats)} runs are there.")
    # Several at a time end in any order.
    in_order = [found[key] for key in keys if key in found]
    return Raced(in_order, stopped=len(in_order) < len(heats))


def checked_norms(
    min_norm: float | None, max_norm: float | None
) -> tuple[float | None, float | None]:
    """Return both; raises BenchError where they leave nothing between them."""
    if min_norm is not None and max_norm is not None and min_norm > max_norm:
        raise BenchError(
            f"--min-norm {min_norm:g} exceeds --max-norm {max_norm:g}; no code is both"
        )
    return min_norm, max_norm


def require_places(*paths: Path | None) -> None:
    """Check, before hours of racing, that there are folders to write into; raises BenchError."""
    for path in paths:
        if path is not None and not path.absolute().parent.is_dir():
            raise BenchError(f"there is no folder for {path}; make it first")


def require_picture(path: Path | None) -> None:
    """Check that a picture can be drawn into a file of this name; raises BenchError."""
    if path is not None and path.suffix.lstrip(".") not in FORMATS:
        raise BenchError(f"{path} cannot be drawn; end its name with .png, .pdf or .svg")


def checked_names(asked: Sequence[str] | None) -> list[str]:
    """Return which optimizers race; raises BenchError where there is none of a name."""
    if not asked:
        return [name for name, entrant in ENTRANTS.items() if not entrant.on_request]
    for name in asked:
        if name not in ENTRANTS:
            known = ", ".join(ENTRANTS)
            raise BenchError(f"there is no optimizer {name!r}; write one of {known}")
    return list(dict.fromkeys(asked))
