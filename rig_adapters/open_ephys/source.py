"""Open Ephys as a `Source`: finds the plugin, drains its socket, tells stretches.

Reading bytes, ordering and assembling are `wire`'s, `order`'s and `assembly`'s.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import zmq

from rig_adapters.acquisition.detection import ThresholdCrossings, threshold_uv
from rig_adapters.acquisition.process import read_settings
from rig_adapters.acquisition.source import Description, Readable, RecorderError, Stretch
from rig_adapters.acquisition.sync import PhotodiodeEdges, PhotodiodeSync, TtlSync
from rig_adapters.open_ephys.assembly import Assembly, Wanted
from rig_adapters.open_ephys.control import Operator
from rig_adapters.open_ephys.finding import Heard, connect_to, find, subscriber
from rig_adapters.open_ephys.heartbeat import Heartbeat
from rig_adapters.open_ephys.order import InOrder
from rig_adapters.open_ephys.settings import OpenEphysSettings, SpikesIn
from rig_adapters.open_ephys.wire import Message, Unreadable, decode
from rig_adapters.units import unit_id_of
from rig_adapters.wire.messages import UnitDescription

NOISE_S = 1.0
"""Over how long the noise is measured."""
SILENCE_S = 5.0
MOST_AT_ONCE = 4096
_SETTLE_MS = 20

logger = logging.getLogger(__name__)


def connect(table: Mapping[str, Any]) -> "OpenEphysSource":
    """Find Open Ephys, and start it where that was asked for. Raises RecorderError."""
    settings = read_settings(OpenEphysSettings, "open-ephys", table)
    operator = Operator(settings.host, settings.control)
    try:
        operator.start_acquisition()
        noisy = any(each.threshold_noise is not None for each in settings.detect)
        listen_s = NOISE_S if noisy else 0.0
        heard = find(settings.host, settings.data_port, settings.stream, listen_s)
        return OpenEphysSource(settings, operator, heard)
    except BaseException:
        operator.close()
        raise


class OpenEphysSource:
    """A `Source` that listens to one ZMQ Interface, of which something was `heard`."""

    def __init__(self, settings: OpenEphysSettings, operator: Operator, heard: Heard) -> None:
        self._settings, self._operator, self._heard = settings, operator, heard
        self._thresholds_uv = _thresholds(settings.detect, heard)
        heard.values.clear()
        # Also to see at once whether all channels that are needed are sent.
        self._forget()
        host, _, port = heard.endpoint.rpartition(":")
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = subscriber(self._context)
        self._heartbeat = Heartbeat(self._context, f"{host}:{int(port) + 1}")

    def describe(self) -> Description:
        """Return what Open Ephys sends."""
        rate_hz = self._heard.sample_rate_hz
        return Description(
            name=f"Open Ephys, stream {self._heard.stream}",
            sample_rate_hz=rate_hz,
            units=tuple(
                UnitDescription(unit_id=unit_id, channel_id=channel, label=self._label(unit_id))
                for unit_id, channel in self._settings.units().items()
            ),
            sees_onsets=self._settings.sync.kind != "none",
            delivery_s=self._heard.block_samples / rate_hz,
            versions={"pyzmq": zmq.__version__},
        )

    def readable(self) -> Sequence[Readable]:
        """Return the socket of the ZMQ Interface."""
        return (self._socket,)

    def begin(self) -> None:
        """Listen, and have Open Ephys record where that was asked for."""
        self._operator.begin()
        self._forget()
        connect_to(self._socket, self._heard.endpoint)

    def take(self) -> Sequence[Stretch]:
        """Return what came since. Raises RecorderRestarted, or RecorderError in silence."""
        self._heartbeat.beat()
        found: list[Stretch] = []
        for _ in range(MOST_AT_ONCE):
            try:
                frames = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                break
            self._last_heard_s = time.monotonic()
            try:
                message = decode(frames)
            except Unreadable as error:
                # Its number will be missing, and so it is a loss like any other.
                self._note(error)
                continue
            for item in self._order.put(message.number, hash(frames[1]), message):
                stretch = self._assembly.put(item, self._last_heard_s)
                found += [stretch] if stretch is not None else []
        if time.monotonic() - self._last_heard_s > SILENCE_S:
            raise RecorderError(
                f"Open Ephys has sent nothing for {SILENCE_S:.0f} s: start its acquisition again, "
                "and see that it is still running"
            )
        return found

    def end(self) -> None:
        """Listen no more, and end the recording that was begun."""
        self._socket.disconnect(self._heard.endpoint)
        self._heartbeat.close()
        # What is still on its way would keep waking whoever waits for this socket.
        while self._socket.poll(_SETTLE_MS):
            self._socket.recv_multipart()
        self._operator.end()

    def close(self) -> None:
        """Disconnect, and leave Open Ephys as it was found."""
        self._heartbeat.close()
        self._socket.close()
        self._context.term()
        self._operator.close()

    def _forget(self) -> None:
        self._order: InOrder[Message] = InOrder()
        self._assembly = Assembly(self._wanted(), self._heard.sample_rate_hz)
        self._last_heard_s = time.monotonic()
        self._unreadable = 0

    def _wanted(self) -> Wanted:
        settings, heard = self._settings, self._heard
        names, detectors, edges = {}, {}, {}
        longest_dead_s = max((each.dead_time_s for each in settings.detect), default=0.0)
        for name, (unit_id, dead_time_s, threshold) in self._thresholds_uv.items():
            channel = heard.channel_called(name)
            crossings = ThresholdCrossings(threshold, dead_time_s, heard.sample_rate_hz)
            names[channel], detectors[channel] = name, (crossings.feed, unit_id)
        if isinstance(settings.sync, PhotodiodeSync):
            channel = heard.channel_called(settings.sync.channel)
            names[channel] = settings.sync.channel
            edges[channel] = PhotodiodeEdges(settings.sync, heard.sample_rate_hz).feed
        return Wanted(
            unit_ids={
                (electrode, unit): unit_id_of(channel, unit)
                for each in settings.spikes
                for electrode, channel in each.named(each.electrode)
                for unit in each.sorted_ids
            },
            ttl=settings.sync if isinstance(settings.sync, TtlSync) else None,
            detectors=detectors,
            edges=edges,
            names=names,
            settling=round(longest_dead_s * heard.sample_rate_hz) + 1 if detectors else 0,
        )

    def _label(self, unit_id: int) -> str:
        for name, (detected_id, _, threshold) in self._thresholds_uv.items():
            if detected_id == unit_id:
                return f"{name} beyond {threshold:.1f} µV"
        return ""

    def _note(self, error: Unreadable) -> None:
        self._unreadable += 1
        if self._unreadable in (1, 10, 100, 1000):
            logger.warning("message %d that cannot be read: %s", self._unreadable, error)


def _thresholds(detect: Sequence[SpikesIn], heard: Heard) -> dict[str, tuple[int, float, float]]:
    """Return unit, dead time and threshold of each channel on which spikes are to be detected."""
    found = {}
    for each in detect:
        for name, number in each.named(each.continuous):
            values = np.concatenate(heard.values[heard.channel_called(name)])
            try:
                threshold = threshold_uv(each, values)
            except ValueError as error:
                raise RecorderError(
                    f"no threshold can be measured on channel {name} of Open Ephys: {error}; is it "
                    "connected?"
                ) from error
            found[name] = (unit_id_of(number, 0), each.dead_time_s, threshold)
    return found
