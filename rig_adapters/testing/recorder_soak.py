"""An adapter under a full load for minutes: whether it loses anything, grows, and how it works.

384 units at 10 spikes a second, with 10 continuous channels at 30 kHz where a system has them, in
real time. Whoever calls is the daemon.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from rig_adapters.recorded import Gap, Recording
from rig_adapters.testing.driver import Driver, started
from rig_adapters.testing.recorder_campaign import PING_S, configure
from rig_adapters.testing.recorder_contract import Emulated, emulating
from rig_adapters.testing.recorder_kits import Kit
from rig_adapters.wire import messages as m
from rig_adapters.wire.conversation import RIG

UNITS, RATE_HZ = 384, 10.0
KEPT_S = 5.0
LOOK_S = 1.0
SETTLED_S = 10.0
"""By then buffers have found their size."""
GROWTH_MB = 8.0


@dataclass(frozen=True)
class Endurance:
    """What a long recording was like."""

    recorded_s: float
    spikes_told: int
    spikes_sent: int
    """Of the time that was recorded."""
    gaps: int
    grown_mb: float
    """From the first half of the time, after things have settled, to the second one: medians."""
    grown_handles: int
    adapter_cpu: float
    """Share of one processor."""
    emulator_cpu: float

    @property
    def is_good(self) -> bool:
        """Whether nothing was lost and nothing grew."""
        lost = self.gaps or self.spikes_told != self.spikes_sent
        return not lost and self.grown_mb <= GROWTH_MB and self.grown_handles <= 0

    def __str__(self) -> str:
        return (
            f"{self.recorded_s:.0f} s: {self.spikes_told} of {self.spikes_sent} spikes, "
            f"{self.gaps} gaps, memory {self.grown_mb:+.1f} MB, handles {self.grown_handles:+d}; "
            f"{100 * self.adapter_cpu:.0f} % of a processor (the emulator "
            f"{100 * self.emulator_cpu:.0f} %)"
        )


def soak(kit: Kit, minutes: float) -> Endurance:
    """Record from a crowd for so long."""
    with _crowd(kit) as (emulated, driver):
        configured = configure(driver, kit.settings(emulated.addresses))
        looks = _Looks(driver.process.pid, emulated.process.pid)
        counted = _Counted(configured.sample_rate_hz)
        driver.send(m.StartRecording())
        driver.expect(m.RecordingStarted)
        until_s, pinged_s = time.monotonic() + 60 * minutes, 0.0
        while time.monotonic() < until_s:
            message = driver.receive()
            if isinstance(message, m.SpikesRecorded):
                counted.add(message)
            elif isinstance(message, m.Faulted):
                raise AssertionError(message.what)
            if time.monotonic() > pinged_s + PING_S:
                pinged_s = time.monotonic()
                driver.send(m.Ping(token=1))
            looks.look()
        time.sleep(2 * LOOK_S)
        sent = counted.sent(emulated.truth_path)
    return looks.endurance(counted, sent)


@contextmanager
def _crowd(kit: Kit) -> Iterator[tuple[Emulated, Driver]]:
    file = {
        "vendor": {**kit.vendor, **kit.crowd},
        "steady": {**kit.steady, "channels": UNITS, "rate_hz": RATE_HZ},
    }
    with (
        tempfile.TemporaryDirectory() as folder,
        emulating(kit.emulator, file, Path(folder)) as emulated,
        started(kit.module, RIG) as driver,
    ):
        yield emulated, driver


class _Counted:
    """The recording, as far as it need be remembered."""

    def __init__(self, rate_hz: float) -> None:
        self._rate_hz = rate_hz
        self._recording = Recording()
        self._from_s: float | None = None
        self.through_s = 0.0
        self.spikes = 0
        self.gaps: list[Gap] = []

    def add(self, batch: m.SpikesRecorded) -> None:
        gap = self._recording.add(batch)
        self.gaps += [gap] if gap is not None else []
        self._from_s = batch.from_rig_s if self._from_s is None else self._from_s
        self.through_s = batch.through_rig_s
        self.spikes += batch.spike_rig_s.size
        self._recording.drop_before(batch.through_rig_s - KEPT_S)

    @property
    def recorded_s(self) -> float:
        return self.through_s - (self._from_s or 0.0)

    def sent(self, truth: Path) -> int:
        """Count what was sent in the same time."""
        low, high = (round(end * self._rate_hz) for end in (self._from_s or 0.0, self.through_s))
        total = 0
        with truth.open(encoding="utf-8") as lines:
            for text in lines:
                line = json.loads(text) if text.endswith("\n") else {}
                spikes = np.array(line.get("spikes", ()), np.int64)
                total += int(((spikes >= low) & (spikes < high)).sum())
        return total


class _Looks:
    """What the two processes had at several moments."""

    def __init__(self, adapter: int, emulator: int) -> None:
        self._adapter, self._emulator = psutil.Process(adapter), psutil.Process(emulator)
        self._began_s = self._looked_s = time.monotonic()
        self._seen: list[tuple[float, int]] = []
        self._busy_s = self._busy()
        self.shares = (0.0, 0.0)
        """Of one processor, that the adapter and its emulator have used so far."""

    def look(self) -> None:
        """Take a sample, if it is time for one."""
        now_s = time.monotonic()
        if now_s < self._looked_s + LOOK_S:
            return
        self._looked_s = now_s
        passed_s = now_s - self._began_s
        adapter, emulator = (b - a for a, b in zip(self._busy_s, self._busy(), strict=True))
        self.shares = (adapter / passed_s, emulator / passed_s)
        if now_s > self._began_s + SETTLED_S:
            memory = self._adapter.memory_full_info().uss / 2**20
            self._seen.append((memory, self._adapter.num_fds()))

    def endurance(self, counted: _Counted, sent: int) -> Endurance:
        half = len(self._seen) // 2
        early, late = self._seen[:half], self._seen[half:]
        return Endurance(
            recorded_s=counted.recorded_s,
            spikes_told=counted.spikes,
            spikes_sent=sent,
            gaps=len(counted.gaps),
            grown_mb=statistics.median(mb for mb, _ in late)
            - statistics.median(mb for mb, _ in early),
            grown_handles=min(n for _, n in late) - min(n for _, n in early),
            adapter_cpu=self.shares[0],
            emulator_cpu=self.shares[1],
        )

    def _busy(self) -> tuple[float, float]:
        adapter, emulator = (p.cpu_times() for p in (self._adapter, self._emulator))
        return adapter.user + adapter.system, emulator.user + emulator.system
