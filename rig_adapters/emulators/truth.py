"""What an emulator says that it sent, for those who check an adapter: one JSON object in a line.

Everything is in samples as the vendor's protocol counts them, so that an adapter's times can be
compared without any clock. `lost` says of which samples something was withheld on purpose.
"""

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rig_adapters.sim.simulation import Recorded


class TruthWriter:
    """Writes as it happens, to `path`; nothing at all without one."""

    def __init__(self, path: Path | None) -> None:
        self._file = None if path is None else path.open("w", encoding="utf-8", buffering=1)

    def recorded(self, recorded: Recorded) -> None:
        """Say what was in one block, at the moment at which it is sent."""
        self._write(
            {
                "from": recorded.from_sample,
                "through": recorded.through_sample,
                "spikes": recorded.spike_samples.tolist(),
                "units": recorded.spike_unit_ids.tolist(),
                "edges": recorded.sync_samples.tolist(),
                "host_s": time.monotonic(),
            }
        )

    def lost(self, from_sample: int, through_sample: int, why: str) -> None:
        """Say that something of these samples was withheld or came to harm."""
        self._write({"lost": [from_sample, through_sample], "why": why})

    def event(self, what: str, **about: Any) -> None:
        """Say what else was done, such as a restart."""
        self._write({"event": what, **about})

    def close(self) -> None:
        """Write no more."""
        if self._file is not None:
            self._file.close()

    def _write(self, line: dict[str, Any]) -> None:
        if self._file is not None:
            self._file.write(json.dumps(line) + "\n")


@dataclass
class Truth:
    """What an emulator said. `spikes` (k, 2): sample and unit, sorted; `edges` (m,) sorted."""

    spikes: npt.NDArray[np.int64]
    edges: npt.NDArray[np.int64]
    lost: list[tuple[int, int]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    from_sample: int = 0
    through_sample: int = 0

    def counts(
        self,
        unit_ids: Iterable[int],
        onsets_rig_s: npt.NDArray[np.float64],
        window_s: tuple[float, float],
        sample_rate_hz: float,
    ) -> npt.NDArray[np.int64]:
        """Count the spikes of each unit in a window from each onset (p,), half-open: (p, u)."""
        first, last = onsets_rig_s + window_s[0], onsets_rig_s + window_s[1]
        columns = []
        for unit_id in unit_ids:
            times_s = self.spikes[self.spikes[:, 1] == unit_id, 0] / sample_rate_hz
            columns.append(np.searchsorted(times_s, last) - np.searchsorted(times_s, first))
        return np.stack(columns, axis=1)

    def is_harmed(self, from_sample: int, through_sample: int) -> bool:
        """Whether anything of these samples was withheld."""
        return any(start < through_sample and end > from_sample for start, end in self.lost)


def read_truth(path: Path) -> Truth:
    """Read what an emulator wrote; a last line that is not whole is left out."""
    spikes, edges, lost, events = [], [], [], []
    through, start = 0, None
    for text in path.read_text(encoding="utf-8").splitlines(keepends=True):
        if not text.endswith("\n"):
            break
        line = json.loads(text)
        if "spikes" in line:
            spikes += list(zip(line["spikes"], line["units"], strict=True))
            edges += line["edges"]
            start = line["from"] if start is None else start
            through = line["through"]
        elif "lost" in line:
            lost.append((line["lost"][0], line["lost"][1]))
        else:
            events.append(line)
    table = np.array(sorted(spikes), np.int64).reshape(-1, 2)
    return Truth(table, np.array(sorted(edges), np.int64), lost, events, start or 0, through)
