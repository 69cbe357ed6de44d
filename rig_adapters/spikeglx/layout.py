"""Which channels a stream of SpikeGLX has, by what SpikeGLX says that it acquires. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rig_adapters.acquisition.source import RecorderError
from rig_adapters.spikeglx.settings import IMEC, NI, OBX

BITS = 16
"""Digital lines in a channel."""
_TYPES = {NI: ("MN", "MA", "XA", "XD"), OBX: ("XA", "XD", "SY"), IMEC: ("AP", "LF", "SY")}
_DIGITAL = ("XD", "SY")


@dataclass(frozen=True)
class Layout:
    """Channels of a stream in their order: each kind of them, and how many there are."""

    counts: tuple[tuple[str, int], ...]

    @classmethod
    def read(cls, js: int, numbers: Sequence[float]) -> "Layout":
        """Make sense of the answer to GETSTREAMACQCHANS. Raises RecorderError."""
        kinds = _TYPES[abs(js)]
        if len(numbers) != len(kinds) or not all(n >= 0 and n.is_integer() for n in numbers):
            raise RecorderError(
                f"SpikeGLX counts the channels of the stream as {list(numbers)}, not as "
                f"{', '.join(kinds)}: its version is not one that the adapter knows; update it"
            )
        return cls(tuple(zip(kinds, (int(n) for n in numbers), strict=True)))

    @property
    def n_analog(self) -> int:
        """How many channels there are before the digital ones."""
        return sum(n for kind, n in self.counts if kind not in _DIGITAL)

    def analog(self, name: str) -> int:
        """Return the channel of a name such as "XA0", or of its number. Raises RecorderError."""
        found = re.fullmatch(r"([A-Z]{2})?(\d{1,5})", name)
        if found is not None:
            first, last = 0, self.n_analog
            if found[1] is not None:
                first, last = self._range(found[1])
            channel = first + int(found[2])
            if channel < last and found[1] not in _DIGITAL:
                return channel
        raise RecorderError(f"the stream has no analog channel {name!r}: it has {self}")

    def line(self, line: int) -> tuple[int, int]:
        """Return the channel of a digital line (the first one is 1), and its bit in that."""
        words = [n for kind in _DIGITAL for n in range(*self._range(kind))]
        word, bit = divmod(line - 1, BITS)
        if word >= len(words):
            raise RecorderError(
                f"the stream has no digital line {line}, but {BITS * len(words)} of them: correct "
                "rig.settings.sync.line, or acquire them in SpikeGLX"
            )
        return words[word], bit

    def __str__(self) -> str:
        """Return it in words."""
        return ", ".join(f"{n} {kind}" for kind, n in self.counts)

    def _range(self, wanted: str) -> tuple[int, int]:
        first = 0
        for kind, n in self.counts:
            if kind == wanted:
                return first, first + n
            first += n
        return 0, 0
