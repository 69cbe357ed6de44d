"""What an emulator does wrong on purpose, and when; each does what its vendor could."""

from collections.abc import Iterator, Sequence
from typing import Generic, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

MessageT = TypeVar("MessageT")
Fate = Literal["sent", "dropped", "repeated", "late"]


class Mischief(BaseModel):
    """Probabilities are per message. What is 0 does not happen."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    drop: float = Field(default=0.0, ge=0, le=1, description="messages that are never sent")
    repeat: float = Field(default=0.0, ge=0, le=1, description="messages that are sent twice")
    reorder: float = Field(
        default=0.0, ge=0, le=1, description="messages that come after some later ones"
    )
    latest: int = Field(default=3, ge=1, le=100, description="after how many later ones at most")
    half: float = Field(
        default=0.0, ge=0, le=1, description="messages that are cut off, or arrive in two pieces"
    )
    restart_after_s: float = Field(
        default=0.0, ge=0, description="acquisition is started anew after this; 0: never"
    )
    jump_after_s: float = Field(
        default=0.0, ge=0, description="the sample count jumps after this; 0: never"
    )
    on_signal: bool = Field(
        default=False,
        description="these two times count from when the emulator gets the signal SIGUSR1, not "
        "from when acquisition began",
    )
    jump_s: float = Field(default=0.0, ge=-100, le=100, description="by how much it jumps")


class Unreliable(Generic[MessageT]):
    """A way on which messages are dropped, repeated and overtaken at random."""

    def __init__(self, mischief: Mischief, rng: np.random.Generator) -> None:
        self._mischief = mischief
        self._rng = rng
        self._held: list[tuple[int, MessageT]] = []
        """Messages that some later ones overtake, with how many still do."""

    def carry(self, messages: Sequence[MessageT]) -> Iterator[tuple[MessageT, Fate]]:
        """Yield what arrives of these, in its order, and what does not: with its fate."""
        mischief = self._mischief
        for message in messages:
            draw = self._rng.random()
            if draw < mischief.drop:
                yield message, "dropped"
            elif draw < mischief.drop + mischief.reorder:
                # It is let go only after so many others, and the one that follows, were sent.
                self._held.append((int(self._rng.integers(1, mischief.latest + 1)), message))
                continue
            else:
                yield message, "sent"
                if self._rng.random() < mischief.repeat:
                    yield message, "repeated"
            yield from self._release()

    def _release(self) -> Iterator[tuple[MessageT, Fate]]:
        held, self._held = self._held, []
        for left, message in held:
            if left > 1:
                self._held.append((left - 1, message))
            else:
                yield message, "late"
