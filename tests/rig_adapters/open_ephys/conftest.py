"""An emulated Open Ephys with real sockets, in a thread of the test's own process."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rig_adapters.acquisition.source import Stretch
from rig_adapters.emulators.mischief import Mischief
from rig_adapters.emulators.open_ephys import emulate
from rig_adapters.emulators.open_ephys.emulator import EmulatedOpenEphys
from rig_adapters.emulators.process import Stage, Stagehand
from rig_adapters.emulators.truth import Truth, TruthWriter, read_truth
from rig_adapters.emulators.world import SteadySettings, SteadyWorld
from rig_adapters.open_ephys.source import OpenEphysSource

PATIENCE_S = 20.0


class Emulated:
    """An emulator that runs."""

    def __init__(self, emulator: EmulatedOpenEphys, truth: Path) -> None:
        self.emulator = emulator
        self.addresses: Mapping[str, Any] = emulator.addresses()
        self._truth = truth

    def truth(self) -> Truth:
        return read_truth(self._truth)


Start = Callable[..., Emulated]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start emulators; they end with the test."""
    with ExitStack() as stack:

        def starting(vendor: Mapping[str, Any] | None = None, **more: Any) -> Emulated:
            return stack.enter_context(_running(tmp_path, dict(vendor or {}), **more))

        yield starting


@contextmanager
def _running(
    folder: Path, vendor: dict[str, Any], mischief: Mapping[str, Any] | None = None, **steady: Any
) -> Iterator[Emulated]:
    path = folder / "truth"
    truth, rng = TruthWriter(path), np.random.default_rng(1)
    world = SteadyWorld(SteadySettings(**{"rate_hz": 40.0, "channels": 2, **steady}), 1)
    stage = Stage(world, vendor, Mischief(**(mischief or {})), truth, rng)
    emulator, over = emulate(stage), threading.Event()
    hand = Stagehand(emulator, stage)

    def run() -> None:
        while not over.is_set():
            if not hand.step():
                time.sleep(0.001)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield Emulated(emulator, path)
    finally:
        over.set()
        thread.join()
        emulator.close()
        truth.close()


def taken(source: OpenEphysSource, samples: int) -> list[Stretch]:
    """Begin, and take stretches until so many samples have passed since the first one."""
    source.begin()
    found: list[Stretch] = []
    deadline_s = time.monotonic() + PATIENCE_S
    while not found or found[-1].through_sample < found[0].from_sample + samples:
        assert time.monotonic() < deadline_s, "nothing comes"
        found += source.take()
        time.sleep(0.001)
    return found
