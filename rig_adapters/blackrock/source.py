"""An instrument of Blackrock's as a `Source`: what it broadcasts, listened to.

What the bytes mean is `wire`'s, whether all has come `balance`'s, what is known of it `telling`'s.
"""

import logging
import select
import time
from collections.abc import Mapping, Sequence
from typing import Any

from rig_adapters.acquisition.process import read_settings
from rig_adapters.acquisition.source import Description, Readable, RecorderError, Stretch
from rig_adapters.acquisition.sync import TtlSync
from rig_adapters.blackrock.clock import SAMPLE_RATE_HZ, DeviceClock
from rig_adapters.blackrock.listening import Listening, measure
from rig_adapters.blackrock.settings import BlackrockSettings
from rig_adapters.blackrock.telling import Telling, Terms
from rig_adapters.units import UNITS_PER_CHANNEL
from rig_adapters.wire.messages import UnitDescription

SILENCE_S = 5.0
"""So long nothing may come, or nothing of it be whole."""

logger = logging.getLogger(__name__)


def connect(table: Mapping[str, Any]) -> "BlackrockSource":
    """Listen for a moment to the instrument that the settings name. Raises RecorderError."""
    settings = read_settings(BlackrockSettings, "blackrock", table)
    return BlackrockSource(settings, measure(settings))


class BlackrockSource:
    """A `Source` that listens to one instrument, whose clock was measured."""

    def __init__(self, settings: BlackrockSettings, clock: DeviceClock) -> None:
        self._settings, self._clock = settings, clock
        self._listening: Listening | None = None
        self._telling = Telling(self._terms(), clock)
        self._heard_s = self._told_s = 0.0
        self._noted = 0
        # The socket comes and goes, and the poller of the caller cannot know of that.
        self._epoll = select.epoll()

    def describe(self) -> Description:
        """Return the units of the settings; the instrument is not asked for its own names."""
        return Description(
            name=f"Blackrock at {self._settings.host}",
            sample_rate_hz=float(SAMPLE_RATE_HZ),
            units=tuple(
                UnitDescription(unit_id=unit_id, channel_id=channel, label=_label(channel, unit_id))
                for (channel, _), unit_id in self._settings.unit_of().items()
            ),
            sees_onsets=self._settings.sync.kind != "none",
            delivery_s=self._clock.heartbeat_samples / SAMPLE_RATE_HZ,
            versions={"Cerebus protocol": "4.1 or later"},
        )

    def readable(self) -> Sequence[Readable]:
        """Return what is readable when packets have come."""
        return (self._epoll.fileno(),)

    def begin(self) -> None:
        """Listen."""
        self._telling = Telling(self._terms(), self._clock)
        self._listening = Listening(self._settings)
        self._epoll.register(self._listening.fileno(), select.EPOLLIN)
        self._heard_s = self._told_s = time.monotonic()
        self._noted = 0

    def take(self) -> Sequence[Stretch]:
        """Return what has become certain. Raises RecorderRestarted, or RecorderError in silence."""
        if self._listening is None:
            return []
        found: list[Stretch] = []
        heard_s = time.monotonic()
        if (packets := self._listening.take()) is not None:
            self._heard_s = heard_s
            found = self._telling.hear(packets, heard_s)
            self._told_s = heard_s if found else self._told_s
        elif heard_s - self._heard_s > SILENCE_S:
            raise RecorderError(
                f"the instrument at {self._settings.host} has sent nothing for {SILENCE_S:.0f} s: "
                "see that it is switched on, that Central shows it as running, and its cable"
            )
        if heard_s - self._told_s > SILENCE_S and self._heard_s == heard_s:
            raise RecorderError(
                f"packets of the instrument at {self._settings.host} come, but for "
                f"{SILENCE_S:.0f} s something of every stretch was lost: raise net.core.rmem_max "
                "on this machine, use the cable's own network card, and sample fewer channels"
            )
        self._note(self._listening.unreadable)
        return found

    def end(self) -> None:
        """Listen no more."""
        listening, self._listening = self._listening, None
        if listening is not None:
            self._epoll.unregister(listening.fileno())
            listening.close()

    def close(self) -> None:
        """Listen no more."""
        self.end()
        self._epoll.close()

    def _terms(self) -> Terms:
        settings = self._settings
        return Terms(
            unit_of=settings.unit_of(),
            digital_channel=settings.digital_channel,
            sync=settings.sync if isinstance(settings.sync, TtlSync) else None,
            margin=round(settings.margin_s * SAMPLE_RATE_HZ),
        )

    def _note(self, unreadable: int) -> None:
        if unreadable > self._noted:
            if self._noted == 0:
                logger.warning("a datagram cannot be read; it counts as lost, and so do others")
            self._noted = unreadable


def _label(channel: int, unit_id: int) -> str:
    unit = unit_id % UNITS_PER_CHANNEL
    return f"channel {channel} {f'unit {unit}' if unit else 'unsorted'}"
