"""From what the converter counted to spikes and onsets, stretch by stretch. Pure.

After a gap the first sample is not told of, nor what a detector's dead time may have hidden: nobody
saw what came before, so whether the whole signal has a spike or an edge there is not known.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rig_adapters.acquisition.crossings import ManyCrossings
from rig_adapters.acquisition.detection import threshold_uv
from rig_adapters.acquisition.source import RecorderError, Samples, Stretch
from rig_adapters.acquisition.sync import PhotodiodeEdges, PhotodiodeSync, TtlSync, is_onset
from rig_adapters.spikeglx.fills import Fills
from rig_adapters.spikeglx.settings import SpikesOn
from rig_adapters.spikeglx.wire import Bits
from rig_adapters.units import UNITS_PER_CHANNEL

LEAST_MEASURED_S = 0.1


@dataclass(frozen=True)
class Line:
    """A digital line that marks onsets: its channel, and its bit in that."""

    sync: TtlSync
    channel: int
    bit: int


@dataclass(frozen=True)
class Diode:
    """A photodiode: its channel, and what one step of the converter is on it, in volts."""

    sync: PhotodiodeSync
    channel: int
    v_per_bit: float


@dataclass(frozen=True, eq=False)
class Measured:
    """What has been measured of the channels with spikes, in their order: (c,) each.

    live: whether a channel's signal ever was other than 0. baselines: medians, in bits.
    """

    live: npt.NDArray[np.bool_]
    baselines: npt.NDArray[np.float32]
    thresholds_uv: npt.NDArray[np.float32]


def measure(
    detected: dict[int, SpikesOn], values: Bits, uv_per_bit: Sequence[float], sample_rate_hz: float
) -> Measured:
    """Measure signals (n, c); samples that are 0 on all channels are left out.

    Raises RecorderError where there is nothing to be measured.
    """
    values = values[values.any(axis=1)]
    if len(values) < LEAST_MEASURED_S * sample_rate_hz:
        raise RecorderError(
            "all channels of SpikeGLX read 0: is the probe connected, and does SpikeGLX filter "
            "(Configure Acquisition), if filtered = true?"
        )
    baselines = np.median(values, axis=0).astype(np.float32)
    thresholds = []
    for column, (channel, settings) in enumerate(detected.items()):
        signal = (values[:, column] - baselines[column]) * np.float32(uv_per_bit[column])
        try:
            thresholds.append(threshold_uv(settings, signal))
        except ValueError as error:
            raise RecorderError(
                f"no threshold can be measured on channel {channel} of SpikeGLX: {error}; leave it "
                "out of detect, or give it a threshold_uv"
            ) from error
    live = np.asarray(values.any(axis=0), np.bool_)
    return Measured(live, baselines, np.array(thresholds, np.float32))


class Signals:
    """The stretches of one recording, of all channels that are fetched."""

    def __init__(
        self,
        detected: dict[int, SpikesOn],
        measured: Measured,
        uv_per_bit: Sequence[float],
        mark: Line | Diode | None,
        sample_rate_hz: float,
    ) -> None:
        spikes = list(detected)
        self.channels = tuple(sorted({*spikes, *([mark.channel] if mark is not None else [])}))
        self._columns = np.array([self.channels.index(channel) for channel in spikes], np.int64)
        self._unit_ids = np.array(spikes, np.int32) * np.int32(UNITS_PER_CHANNEL)
        self._baselines = measured.baselines
        dead_s = np.array([each.dead_time_s for each in detected.values()])
        dead = np.rint(dead_s * sample_rate_hz).astype(np.int64)
        self._crossings = ManyCrossings(
            (measured.thresholds_uv / np.array(uv_per_bit)).astype(np.float32), dead
        )
        self._settling = 1 + int(dead.max())
        self._known_from = 0
        live = np.zeros(len(self.channels), np.bool_)
        live[self._columns] = measured.live
        self._fills = Fills(live)
        self._mark = mark
        self._mark_column = self.channels.index(mark.channel) if mark is not None else 0
        self._line_was = False
        self._diode = (
            PhotodiodeEdges(mark.sync, sample_rate_hz) if isinstance(mark, Diode) else None
        )
        self._next = -1

    def feed(self, first_sample: int, values: Bits, heard_host_s: float) -> list[Stretch]:
        """Return what a block (n, channels) tells of, without what SpikeGLX has filled in."""
        newest = first_sample + len(values)
        found = []
        for start, signal in self._fills.split(first_sample, values):
            follows, through = start == self._next, start + len(signal)
            self._next = through
            samples, columns = self._crossings.feed(
                start, signal[:, self._columns] - self._baselines
            )
            edges = self._edges(start, signal[:, self._mark_column], follows)
            if not follows:
                self._known_from = start + self._settling
            known_from = max(start, self._known_from)
            known = samples >= known_from
            if known_from < through:
                found.append(
                    Stretch(
                        from_sample=known_from,
                        through_sample=through,
                        spike_samples=samples[known],
                        spike_unit_ids=self._unit_ids[columns[known]],
                        sync_samples=edges[edges >= known_from],
                        newest_sample=newest,
                        heard_host_s=heard_host_s,
                    )
                )
        return found

    def _edges(self, first_sample: int, values: Bits, follows: bool) -> Samples:
        if isinstance(self._mark, Diode) and self._diode is not None:
            volts = values.astype(np.float32) * np.float32(self._mark.v_per_bit)
            return self._diode.feed(first_sample, volts)
        if not isinstance(self._mark, Line):
            return np.zeros(0, np.int64)
        states = (values.view(np.uint16) >> self._mark.bit & 1).astype(np.bool_)
        before = np.concatenate([[self._line_was if follows else states[0]], states[:-1]])
        self._line_was = bool(states[-1])
        sync = self._mark.sync
        changes = [
            index
            for index in np.flatnonzero(states != before).tolist()
            if is_onset(sync, sync.line, bool(states[index]))
        ]
        return first_sample + np.array(changes, np.int64)
