"""Thousands of presentations through an adapter whose recorder drops, repeats and reorders.

An emulator and an adapter run as real processes on loopback, faster than time. Whoever calls is the
daemon: each presentation is judged as the daemon would, by whether its window is covered, and then
compared with what the emulator says that it sent, and what it says that came to harm.
"""

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rig_adapters.emulators.truth import Truth
from rig_adapters.recorded import Recording
from rig_adapters.testing.driver import Driver, started
from rig_adapters.testing.recorder_contract import Emulated, emulating
from rig_adapters.testing.recorder_kits import Kit
from rig_adapters.wire import messages as m
from rig_adapters.wire.conversation import RIG

WINDOW_S = (0.05, 0.2)
ONSET_INTERVAL_S = 0.15
PING_S = 1.0
TRUTH_S = 20.0
"""How long the truth of what has been recorded is waited for."""


@dataclass(frozen=True)
class Verdict:
    """How presentations went. All but the first two are to be 0."""

    presentations: int
    affected: int
    unmarked: int
    """Something of their window was lost, and nobody said so."""
    marked_without_reason: int
    wrong_counts: int
    """Of those that were not marked."""
    wrong_onsets: int
    """Whose onset was told although it was not known, or not told although it was."""

    @property
    def is_good(self) -> bool:
        """Whether every affected one is marked, none else is, and no count is wrong."""
        return not (
            self.unmarked + self.marked_without_reason + self.wrong_counts + self.wrong_onsets
        )

    def __str__(self) -> str:
        return (
            f"{self.presentations} presentations: {self.affected} affected by losses, "
            f"{self.unmarked} of them not marked; {self.marked_without_reason} marked without "
            f"reason; {self.wrong_counts} wrong counts, {self.wrong_onsets} wrong onsets"
        )


def campaign(
    kit: Kit, presentations: int, seed: int, speed: float, mischief: Mapping[str, Any]
) -> Verdict:
    """Run so many presentations through an adapter and judge them."""
    file = {
        "vendor": dict(kit.vendor),
        "steady": {**kit.steady, "speed": speed, "onset_interval_s": ONSET_INTERVAL_S},
        "mischief": dict(mischief),
    }
    with (
        tempfile.TemporaryDirectory() as folder,
        emulating(kit.emulator, file, Path(folder), seed) as emulated,
        started(kit.module, RIG) as driver,
    ):
        configured = configure(driver, kit.settings(emulated.addresses))
        recording = record(driver, (presentations + 2) * ONSET_INTERVAL_S + WINDOW_S[1])
        truth = _truth_of(emulated, recording, configured.sample_rate_hz)
    return judge(recording, truth, configured)


def configure(driver: Driver, settings: dict[str, Any]) -> m.RigConfigured:
    """Have an adapter connect to its recorder."""
    driver.send(m.ConfigureRig(settings=settings, seed=1, time="real", light_endpoint=None))
    message = driver.receive()
    if not isinstance(message, m.RigConfigured):
        raise AssertionError(f"the adapter could not be configured: {message}")
    return message


def record(driver: Driver, seconds: float) -> Recording:
    """Record for so long on the rig's clock."""
    recording = Recording()
    driver.send(m.StartRecording())
    start, pinged_s = driver.expect(m.RecordingStarted), time.monotonic()
    while (recording.through_rig_s or start.rig_time_s) < start.rig_time_s + seconds:
        message = driver.receive()
        if isinstance(message, m.SpikesRecorded):
            recording.add(message)
        elif isinstance(message, m.Faulted):
            raise AssertionError(message.what)
        if time.monotonic() > pinged_s + PING_S:
            pinged_s = time.monotonic()
            driver.send(m.Ping(token=1))
    return recording


def judge(recording: Recording, truth: Truth, configured: m.RigConfigured) -> Verdict:
    """Compare what is known of each presentation within a recording with the truth."""
    rate_hz = configured.sample_rate_hz
    onsets_s = truth.edges / rate_hz
    starts_s, stops_s = onsets_s + WINDOW_S[0], onsets_s + WINDOW_S[1]
    is_within = onsets_s >= (recording.from_rig_s or 0.0)
    is_within &= stops_s <= (recording.through_rig_s or 0.0)
    onsets_s, starts_s, stops_s = onsets_s[is_within], starts_s[is_within], stops_s[is_within]
    known = recording.covers(starts_s, stops_s)
    harmed = np.zeros(known.shape, np.bool_)
    for first, through in truth.lost:
        harmed |= (first / rate_hz < stops_s) & (through / rate_hz > starts_s)
    unit_ids = [unit.unit_id for unit in configured.units]
    # Whole samples are counted: no rounding decides about a spike at the end of a window.
    counted_s = onsets_s - 0.5 / rate_hz
    told = _told(recording, rate_hz).counts(unit_ids, counted_s, WINDOW_S, rate_hz)
    sent = truth.counts(unit_ids, counted_s, WINDOW_S, rate_hz)
    seen = np.isin(onsets_s, recording.sync_rig_s())
    can_see = recording.covers(onsets_s, onsets_s + 1 / rate_hz)
    return Verdict(
        presentations=onsets_s.size,
        affected=int(harmed.sum()),
        unmarked=int((harmed & known).sum()),
        marked_without_reason=int((~harmed & ~known).sum()),
        wrong_counts=int((told != sent).any(axis=1)[known].sum()),
        wrong_onsets=int((seen != can_see).sum()),
    )


def _told(recording: Recording, rate_hz: float) -> Truth:
    spikes = recording.spikes()
    samples = np.rint(spikes.times_rig_s * rate_hz).astype(np.int64)
    return Truth(np.stack([samples, spikes.unit_ids.astype(np.int64)], 1), np.zeros(0, np.int64))


def _truth_of(emulated: Emulated, recording: Recording, rate_hz: float) -> Truth:
    """Return the truth once it reaches as far as the recording."""
    deadline_s = time.monotonic() + TRUTH_S
    while True:
        truth = emulated.truth()
        if truth.through_sample >= (recording.through_rig_s or 0.0) * rate_hz:
            return truth
        if time.monotonic() > deadline_s:
            raise AssertionError("the emulator's truth ends before the recording")
        time.sleep(0.2)
