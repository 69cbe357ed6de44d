"""What the log is told of the recording as it comes in: every batch, and what is wrong with it.

Each thing that is wrong is an event of the log, written while the recording goes on. What follows
from it for the presentations is decided in `controller.block`.
"""

import asyncio
from collections.abc import Sequence

from controller.facts import received_spikes
from controller.logbook import Logbook
from rig_adapters.recorded import Gap
from rig_adapters.wire.messages import SpikesRecorded


class RecordingNotes:
    """Writes to `logbook`; `unit_ids` are the units that the rig has announced."""

    def __init__(self, logbook: Logbook, unit_ids: Sequence[int]) -> None:
        self._logbook = logbook
        self._known = set(unit_ids)
        self._under_way: set[asyncio.Task[None]] = set()

    def gap(self, gap: Gap) -> None:
        """Note a stretch that the rig lost."""
        self._note(
            "recording gap",
            f"nothing was recorded from {gap.from_rig_s:.6f} to {gap.to_rig_s:.6f} s (rig time)",
        )

    def step(self, step_s: float) -> None:
        """Note a step of the rig's clock."""
        self._note(
            "rig clock",
            f"the rig's clock stepped by {step_s:+.6f} s against the host's; what was being shown "
            "is not scored",
        )

    def batch(self, batch: SpikesRecorded) -> None:
        """Journal a batch, and note units in it that the rig had not announced, each once."""
        self._logbook.fact(received_spikes(batch))
        strangers = set(batch.spike_unit_ids.tolist()) - self._known
        if strangers:
            self._known |= strangers
            named = ", ".join(str(unit_id) for unit_id in sorted(strangers))
            self._note(
                "unknown unit",
                f"the rig sends spikes of unit {named}, which it had not announced when the "
                "session began; they are left out",
            )

    def _note(self, kind: str, text: str) -> None:
        task = asyncio.ensure_future(self._logbook.event(kind, text))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
