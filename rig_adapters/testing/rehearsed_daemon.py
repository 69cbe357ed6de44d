"""A daemon that says prepared commands to a presenter in the same process, and such commands.

It waits for the answer to each command before it gives the next, keeps both sides to the
conversation's table, and takes no sockets and no clock, so what happens is the same each time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rig_adapters.sent_images import image_sha256
from rig_adapters.wire import messages as m
from rig_adapters.wire.conversation import STIMULUS, Conversation


@dataclass(frozen=True)
class Interrupt:
    """A command given in the middle of a block, the `polls`-th time that the display listens."""

    command: m.Message
    polls: int


class RehearsedDaemon:
    """Gives `lines` one by one, then `Shutdown`; keeps every report in `reports`.

    An `Interrupt` whose block ends too early comes after it.
    """

    def __init__(self, *lines: m.Message | Interrupt) -> None:
        self.reports: list[m.Message] = []
        self._lines: list[m.Message | Interrupt] = [*lines, m.Shutdown()]
        self._polls = 0
        self._peer = Conversation(STIMULUS, "peer")

    def receive(self, timeout_s: float) -> m.Message | None:
        """Give the next line when the display is idle, or an interrupt when its moment has come."""
        if not self._lines:
            raise AssertionError("the display listens after it was asked to shut down")
        line = self._lines[0]
        if timeout_s == 0:
            self._polls += 1
            if not isinstance(line, Interrupt) or self._polls < line.polls:
                return None
        del self._lines[0]
        self._polls = 0
        command = line.command if isinstance(line, Interrupt) else line
        self._peer.received(command)
        return command

    def send(self, message: m.Message) -> None:
        """Take a report; raises LocalProtocolError where it must not come now."""
        self._peer.sending(message)
        self.reports.append(message)

    def of(self, *kinds: type[m.Message]) -> Sequence[m.Message]:
        """Return the reports of these kinds, in order."""
        return [report for report in self.reports if isinstance(report, kinds)]

    @property
    def presented(self) -> list[m.Presented]:
        """The presentations that were reported, in order."""
        return [report for report in self.reports if isinstance(report, m.Presented)]


def load(
    image_ids: Sequence[int], rng: np.random.Generator, *, keep: bool = False, side_px: int = 16
) -> m.LoadImages:
    """Return the command to load random images under `image_ids`."""
    images = rng.integers(0, 256, (len(image_ids), side_px, side_px, 3), dtype=np.uint8)
    return m.LoadImages(
        image_ids=np.array(image_ids, dtype=np.int64),
        sha256s=tuple(image_sha256(image) for image in images),
        images=images,
        keep=keep,
    )


def trial(trial_id: int, image_ids: Sequence[int], **frames: int) -> m.PlannedTrial:
    """Return a short trial that shows `image_ids`; presentation ids are 100 · trial + index."""
    return m.PlannedTrial(
        trial_id=trial_id,
        presentations=tuple(
            m.PlannedPresentation(
                presentation_id=100 * trial_id + index,
                image_id=image_id,
                x_deg=1.0 + index,
                y_deg=-1.0,
                size_deg=2.0,
                on_frames=frames.get("on", 3) + index,
                off_frames=frames.get("off", 2),
            )
            for index, image_id in enumerate(image_ids)
        ),
        fixation_frames=frames.get("fixation", 2),
        inter_trial_frames=frames.get("between", 2),
    )


def block(*trials: m.PlannedTrial, number: int = 0, part: int = 0) -> m.PresentBlock:
    """Return the command to show `trials`."""
    return m.PresentBlock(block=number, part=part, trials=trials, tail_frames=2)
