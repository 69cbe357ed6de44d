"""After each generation the monitors know where every search stands; advice is logged once."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from controller.experiments.evolution import EvolutionThread, Placement
from controller.optimizers.cma.cholesky import CholeskyCmaEs
from controller.progress import Progress
from controller.running import Session
from controller.session import report
from controller.silence import SilentUnits
from controller.testing.optimizer_runs import advance, initial_codes
from sessions.records import GenerationRecord
from sessions.testing.synthetic import SyntheticSession, synthetic_record, synthetic_start

WANTED = SyntheticSession()
START = synthetic_start(WANTED)


class Events:
    """Remembers what a logbook would have written."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    async def event(self, kind: str, text: str) -> None:
        self.told.append((kind, text))


def evolution(thread_id: int) -> EvolutionThread:
    optimizer = CholeskyCmaEs(initial_codes(5))
    advance(optimizer, 3)
    place = Placement(0.0, 0.0, 3.0)
    return EvolutionThread(thread_id, f"CMA {thread_id}", optimizer, "blobs", place, 1)


def a_session() -> tuple[Session, Events]:
    """Return as much of a session as a report needs."""
    events = Events()
    parts = {
        "threads": (evolution(0), evolution(1)),
        "progress": Progress(),
        "logbook": events,
        "block": 1,
        "silent_units": SilentUnits(),
        "unit_ids": (),
    }
    return cast(Session, cast(Any, SimpleNamespace(**parts))), events


def record(block: int) -> GenerationRecord:
    return synthetic_record(WANTED, START, block, np.random.default_rng(block))


def set_sigma(thread: EvolutionThread, sigma: float) -> None:
    state = thread.optimizer.state_dict()
    thread.optimizer.load_state_dict(state | {"sigma": np.array(sigma)})


def test_the_status_holds_what_the_optimizer_tells_after_the_generation() -> None:
    session, events = a_session()
    asyncio.run(report(session, record(0)))

    for thread, status in zip(session.threads, session.progress.threads, strict=True):
        figures = thread.optimizer.summary()
        assert (status.thread_id, status.name) == (thread.thread_id, thread.name)
        assert status.sigma == figures["sigma"]
        assert status.step_angle_deg == figures["step_angle_deg"]
        assert status.exploration_angle_deg == figures["exploration_angle_deg"]
        assert status.advice == ()
    assert events.told == []


def test_advice_is_shown_as_long_as_it_holds_and_logged_when_it_begins() -> None:
    session, events = a_session()
    advised = []
    for block, sigma in enumerate((1.0, 1e-9, 1e-10, 1.0, 1e-9)):
        set_sigma(session.threads[1], sigma)
        asyncio.run(report(session, record(block)))
        advised.append([bool(status.advice) for status in session.progress.threads])

    assert advised == [[False, small] for small in (False, True, True, False, True)]
    assert [kind for kind, _ in events.told] == ["optimizer", "optimizer"]
    assert all(text.startswith("thread 1: sigma has shrunk") for _, text in events.told)
