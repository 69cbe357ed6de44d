"""Spikes from a relay: a small program beside a recording system, which connects to here.

One relay at a time. What it tells of is complete by its own word; where it begins later than it
ended, the time between is lost. One that says hello in the middle of a recording has been started
anew, and counts from elsewhere.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import zmq

from rig_adapters.acquisition.process import read_settings
from rig_adapters.acquisition.source import (
    Description,
    Readable,
    RecorderError,
    RecorderRestarted,
    Stretch,
)
from rig_adapters.admission import Admission
from rig_adapters.endpoints import to_listen_at
from rig_adapters.errors import Reason, RemoteProtocolError
from rig_adapters.keys import listening_keys
from rig_adapters.refusals import Refusals
from rig_adapters.relay.counting import Counting, Ints, UnitIds
from rig_adapters.relay.messages import MOST_BYTES, VERSION, Hello, Told, read, write
from rig_adapters.relay.settings import RelaySettings
from rig_adapters.units import UNITS_PER_CHANNEL, unit_id_of
from rig_adapters.wire.messages import UnitDescription

MOST_AT_ONCE = 256
MOST_WAITING = 100_000
SILENCE_S = 1.0
"""A relay that has been silent for so long may be replaced by another."""
_LOOK_MS = 100
_STRANGER = RemoteProtocolError("another relay is connected already", Reason.STRANGER)


def connect(table: Mapping[str, Any]) -> "RelaySource":
    """Wait for a relay. Raises RecorderError when none comes."""
    settings = read_settings(RelaySettings, "relay", table)
    source = RelaySource(settings)
    try:
        source.await_hello(settings.patience_s)
    except BaseException:
        source.close()
        raise
    return source


class RelaySource:
    """A `Source` that listens for one relay."""

    def __init__(self, settings: RelaySettings) -> None:
        keys = listening_keys(settings.relay_keys) if settings.relay_keys else None
        endpoint = to_listen_at(settings.listen_at, has_keys=keys is not None)
        self.refusals = Refusals("relay")
        self._settings = settings
        self._hello: Hello | None = None
        self._relay: bytes | None = None
        self._asked: tuple[bytes | None, int] = (None, 0)
        """Who was asked who it is, and how often it has not answered yet."""
        self._unit_ids: list[int] = []
        self._heard_s = 0.0
        self._wanted = False
        self._through: int | None = None
        self._counting: Counting | None = None
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.setsockopt(zmq.LINGER, 200)
        self._socket.setsockopt(zmq.MAXMSGSIZE, MOST_BYTES)
        self._socket.setsockopt(zmq.RCVHWM, MOST_WAITING)
        self._admission: Admission | None = None
        try:
            if keys is not None:
                self._admission = Admission(self._context, self._socket, keys, self.refusals)
            self._socket.bind(endpoint)
        except zmq.ZMQError as error:
            self.close()
            raise RecorderError(
                f"the relay adapter cannot listen at {endpoint}: {error.strerror}; is another "
                "session running?"
            ) from error

    def await_hello(self, patience_s: float) -> None:
        """Wait until a relay has said what it relays."""
        deadline_s = time.monotonic() + patience_s
        while self._hello is None:
            if time.monotonic() > deadline_s:
                refused = f" ({self.refusals.summary()})" if self.refusals.total else ""
                raise RecorderError(
                    f"no relay has connected to {self._settings.listen_at} within "
                    f"{patience_s:.0f} s{refused}: start it beside the recording system"
                )
            self._attend()
            if self._socket.poll(_LOOK_MS):
                self._hear()

    def describe(self) -> Description:
        """Return what the relay says of its system."""
        hello = self._hello
        if hello is None:
            raise RecorderError("no relay has said hello")
        return Description(
            name=hello.system,
            sample_rate_hz=hello.sample_rate_hz,
            units=tuple(
                UnitDescription(
                    unit_id=unit_id_of(channel, unit),
                    channel_id=channel,
                    label="" if hello.counts_window is None else "counted, not single spikes",
                )
                for channel, unit in hello.units
            ),
            sees_onsets=hello.sees_onsets,
            delivery_s=0.05,
            versions={"relay protocol": str(VERSION)},
        )

    def readable(self) -> Sequence[Readable]:
        """Return the socket, and those by which it admits relays."""
        return (self._socket, *(self._admission.sockets if self._admission else ()))

    def begin(self) -> None:
        """Forget what has come so far, and tell what comes."""
        while self._hear() is not None:
            pass
        self._wanted, self._through = True, None
        if self._counting is not None:
            self._counting.lost()

    def take(self) -> Sequence[Stretch]:
        """Return what the relay has told since."""
        self._attend()
        found: list[Stretch] = []
        for _ in range(MOST_AT_ONCE):
            told = self._hear()
            if told is None:
                break
            if isinstance(told, Told):
                try:
                    stretch = self._stretch(told)
                except RemoteProtocolError as error:
                    # What it told of is not known, and so it is lost.
                    self._refuse(error)
                else:
                    found += [stretch] if stretch is not None else []
        return found

    def end(self) -> None:
        """Tell no more."""
        self._wanted = False

    def close(self) -> None:
        """Listen no more."""
        if self._admission is not None:
            self._admission.close()
        self._socket.close()
        self._context.term()
        self.refusals.write_total()

    def _attend(self) -> None:
        if self._admission is not None:
            self._admission.attend()

    def _hear(self) -> Hello | Told | bool | None:
        """Return the next message of the relay; True for what was none, None where nothing is."""
        if not self._socket.poll(0):
            return None
        sender, *frames = self._socket.recv_multipart()
        try:
            message = read(b"".join(frames))
            if isinstance(message, Hello):
                self._meet(sender, message)
            elif sender == self._relay:
                self._heard_s = time.monotonic()
            elif self._relay is None or self._is_silent():
                # It has been there before this adapter, or has taken the other's place.
                self._ask_who(sender)
                return True
            else:
                raise _STRANGER
        except RemoteProtocolError as error:
            self.refusals.add(error)
            self._say(sender, write("refused", why=str(error)))
            return True
        return message

    def _ask_who(self, sender: bytes) -> None:
        whom, unanswered = self._asked
        self._asked = sender, 1 + (unanswered if whom == sender else 0)
        self._say(sender, write("who"))

    def _is_answer(self, sender: bytes) -> bool:
        """Whether a hello was asked for: a relay answers each question, also when it is known."""
        whom, unanswered = self._asked
        if whom != sender or not unanswered:
            return False
        self._asked = sender, unanswered - 1
        return True

    def _meet(self, sender: bytes, hello: Hello) -> None:
        known = self._hello
        if self._is_answer(sender) and sender == self._relay and hello == known:
            self._heard_s = time.monotonic()
            return
        if known is not None and sender != self._relay and not self._is_silent():
            raise _STRANGER
        if self._wanted:
            raise RecorderRestarted(f"the relay of {hello.system} was started anew")
        if known is not None and known != hello:
            raise RecorderRestarted(
                f"the relay of {hello.system} was started anew, with other units or another clock"
            )
        self._counting = self._counts(hello)
        self._hello, self._relay, self._heard_s = hello, sender, time.monotonic()
        self._unit_ids = [unit_id_of(channel, unit) for channel, unit in hello.units]
        self._say(sender, write("welcome", relay=VERSION))

    def _counts(self, hello: Hello) -> Counting | None:
        """Return what follows the counts of a relay that counts, in the window of the config."""
        window_s = self._settings.counts_window_s
        wanted: tuple[int, ...] | None = None
        if window_s is not None:
            wanted = tuple(round(end_s * hello.sample_rate_hz) for end_s in window_s)
        if hello.counts_window != wanted:
            told = "tells of single spikes"
            if hello.counts_window is not None:
                told = f"counts in samples {list(hello.counts_window)} from each onset"
            raise RecorderError(
                f"the relay of {hello.system} {told}, but rig.settings.counts_window_s is "
                f"{'not there' if wanted is None else f'{window_s}, or samples {list(wanted)}'}: "
                "correct one of them"
            )
        if hello.counts_window is None:
            return None
        return Counting(hello.counts_window, [unit_id_of(*unit) for unit in hello.units])

    def _is_silent(self) -> bool:
        return time.monotonic() - self._heard_s > SILENCE_S

    def _say(self, to: bytes, message: bytes) -> None:
        # Who is gone does not hear it, and nobody waits.
        self._socket.send_multipart([to, message], zmq.NOBLOCK)

    def _refuse(self, error: RemoteProtocolError) -> None:
        self.refusals.add(error)
        if self._relay is not None:
            self._say(self._relay, write("refused", why=str(error)))

    def _spikes(self, told: Told, *, is_gap: bool) -> tuple[Ints, UnitIds]:
        """Return samples and units of what was told, in no order."""
        if self._counting is None:
            if told.counts:
                raise RemoteProtocolError("counts: the hello has no counts_window", Reason.BODY)
            spikes = np.array(told.spikes, np.int64).reshape(-1, 3)
            units = (spikes[:, 1] * UNITS_PER_CHANNEL + spikes[:, 2]).astype(np.int32)
            return spikes[:, 0], units
        if is_gap:
            self._counting.lost()
        try:
            return self._counting.take(told)
        except RemoteProtocolError:
            self._counting.lost()
            raise

    def _stretch(self, told: Told) -> Stretch | None:
        through = self._through
        if through is not None and told.through <= through and told.from_sample < through:
            raise RecorderRestarted("the relay counts samples from elsewhere than before")
        if through is not None and told.from_sample < through:
            raise RecorderError(
                f"the relay tells of samples {told.from_sample} to {through} a second time: it is "
                "at fault"
            )
        samples, units = self._spikes(told, is_gap=through not in (None, told.from_sample))
        self._through = told.through
        first = told.from_sample
        if self._counting is not None:
            first = max(first, self._counting.certain_from)
        if first > told.through:
            return None
        kept = np.isin(units, self._unit_ids) & (samples >= first)
        onsets = np.array(told.onsets, np.int64)
        return Stretch(
            from_sample=first,
            through_sample=told.through,
            spike_samples=samples[kept],
            spike_unit_ids=units[kept],
            sync_samples=onsets[onsets >= first],
            newest_sample=told.through,
            heard_host_s=time.monotonic(),
        )
