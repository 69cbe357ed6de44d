"""Synthetic sessions of two optimizers on one unit, as `sessions.comparing` pairs them.

Each is one of `sessions.testing.synthetic`, whose second thread runs another optimizer on the same
driver unit, or whose only thread runs either.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

from sessions.records import SessionStart
from sessions.testing.synthetic import SyntheticSession, synthetic_start, write_synthetic_log

Optimizers = tuple[Literal["cholesky_cma", "genetic"], ...]


def compared_start(wanted: SyntheticSession, optimizers: Optimizers) -> SessionStart:
    """Return the start of a session with one thread for each optimizer, all on unit 11."""
    start = synthetic_start(wanted)
    threads = tuple(
        replace(start.threads[0], thread_id=index, name=optimizer.upper(), optimizer=optimizer)
        for index, optimizer in enumerate(optimizers)
    )
    # A minute for each seed, so that sessions have an order in time.
    started_at = f"2026-01-05T09:{wanted.seed:02d}:00+00:00"
    return replace(start, threads=threads, started_at=started_at)


def write_compared_log(
    folder: Path,
    seed: int,
    optimizers: Optimizers = ("cholesky_cma", "genetic"),
    *,
    last_rates_hz: tuple[float, float] = (80.0, 50.0),
    generations: int = 6,
    start: SessionStart | None = None,
) -> Path:
    """Write a session below `folder`, and return its log.

    The first thread ends at the first of `last_rates_hz`, the second one at the second.
    """
    wanted = SyntheticSession(
        seed=seed,
        generations=generations,
        image_size=8,
        keep_pixels=False,
        last_rate_hz=last_rates_hz[0],
        second_last_rate_hz=last_rates_hz[1],
    )
    return write_synthetic_log(
        folder / f"s{seed}", wanted, start=start or compared_start(wanted, optimizers)
    )
