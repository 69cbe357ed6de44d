"""What goes to one open page: first everything, then only what has changed, as server-sent events.

A curve is sent once and continued by its new generations. Images, the only part that makes the page
ask for more, change at most every few seconds, however fast a session is. The form of the stream is
that of https://html.spec.whatwg.org/multipage/server-sent-events.html.
"""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from controller.dashboard.sections import curve_rows, sections
from controller.dashboard.state import Snapshot

IMAGES_EVERY_S = 4.0


class Deltas:
    """Remembers what one page has been sent."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sent: dict[str, str] = {}
        self._key: str | None = None
        self._rows_sent: dict[int, int] = {}
        self._images_due_s = clock()

    def of(self, snapshot: Snapshot) -> Iterator[bytes]:
        """Yield the events that bring the page up to `snapshot`, and in any case a beat."""
        if snapshot.key != self._key:
            self._key, self._rows_sent, self._sent = snapshot.key, {}, {}
            self._images_due_s = self._clock()
            yield event("reset", {"key": snapshot.key})
        for name, value in sections(snapshot).items():
            if name == "images" and not self._images_are_due():
                continue
            text = json.dumps(value, allow_nan=False, separators=(",", ":"))
            if self._sent.get(name) != text:
                self._sent[name] = text
                if name == "images":
                    self._images_due_s = self._clock() + IMAGES_EVERY_S
                yield event(name, text)
        yield from self._curves(snapshot)
        yield event("beat", {"live": snapshot.condition.live})

    def _curves(self, snapshot: Snapshot) -> Iterator[bytes]:
        for thread_id, rows in curve_rows(snapshot).items():
            sent = self._rows_sent.get(thread_id, 0)
            if sent > len(rows):
                # The log was cut back to what was committed, as when a session is resumed.
                sent = 0
            elif sent == len(rows):
                continue
            self._rows_sent[thread_id] = len(rows)
            yield event("curve", {"thread_id": thread_id, "from": sent, "rows": rows[sent:]})

    def _images_are_due(self) -> bool:
        return self._clock() >= self._images_due_s


def event(name: str, data: Any) -> bytes:
    """Return one event; `data` is JSON already where it is text, and has no line breaks."""
    text = data if isinstance(data, str) else json.dumps(data, allow_nan=False)
    return f"event: {name}\ndata: {text}\n\n".encode()
