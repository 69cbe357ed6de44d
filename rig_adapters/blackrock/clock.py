"""How an instrument counts time: in samples, or in nanoseconds. Pure.

Players count samples; Gemini counts nanoseconds. No packet says which, but
heartbeats come every 10 ms: 300 samples, or 10 million ns.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rig_adapters.acquisition.source import RecorderError, Samples

SAMPLE_RATE_HZ = 30_000
"""Of every Cerebus instrument; the clock of one that counts ns is read in these steps too."""
_MOST_SAMPLES = 30_000
"""A step of heartbeats that is longer than a second in samples is one in ns."""
SLOWEST_HEARTBEAT_S = 0.1


@dataclass(frozen=True)
class DeviceClock:
    """How time is counted, and how many samples are between heartbeats."""

    in_ns: bool
    heartbeat_samples: int

    def samples(self, times: Samples) -> Samples:
        """Return times (n,) of packets in samples, to the nearest."""
        if not self.in_ns:
            return times
        nearest: Samples = (times * 3 + 50_000) // 100_000
        return nearest


def clock_of(heartbeats: Sequence[int]) -> DeviceClock:
    """Return what the times of some heartbeats in a row show. Raises RecorderError."""
    steps = np.diff(np.array(heartbeats, np.int64))
    steps = steps[steps > 0]
    step = int(np.median(steps)) if steps.size else 0
    in_ns = step > _MOST_SAMPLES
    samples = int(DeviceClock(in_ns, 0).samples(np.array([step]))[0])
    if not 0 < samples <= SLOWEST_HEARTBEAT_S * SAMPLE_RATE_HZ:
        raise RecorderError(
            f"the instrument's heartbeats are {samples / SAMPLE_RATE_HZ:g} s apart, not 0.01 s: "
            "what sends to this port is no Cerebus instrument, or its clock is being set; see what "
            "Central says of it"
        )
    return DeviceClock(in_ns, samples)
