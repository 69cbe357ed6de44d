"""An emulated RHX in a thread of the test's own process: quick, and over real sockets."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rig_adapters.emulators.intan.rhx import EmulatedRhx
from rig_adapters.emulators.mischief import Mischief
from rig_adapters.emulators.process import Stage, Stagehand
from rig_adapters.emulators.truth import Truth, TruthWriter, read_truth
from rig_adapters.emulators.world import SteadySettings, SteadyWorld
from rig_adapters.testing.recorder_kits import intan_settings

RATE_HZ = 30_000.0


@dataclass
class Rhx:
    """An emulated RHX that runs."""

    emulator: EmulatedRhx
    path: Path
    is_free: threading.Event

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Have it neither read nor write for a while."""
        self.is_free.clear()
        try:
            yield
        finally:
            self.is_free.set()

    def settings(self, **more: Any) -> dict[str, Any]:
        """The adapter's settings for it."""
        return {**intan_settings(self.emulator.addresses()), **more}

    def truth(self) -> Truth:
        """What it has sent so far."""
        return read_truth(self.path)


Emulate = Callable[..., AbstractContextManager[Rhx]]


@pytest.fixture
def emulate(tmp_path: Path) -> Iterator[Emulate]:
    """Return what runs an emulated RHX: `emulate(vendor={…}, steady={…}, mischief={…})`."""
    with ExitStack():
        yield lambda **tables: _emulated(tmp_path / "truth", **tables)


@contextmanager
def _emulated(
    path: Path,
    vendor: dict[str, Any] | None = None,
    steady: dict[str, Any] | None = None,
    mischief: dict[str, Any] | None = None,
) -> Iterator[Rhx]:
    world = SteadyWorld(SteadySettings.model_validate({"rate_hz": 40.0, **(steady or {})}), 1)
    truth = TruthWriter(path)
    about = Mischief.model_validate(mischief or {})
    stage = Stage(world, vendor or {}, about, truth, np.random.default_rng(1))
    emulator = EmulatedRhx(stage)
    over, is_free = threading.Event(), threading.Event()
    is_free.set()
    thread = threading.Thread(target=_run, args=(Stagehand(emulator, stage), over, is_free))
    thread.start()
    try:
        yield Rhx(emulator, path, is_free)
    finally:
        over.set()
        thread.join()
        emulator.close()
        truth.close()


def _run(hand: Stagehand, over: threading.Event, is_free: threading.Event) -> None:
    while not over.is_set():
        is_free.wait()
        if not hand.step():
            time.sleep(0.0005)
