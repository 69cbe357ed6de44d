"""A running RHX as a source of stretches.

The data connections are there between `begin` and `end` only, so that nothing piles up meanwhile.
RHX accepts one client on each port; when a data connection is lost, it is asked for another, and
what came in between is a gap. What the bytes mean is `wire`'s and `telling`'s.
"""

import contextlib
import logging
import select
import socket
from collections.abc import Mapping, Sequence
from typing import Any

from rig_adapters.acquisition.process import read_settings
from rig_adapters.acquisition.source import Description, Readable, RecorderError, Stretch
from rig_adapters.errors import RigError
from rig_adapters.intan.commands import ANSWER_S, CommandConnection
from rig_adapters.intan.onsets import AnalogOnsets, LineOnsets, Onsets
from rig_adapters.intan.rhx import Port, Rhx
from rig_adapters.intan.settings import IntanSettings
from rig_adapters.intan.streams import ConnectionLost, Streams
from rig_adapters.intan.telling import Telling, Terms
from rig_adapters.intan.wire import FRAMES, UNIT_OF_ID
from rig_adapters.units import unit_id_of
from rig_adapters.wire.messages import UnitDescription

USB_READ_S = 1 / 30
"""RHX reads its controller so rarely, whatever it then sends at once."""

logger = logging.getLogger(__name__)


def connect(table: Mapping[str, Any]) -> "IntanSource":
    """Connect to RHX and tell it what to send. Raises RecorderError where that fails."""
    settings = read_settings(IntanSettings, "intan", table)
    commands = CommandConnection(settings.host, settings.command_port, settings.patience_s)
    try:
        return IntanSource(settings, commands, Rhx(settings, commands))
    except BaseException:
        commands.close()
        raise


class IntanSource:
    """A `Source` that listens to RHX."""

    def __init__(self, settings: IntanSettings, commands: CommandConnection, rhx: Rhx) -> None:
        self._settings = settings
        self._commands = commands
        self._rhx = rhx
        self._streams: Streams | None = None
        self._telling: Telling | None = None
        # Connections come and go, and the poller of the caller cannot know of that.
        self._epoll = select.epoll()

    def describe(self) -> Description:
        """Return what RHX says of itself, and the units of the settings."""
        about = self._rhx.about
        return Description(
            name="Intan RHX",
            sample_rate_hz=about.sample_rate_hz,
            units=tuple(
                UnitDescription(
                    unit_id=unit_id_of(each.channel, unit),
                    channel_id=each.channel,
                    label=f"{each.name} {f'unit {unit}' if unit else 'unsorted'}",
                )
                for each in self._settings.channels
                for unit in each.units
            ),
            sees_onsets=self._settings.sync.kind != "none",
            # RHX holds one block back, until spikes on its end have been found.
            delivery_s=USB_READ_S + (about.blocks_per_write + 1) * FRAMES / about.sample_rate_hz,
            versions={"Intan RHX": about.version},
        )

    def readable(self) -> Sequence[Readable]:
        """Return what is readable when any connection is."""
        return (self._epoll.fileno(),)

    def begin(self) -> None:
        """Connect to the data ports; start RHX where that is the adapter's to do."""
        self._commands.ask()
        was_running = self._rhx.is_running
        self._open_streams()
        self._rhx.run()
        # Both connections are there, so whatever is newer than this is sent on both.
        first = self._rhx.next_timestamp() if was_running else 0
        self._telling = self._new_telling(first)

    def take(self) -> Sequence[Stretch]:
        """Return what has become certain since.

        Where a data connection was lost, it takes a second or two until there is another.
        """
        self._commands.see_that_it_is_there()
        if self._streams is None or self._telling is None:
            return []
        try:
            return self._streams.read(self._telling)
        except ConnectionLost:
            logger.warning("RHX has closed a data connection; it is opened again")
            self._open_streams()
            self._telling.resume_at(self._rhx.next_timestamp())
            return []

    def end(self) -> None:
        """Disconnect from the data ports; stop RHX where this adapter has started it."""
        self._close_streams()
        self._rhx.stop()

    def close(self) -> None:
        """Disconnect. RHX goes on where it was not told to stop."""
        with contextlib.suppress(RigError, OSError):
            self._close_streams()
        self._epoll.close()
        self._commands.close()

    def _open_streams(self) -> None:
        self._close_streams()
        ports: Mapping[Port, int] = {
            "waveform": self._settings.waveform_port,
            "spike": self._settings.spike_port,
        }
        with contextlib.ExitStack() as opened:
            connections = []
            for port, number in ports.items():
                self._rhx.listen(port)
                connections.append(opened.enter_context(self._connected(port, number)))
                self._rhx.await_connected(port)
            opened.pop_all()
        n_words = int(self._settings.sync.kind != "none")
        self._streams = Streams(connections[0], connections[1], n_words)
        for number in self._numbers(self._streams):
            self._epoll.register(number, select.EPOLLIN)

    def _close_streams(self) -> None:
        streams, self._streams = self._streams, None
        if streams is not None:
            for number in self._numbers(streams):
                self._epoll.unregister(number)
            streams.close()

    def _numbers(self, streams: Streams) -> tuple[int, ...]:
        """Return the file descriptors of all connections."""
        return (self._commands.fileno(), *(each.fileno() for each in streams.connections))

    def _connected(self, port: Port, number: int) -> socket.socket:
        host = self._settings.host
        try:
            return socket.create_connection((host, number), timeout=ANSWER_S)
        except OSError as error:
            raise RecorderError(
                f"RHX does not listen for its {port} data at {host}:{number} ({error}): see on the "
                "Data Output tab of Network → Remote TCP Control which host and port it has"
            ) from error

    def _new_telling(self, from_sample: int) -> Telling:
        about, settings = self._rhx.about, self._settings
        onsets: Onsets | None = None
        if settings.sync.kind == "ttl":
            onsets = LineOnsets(settings.sync)
        elif settings.sync.kind == "photodiode":
            onsets = AnalogOnsets(settings.sync, about.sample_rate_hz, about.controller)
        terms = Terms(
            sample_rate_hz=about.sample_rate_hz,
            unit_of={
                (each.name.encode(), spike_id): unit_id_of(each.channel, unit)
                for each in settings.channels
                for spike_id, unit in UNIT_OF_ID.items()
                if unit in each.units
            },
            blocks_per_write=about.blocks_per_write,
            margin_s=settings.margin_s,
        )
        return Telling(terms, onsets, from_sample)
