"""Relay: tells neuroloop of spikes that only this machine's recording software can read.

Copy this one file to the machine of the recording system. It needs Python 3.8 or later and pyzmq,
and nothing of neuroloop. See the page "The relay protocol" of neuroloop's documentation.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterable
from typing import Any

import zmq


class Relay:
    """One connection to neuroloop's relay adapter, kept up by itself.

    units: (channel, unit) of every unit that may be told of; unit 0 is unsorted.
    keys: (public, secret, neuroloop's public), each 40 characters; needed across a network.
    counts_window: in samples from each onset, for software that counts and tells of no spikes.
    """

    def __init__(
        self,
        address: str,
        system: str,
        sample_rate_hz: float,
        units: Iterable[tuple[int, int]],
        sees_onsets: bool,
        keys: tuple[bytes, bytes, bytes] | None = None,
        counts_window: tuple[int, int] | None = None,
    ) -> None:
        self.hello = {
            "say": "hello",
            "relay": 1,
            "system": system,
            "sample_rate_hz": float(sample_rate_hz),
            "units": [[int(channel), int(unit)] for channel, unit in units],
            "sees_onsets": bool(sees_onsets),
        }
        if counts_window:
            self.hello["counts_window"] = list(counts_window)
        self.socket: Any = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        # Nothing is kept for a neuroloop that is not there.
        self.socket.setsockopt(zmq.IMMEDIATE, 1)
        if keys:
            self.socket.setsockopt(zmq.CURVE_PUBLICKEY, keys[0])
            self.socket.setsockopt(zmq.CURVE_SECRETKEY, keys[1])
            self.socket.setsockopt(zmq.CURVE_SERVERKEY, keys[2])
        self.socket.connect(address)
        self.say(self.hello)

    def tell(
        self,
        from_sample: int,
        through_sample: int,
        spikes: Iterable[tuple[int, int, int]],
        onsets: Iterable[int] = (),
        counts: Iterable[tuple[int, int, int, int]] = (),
    ) -> None:
        """Tell of everything recorded in [from_sample, through_sample).

        spikes: (sample, channel, unit) of each; onsets: samples of photodiode or TTL edges. Call
        it every 10 to 50 ms, also when there was no spike: that is news, too. Begin where the last
        call ended; where samples were lost, begin later. counts: (onset, channel, unit, number) of
        all units for each onset whose window is over; do not end in the second half of a window.
        """
        self.listen()
        message: dict[str, Any] = {
            "say": "recorded",
            "from": int(from_sample),
            "through": int(through_sample),
            "spikes": [[int(s), int(c), int(u)] for s, c, u in spikes],
            "onsets": [int(sample) for sample in onsets],
        }
        if "counts_window" in self.hello:
            message["counts"] = [[int(o), int(c), int(u), int(n)] for o, c, u, n in counts]
        self.say(message)

    def listen(self) -> None:
        """Hear what neuroloop says: it asks who is there, or refuses something and says why."""
        while self.socket.poll(0):
            answer = json.loads(self.socket.recv().decode())
            if answer["say"] == "who":
                self.say(self.hello)
            elif answer["say"] == "refused":
                sys.stderr.write("neuroloop refused a message: " + answer["why"] + "\n")

    def say(self, message: dict[str, Any]) -> None:
        """Send a message, unless neuroloop is not there: it will ask who is here when it comes."""
        with contextlib.suppress(zmq.Again):
            self.socket.send(json.dumps(message).encode(), zmq.NOBLOCK)

    def close(self) -> None:
        """Disconnect."""
        self.socket.close()
