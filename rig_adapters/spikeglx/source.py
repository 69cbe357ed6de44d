"""SpikeGLX as a `Source`: asks what there is, then fetches samples and tells stretches.

Fetching and finding spikes are `fetching`'s and `signals`'s.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rig_adapters.acquisition.process import ASKING_S, read_settings
from rig_adapters.acquisition.source import Description, Readable, RecorderError, Stretch
from rig_adapters.acquisition.sync import PhotodiodeSync, TtlSync
from rig_adapters.spikeglx.connection import Questioner, address_of
from rig_adapters.spikeglx.fetching import Fetching, Stream
from rig_adapters.spikeglx.layout import Layout
from rig_adapters.spikeglx.run import (
    Operator,
    fetch_for_a_while,
    layout,
    sample_rate_hz,
    v_per_bit,
)
from rig_adapters.spikeglx.settings import SpikeGlxSettings
from rig_adapters.spikeglx.signals import Diode, Line, Measured, Signals, measure
from rig_adapters.units import UNITS_PER_CHANNEL
from rig_adapters.wire.messages import UnitDescription

LUMP_S = 0.005
"""How long a packet of a probe, or a buffer of the converter, waits in SpikeGLX."""


def connect(table: Mapping[str, Any]) -> "SpikeGlxSource":
    """Ask SpikeGLX, and start its run where that was asked for. Raises RecorderError."""
    settings = read_settings(SpikeGlxSettings, "spikeglx", table)
    operator = Operator(settings)
    try:
        questioner = operator.questioner()
        try:
            operator.start_run(questioner)
            return SpikeGlxSource(settings, operator, questioner)
        finally:
            # It would be closed after 10 s in which nothing was asked.
            questioner.close()
    except BaseException:
        operator.close()
        raise


class SpikeGlxSource:
    """A `Source` that fetches one stream of a run that goes on."""

    def __init__(
        self, settings: SpikeGlxSettings, operator: Operator, questioner: Questioner
    ) -> None:
        self._settings, self._operator = settings, operator
        self._detected = settings.detected()
        js, ip = settings.js_ip()
        (self._version, *_) = questioner.ask("GETVERSION") or ("unknown",)
        self._rate_hz = sample_rate_hz(questioner, js, ip)
        channels = layout(questioner, js, ip)
        self._mark = self._find_mark(questioner, channels)
        spikes = tuple(self._detected)
        for channel in spikes:
            if channel >= channels.n_analog:
                raise RecorderError(
                    f"{settings.stream} has no analog channel {channel}: SpikeGLX counts from 0, "
                    f"and acquires {channels}"
                )
        self._uv_per_bit = [self._scale(questioner, channel) for channel in spikes]
        values = fetch_for_a_while(questioner, settings, self._rate_hz)
        self._measured: Measured = measure(self._detected, values, self._uv_per_bit, self._rate_hz)
        self._address = address_of(settings.host, settings.port)
        self._fetching: Fetching | None = None

    def describe(self) -> Description:
        """Return what SpikeGLX sends."""
        thresholds = zip(self._detected, self._measured.thresholds_uv.tolist(), strict=True)
        return Description(
            name=f"SpikeGLX, stream {self._settings.stream}",
            sample_rate_hz=self._rate_hz,
            units=tuple(
                UnitDescription(
                    unit_id=channel * UNITS_PER_CHANNEL,
                    channel_id=channel,
                    label=f"channel {channel} beyond {threshold:.1f} µV",
                )
                for channel, threshold in thresholds
            ),
            sees_onsets=self._mark is not None,
            delivery_s=ASKING_S + LUMP_S,
            versions={"SpikeGLX": self._version},
        )

    def readable(self) -> Sequence[Readable]:
        """Return nothing: SpikeGLX has to be asked."""
        return ()

    def begin(self) -> None:
        """Fetch from the newest sample on, and have it recorded where that was asked for."""
        self._signals = Signals(
            self._detected, self._measured, self._uv_per_bit, self._mark, self._rate_hz
        )
        stream = Stream(*self._settings.js_ip(), self._signals.channels, self._rate_hz)
        questioner = self._operator.questioner()
        try:
            self._operator.begin(questioner)
        except BaseException:
            questioner.close()
            raise
        # The same connection: when another ends, SpikeGLX stops filtering for a moment.
        self._fetching = Fetching(self._address, stream, questioner.connection)

    def take(self) -> Sequence[Stretch]:
        """Return what came since. Raises RecorderRestarted, or RecorderError in silence."""
        found: list[Stretch] = []
        if self._fetching is not None:
            for each in self._fetching.take():
                found += self._signals.feed(each.first_sample, each.values, each.heard_host_s)
        return found

    def end(self) -> None:
        """Fetch no more, and end the recording that was begun."""
        self._stop_fetching()
        self._operator.end()

    def close(self) -> None:
        """Disconnect, and leave SpikeGLX as it was found."""
        self._stop_fetching()
        self._operator.close()

    def _stop_fetching(self) -> None:
        if self._fetching is not None:
            self._fetching.close()
            self._fetching = None

    def _find_mark(self, questioner: Questioner, channels: Layout) -> Line | Diode | None:
        sync = self._settings.sync
        if isinstance(sync, TtlSync):
            return Line(sync, *channels.line(sync.line))
        if isinstance(sync, PhotodiodeSync):
            channel = channels.analog(sync.channel)
            return Diode(sync, channel, v_per_bit(questioner, *self._settings.js_ip(), channel))
        return None

    def _scale(self, questioner: Questioner, channel: int) -> float:
        if self._settings.uv_per_bit is not None:
            return self._settings.uv_per_bit
        return 1e6 * v_per_bit(questioner, *self._settings.js_ip(), channel)
