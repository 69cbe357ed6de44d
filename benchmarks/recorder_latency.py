"""How late a recorder's spikes come: from its own wire to the count at the daemon.

Runs adapters against emulators of their systems, as real processes in real time, and follows the
response window of each presentation: when it ended, when the emulator sent the block in which it
ended, when the vendor's protocol let anybody know that the window is complete, and when the batch
that covers it had arrived, decoded, where the daemon counts. What lies before the third of these
moments is the vendor's, and no adapter can be quicker; what lies after it is neuroloop's.

    .venv/bin/python benchmarks/recorder_latency.py [ADAPTER …] [--presentations 400] [--crowd]
"""

import argparse
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rig_adapters.recorded import Recording
from rig_adapters.testing.driver import started
from rig_adapters.testing.recorder_campaign import ONSET_INTERVAL_S, WINDOW_S, configure
from rig_adapters.testing.recorder_contract import emulating
from rig_adapters.testing.recorder_kits import KITS, Kit
from rig_adapters.testing.recorder_soak import RATE_HZ, UNITS
from rig_adapters.wire import messages as m
from rig_adapters.wire.conversation import RIG


@dataclass
class Run:
    """What was seen of a recording, on the machine's clock; all sorted.

    through (b,) of the emulator's blocks and sent_s (b,); spikes (k,) and edges (e,) that it sent;
    told_rig_s (t,) to which batches reached, and told_s (t,) when they had arrived.
    """

    rate_hz: float
    through: np.ndarray
    sent_s: np.ndarray
    spikes: np.ndarray
    edges: np.ndarray
    told_rig_s: np.ndarray
    told_s: np.ndarray


def run(kit: Kit, presentations: int, crowd: bool) -> Run:
    """Record so many presentations."""
    steady = {**kit.steady, "onset_interval_s": ONSET_INTERVAL_S}
    # What a vendor does wrong by itself is no matter here.
    vendor = {**kit.vendor, **{key: 0.0 for key in ("late", "too_late") if key in kit.vendor}}
    if crowd:
        vendor |= kit.crowd
        steady |= {"channels": UNITS, "rate_hz": RATE_HZ}
    told: list[tuple[float, float]] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        emulating(kit.emulator, {"vendor": vendor, "steady": steady}, Path(folder)) as emulated,
        started(kit.module, RIG) as driver,
    ):
        configured, recording = configure(driver, kit.settings(emulated.addresses)), Recording()
        driver.send(m.StartRecording())
        driver.expect(m.RecordingStarted)
        until_s, pinged_s = time.monotonic() + presentations * ONSET_INTERVAL_S, 0.0
        while time.monotonic() < until_s:
            batch = driver.receive()
            if isinstance(batch, m.SpikesRecorded):
                told.append((batch.through_rig_s, time.monotonic()))
                assert recording.add(batch) is None, "something was lost: the machine is too busy"
                recording.drop_before(batch.through_rig_s - 1.0)
            if time.monotonic() > pinged_s + 1.0:
                pinged_s = time.monotonic()
                driver.send(m.Ping(token=1))
        lines = [json.loads(text) for text in emulated.truth_path.read_text().splitlines()[:-1]]
    blocks = [line for line in lines if "spikes" in line]
    told_rig_s, told_s = np.array(told).T
    return Run(
        rate_hz=configured.sample_rate_hz,
        through=np.array([block["through"] for block in blocks]),
        sent_s=np.array([block["host_s"] for block in blocks]),
        spikes=np.sort(np.concatenate([np.array(block["spikes"], int) for block in blocks])),
        edges=np.concatenate([np.array(block["edges"], int) for block in blocks]),
        told_rig_s=told_rig_s,
        told_s=told_s,
    )


def latencies_s(kit: Kit, seen: Run) -> dict[str, np.ndarray]:
    """Return how long each step took for each window (w,) that was recorded from its beginning."""
    first, last = seen.told_rig_s[0], seen.told_rig_s[-1]
    onsets_s = seen.edges / seen.rate_hz
    onsets_s = onsets_s[(onsets_s >= first) & (onsets_s + WINDOW_S[1] < last)]
    ends = np.rint((onsets_s + WINDOW_S[1]) * seen.rate_hz).astype(int)
    # The emulator sends a block as soon as it is over, the quickest at once.
    zero_s = (seen.sent_s - seen.through / seen.rate_hz).min()
    ended_s = zero_s + ends / seen.rate_hz
    # The block whose last sample is the window's, or later.
    block = np.searchsorted(seen.through, ends)
    sent_s = seen.sent_s[block]
    complete_s = seen.sent_s[block + kit.completes_after]
    counted_s = seen.told_s[np.searchsorted(seen.told_rig_s, ends / seen.rate_hz)]
    # Of the windows whose last spike is in their last block; the others have waited for silence.
    spike = seen.spikes[np.searchsorted(seen.spikes, ends) - 1]
    with_spike = np.searchsorted(seen.through, spike, side="right") == block
    return {
        "window's end -> its block on the wire (the lump)": sent_s - ended_s,
        "window's end -> complete by the protocol (the floor)": complete_s - ended_s,
        "window's end -> count": counted_s - ended_s,
        "last spike on the wire -> count": (counted_s - sent_s)[with_spike],
        "complete by the protocol -> count (neuroloop's own)": counted_s - complete_s,
    }


def main() -> None:
    """Print the table of each adapter."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("adapters", nargs="*", metavar="ADAPTER", help=", ".join(sorted(KITS)))
    parser.add_argument("--presentations", type=int, default=400)
    parser.add_argument(
        "--crowd", action="store_true", help="384 units at 10 Hz and 10 continuous channels"
    )
    chosen = parser.parse_args()
    for name in chosen.adapters or sorted(KITS):
        found = latencies_s(KITS[name], run(KITS[name], chosen.presentations, chosen.crowd))
        n = next(iter(found.values())).size
        print(f"{name}, {n} presentations; ms: median, p95, p99")
        for step, seconds in found.items():
            values = "  ".join(f"{1000 * v:6.1f}" for v in np.percentile(seconds, [50, 95, 99]))
            print(f"  {step:<55} {values}")


if __name__ == "__main__":
    main()
