"""Messages on their way to the daemon, in order: behind one that is late, others wait."""

import time
from collections import deque
from collections.abc import Callable

from rig_adapters.wire.messages import Message


class Outbox:
    """Sends with `send`, at once unless a message is held back."""

    def __init__(
        self, send: Callable[[Message], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._send = send
        self._clock = clock
        self._waiting: deque[tuple[float, Message]] = deque()

    def put(self, message: Message, late_s: float = 0.0) -> None:
        """Send a message, `late_s` from now; never before one that was put earlier."""
        self._waiting.append((self._clock() + late_s, message))
        self.send_due()

    def send_due(self) -> None:
        """Send what has waited for long enough."""
        while self._waiting and self._waiting[0][0] <= self._clock():
            self._send(self._waiting.popleft()[1])

    def send_all(self) -> None:
        """Send what is left, however late it was to be."""
        while self._waiting:
            self._send(self._waiting.popleft()[1])

    @property
    def due_in_s(self) -> float | None:
        """Seconds until the next message is due; None where none waits."""
        return max(0.0, self._waiting[0][0] - self._clock()) if self._waiting else None
