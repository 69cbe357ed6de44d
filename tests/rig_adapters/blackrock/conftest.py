"""An emulated instrument with a real socket, in a thread of the test's own process."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rig_adapters.emulators.blackrock import emulate
from rig_adapters.emulators.blackrock.instrument import EmulatedInstrument
from rig_adapters.emulators.mischief import Mischief
from rig_adapters.emulators.process import Stage, Stagehand
from rig_adapters.emulators.truth import Truth, TruthWriter, read_truth
from rig_adapters.emulators.world import SteadySettings, SteadyWorld
from rig_adapters.testing.recorder_kits import blackrock_settings


class Emulated:
    """An instrument that runs."""

    def __init__(self, emulator: EmulatedInstrument, hand: Stagehand, truth: Path) -> None:
        self.addresses = emulator.addresses()
        self.make_mischief = hand.release
        self._truth = truth
        self.is_sending = threading.Event()
        self.is_sending.set()

    def settings(self, **more: Any) -> dict[str, Any]:
        """The adapter's settings for it."""
        return {**blackrock_settings(self.addresses), **more}

    def truth(self) -> Truth:
        return read_truth(self._truth)


Start = Callable[..., Emulated]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start an instrument: `start(vendor={…}, mischief={…}, rate_hz=…)`; it ends with the test."""
    with ExitStack() as stack:
        yield lambda **tables: stack.enter_context(_running(tmp_path / "truth", **tables))


@contextmanager
def _running(
    path: Path,
    vendor: Mapping[str, Any] | None = None,
    mischief: Mapping[str, Any] | None = None,
    **steady: Any,
) -> Iterator[Emulated]:
    truth, rng = TruthWriter(path), np.random.default_rng(1)
    world = SteadyWorld(SteadySettings(**{"rate_hz": 40.0, "channels": 2, **steady}), 1)
    stage = Stage(world, dict(vendor or {}), Mischief(**(mischief or {})), truth, rng)
    emulator, over = emulate(stage), threading.Event()
    hand = Stagehand(emulator, stage)
    emulated = Emulated(emulator, hand, path)

    def run() -> None:
        while not over.is_set():
            if not (emulated.is_sending.is_set() and hand.step()):
                time.sleep(0.001)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield emulated
    finally:
        over.set()
        thread.join()
        emulator.close()
        truth.close()
