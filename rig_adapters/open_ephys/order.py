"""Puts numbered messages into order, and says which were lost. Pure.

Open Ephys numbers all that it sends, from 1 on at each start of acquisition. A number that is
missing is waited for until so many later ones have come; then its message is lost. What comes twice
is dropped, and a number that was another message's before is of another acquisition.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from rig_adapters.acquisition.source import RecorderRestarted

WINDOW = 32
"""How many later numbers a message may be overtaken by. One connection of TCP overtakes nothing;
the window is for what may lie between."""
MEMORY = 256
"""For how many numbers it is known which message they had."""

MessageT = TypeVar("MessageT")


@dataclass(frozen=True)
class Lost:
    """The messages `[first, through)` have not come and will not be waited for any longer."""

    first: int
    through: int


class InOrder(Generic[MessageT]):
    """The messages of one acquisition, from wherever they are first heard."""

    def __init__(self) -> None:
        self._first: int | None = None
        self._expected = 0
        self._highest = 0
        self._held: dict[int, MessageT] = {}
        self._marks: dict[int, int | None] = {}
        """What a number's message looked like; None for one that was lost."""

    def put(self, number: int, mark: int, message: MessageT) -> Iterator[MessageT | Lost]:
        """Take in a message and yield what is in order by now.

        mark: equal for equal messages, such as a hash. Raises RecorderRestarted.
        """
        if self._first is None:
            self._first = self._expected = number
        if number < self._expected or number in self._held:
            self._look_back(number, mark)
            return
        self._held[number], self._marks[number] = message, mark
        self._highest = max(self._highest, number)
        yield from self._release()

    def _release(self) -> Iterator[MessageT | Lost]:
        while self._held:
            if self._expected in self._held:
                message = self._held.pop(self._expected)
                self._expected += 1
                self._forget()
                yield message
            elif self._highest - self._expected >= WINDOW:
                first = self._expected
                self._expected = min(min(self._held), self._highest - WINDOW + 1)
                for number in range(max(first, self._expected - MEMORY), self._expected):
                    self._marks[number] = None
                yield Lost(first, self._expected)
            else:
                return

    def _look_back(self, number: int, mark: int) -> None:
        """Tell what comes twice or too late, which is nothing new, from another acquisition."""
        if number in self._marks and self._marks[number] in (None, mark):
            return
        first = self._first or 0
        if first - WINDOW <= number < first and self._expected - first <= WINDOW:
            # It was overtaken by the first one that was heard, and so is of before.
            return
        raise RecorderRestarted(
            f"Open Ephys numbers its messages anew (message {number} came after "
            f"{self._expected - 1}): acquisition was started anew"
        )

    def _forget(self) -> None:
        if len(self._marks) > 2 * MEMORY:
            oldest = self._expected - MEMORY
            self._marks = {n: mark for n, mark in self._marks.items() if n >= oldest}
