"""Runs an emulator: the world goes on in real time, block by block, until somebody ends it.

`python -m rig_adapters.emulators KIND` prints one line of JSON when it is ready, with the addresses
at which it can be reached; SIGINT or SIGTERM end it. How the vendor speaks is each emulator's own.
"""

import argparse
import importlib
import json
import signal
import sys
import time
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rig_adapters.emulators.mischief import Mischief
from rig_adapters.emulators.truth import TruthWriter
from rig_adapters.emulators.world import SteadySettings, SteadyWorld, WatchedWorld, World
from rig_adapters.errors import RigError
from rig_adapters.sim.settings import SimRigSettings
from rig_adapters.sim.simulation import Recorded
from rig_adapters.validation import first_problem

EMULATORS: Mapping[str, str] = {
    "blackrock": "rig_adapters.emulators.blackrock",
    "open-ephys": "rig_adapters.emulators.open_ephys",
    "intan": "rig_adapters.emulators.intan.rhx",
    "lsl": "rig_adapters.emulators.lsl",
    "relay": "rig_adapters.emulators.relay",
    "spikeglx": "rig_adapters.emulators.spikeglx",
    "xdream": "rig_adapters.emulators.xdream",
}
"""Where each emulator is; its module has a function `emulate(Stage) -> Emulator`."""

LONGEST_SLEEP_S = 0.005
MOST_BLOCKS_AT_ONCE = 50
"""After a pause of the machine clients are attended to again after so many blocks."""


class EmulatorFile(BaseModel):
    """Everything that an emulator can be told."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    vendor: dict[str, Any] = Field(default_factory=dict, description="of this emulator, see there")
    neurons: SimRigSettings = Field(
        default_factory=SimRigSettings,
        description="simulated neurons, which need --light; what is lost is [mischief] instead of "
        "their losses",
    )
    steady: SteadySettings = Field(
        default_factory=SteadySettings, description="units that need no light; without --light"
    )
    mischief: Mischief = Field(default_factory=Mischief, description="what it does wrong")


@dataclass(frozen=True)
class Stage:
    """What an emulator is given."""

    world: World
    vendor: dict[str, Any]
    mischief: Mischief
    truth: TruthWriter
    rng: np.random.Generator


class Emulator(Protocol):
    """A recording system without animals. None of its methods waits for anybody."""

    block_samples: int
    """What it sends at once."""

    @property
    def acquiring(self) -> bool:
        """Whether it records now."""

    def addresses(self) -> Mapping[str, Any]:
        """Return where it can be reached."""

    def attend(self) -> None:
        """Answer what clients ask."""

    def send(self, block: Recorded) -> None:
        """Send a block, whose samples are counted as the vendor counts them, and tell the truth."""

    def restart(self) -> None:
        """Start acquisition anew: what is sent next begins at sample 0."""

    def close(self) -> None:
        """Close all sockets."""


class EmulatorRefused(RigError):
    """An emulator cannot be what it is told to be."""


class _Ended(BaseException):
    """A signal came; unwinds to the end of the process, through every `finally`."""


class Stagehand:
    """Carries what happens in the world to an emulator, and times its mischief."""

    def __init__(self, emulator: Emulator, stage: Stage) -> None:
        self._emulator = emulator
        self._stage = stage
        self._sent: int | None = None
        """World's sample up to which was sent; None while it does not acquire."""
        self._zero = 0
        """World's sample that the vendor counts as 0."""
        self._restarted = self._jumped = False
        self._released = not stage.mischief.on_signal
        self._since: int | None = None
        """World's sample from which on the times of mischief count."""

    def release(self) -> None:
        """Count the times of mischief from now on."""
        self._released = True

    def step(self) -> bool:
        """Attend to clients and send what is due; return whether anything was."""
        self._emulator.attend()
        if not self._emulator.acquiring:
            self._sent = None
            return False
        world = self._stage.world
        if self._sent is None:
            self._sent = self._zero = world.begin()
        for n in range(MOST_BLOCKS_AT_ONCE):
            through = self._sent + self._emulator.block_samples
            if world.now() < through:
                return n > 0
            block = world.take(through)
            self._make_mischief(self._sent)
            self._sent = through
            self._emulator.send(shifted(block, -self._zero))
        return True

    def _make_mischief(self, sample: int) -> None:
        mischief, rate_hz = self._stage.mischief, self._stage.world.sample_rate_hz
        if not self._released:
            return
        self._since = sample if self._since is None else self._since
        passed_s = (sample - self._since) / rate_hz
        if mischief.restart_after_s and not self._restarted and passed_s > mischief.restart_after_s:
            self._restarted, self._zero = True, sample
            self._emulator.restart()
            self._stage.truth.event("restarted")
        if mischief.jump_after_s and not self._jumped and passed_s > mischief.jump_after_s:
            self._jumped = True
            jump = round(mischief.jump_s * rate_hz)
            self._stage.truth.event("jumped", at=sample - self._zero, by=jump)
            self._zero -= jump


def shifted(block: Recorded, by: int) -> Recorded:
    """Return a block with all its samples counted from elsewhere."""
    return replace(
        block,
        from_sample=block.from_sample + by,
        through_sample=block.through_sample + by,
        spike_samples=block.spike_samples + by,
        sync_samples=block.sync_samples + by,
    )


def read_file(path: Path | None) -> EmulatorFile:
    """Read what an emulator is told, in TOML or JSON. Raises EmulatorRefused."""
    if path is None:
        return EmulatorFile()
    try:
        text = path.read_text(encoding="utf-8")
        table = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
        return EmulatorFile.model_validate(table)
    except OSError as error:
        raise EmulatorRefused(f"{path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise EmulatorRefused(f"{path}: {first_problem(error, whole='')}") from error
    except ValueError as error:
        raise EmulatorRefused(f"{path} is no TOML: {error}") from error


def run(kind: str, file: EmulatorFile, light: str | None, truth: Path | None, seed: int) -> None:
    """Emulate until a signal comes; prints the addresses first."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, _end)
    world: World = (
        SteadyWorld(file.steady, seed) if light is None else WatchedWorld(light, file.neurons, seed)
    )
    writer = TruthWriter(truth)
    try:
        stage = Stage(world, file.vendor, file.mischief, writer, np.random.default_rng((seed, 1)))
        emulator: Emulator = importlib.import_module(EMULATORS[kind]).emulate(stage)
        try:
            hand = Stagehand(emulator, stage)
            if file.mischief.on_signal:
                signal.signal(signal.SIGUSR1, lambda *_: hand.release())
            sys.stdout.write(json.dumps({"emulates": kind, **emulator.addresses()}) + "\n")
            sys.stdout.flush()
            while True:
                if not hand.step():
                    time.sleep(LONGEST_SLEEP_S / 5)
        finally:
            emulator.close()
    except _Ended:
        return
    finally:
        writer.close()
        world.close()


def main() -> int:
    """Run the emulator that the command line names."""
    parser = argparse.ArgumentParser(description="A recording system that is not there.")
    parser.add_argument("kind", choices=sorted(EMULATORS))
    parser.add_argument("--file", type=Path, help="TOML or JSON file of settings")
    parser.add_argument("--light", help="where the display of a session shines (rig.light)")
    parser.add_argument("--truth", type=Path, help="write there what was sent, one JSON in a line")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    run(arguments.kind, read_file(arguments.file), arguments.light, arguments.truth, arguments.seed)
    return 0


def _end(_signal: int, _frame: FrameType | None) -> NoReturn:
    # A second signal must not interrupt the cleaning up after the first.
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    raise _Ended
