"""Which samples a lost message could have told of, for the truth file.

The receiver knows of a lost message nothing but its number. So it may have told of anything from
the beginning of the block whose continuous message came last before it, to the end of the block
whose continuous message came first after it. A block that is shorter than 5 ms counts as 5 ms.
"""

from dataclasses import dataclass

from rig_adapters.emulators.truth import TruthWriter

DETECTOR_S = 0.005


@dataclass(frozen=True)
class Numbered:
    """A message as it is told of here: where its block lies, and whether it is continuous."""

    number: int
    from_sample: int
    through_sample: int
    is_data: bool


class Losses:
    """Follows the messages of one acquisition in the order of their numbers."""

    def __init__(self, truth: TruthWriter, sample_rate_hz: float) -> None:
        self._truth = truth
        self._detector = round(DETECTOR_S * sample_rate_hz)
        self._from: int | None = None
        self._why = ""

    def follow(self, message: Numbered, why_lost: str) -> None:
        """Take in the next message; `why_lost` is empty for one that arrives."""
        if why_lost:
            self._why = why_lost
        elif message.is_data:
            if self._why:
                start = 0 if self._from is None else self._from
                self._truth.lost(start, message.through_sample, self._why)
            self._from = min(message.from_sample, message.through_sample - self._detector)
            self._why = ""
