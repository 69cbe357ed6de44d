"""A recording system behind the Lab Streaming Layer: its streams, and what they tell together."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from rig_adapters.acquisition.process import read_settings
from rig_adapters.acquisition.source import Description, Readable, RecorderError, Stretch
from rig_adapters.lsl.described import COUNTER, Described, rate_of, units_of
from rig_adapters.lsl.portions import Meeting, Portion
from rig_adapters.lsl.readers import CountReader, EventReader, Reader, reader_of_onsets
from rig_adapters.lsl.scanning import NEEDS_PYLSL
from rig_adapters.lsl.settings import LslSettings, StreamSettings

if TYPE_CHECKING:
    from rig_adapters.lsl.streams import Inlet, Markers, Network

CORRECTION_S = 1e-3
"""How wrong liblsl's relation of two clocks can be."""
ASK_S = 1.0
"""How often it is asked how the clocks stand."""
STRANGE_S = 100.0
"""Time stamps that are so far from the sender's clock are not of it."""
LONGEST_WAIT_S = 10.0
"""For how long one stream may wait for the other."""
BEGINS, ENDS = "neuroloop: recording begins", "neuroloop: recording ends"


def connect(table: Mapping[str, Any]) -> "LslSource":
    """Find the streams of the settings. Raises RecorderError."""
    settings = read_settings(LslSettings, "lsl", table)
    try:
        from rig_adapters.lsl.streams import Network
    except (ImportError, RuntimeError) as error:
        raise RecorderError(f"{NEEDS_PYLSL} ({error})") from error
    return LslSource(settings, Network(settings.network == "this_machine"))


@dataclass(eq=False)
class _Followed:
    """A stream that is being read, and the newest of it."""

    inlet: "Inlet"
    reader: Reader
    portions: list[Portion] = field(default_factory=list)
    newest_s: float | None = None
    heard_s: float = 0.0

    def pull(self) -> None:
        self.portions = []
        for times_s, values in self.inlet.pull():
            self.heard_s, self.newest_s = time.monotonic(), float(times_s[-1])
            self.portions += self.reader.feed(times_s, values)


class LslSource:
    """One or two streams; time is counted in samples of the acquisition clock.

    The time stamps are of the sender's LSL clock, whose relation to ours liblsl measures.
    """

    def __init__(self, settings: LslSettings, network: "Network") -> None:
        self._settings = settings
        wanted: list[StreamSettings] = [settings.spikes]
        if settings.onsets is not None:
            wanted.append(settings.onsets)
        self._found = network.find(wanted)
        spikes = self._found[0].described
        for each, found in zip(wanted, self._found, strict=True):
            _check(found.described, each, spikes)
        self._rate_hz = rate_of(spikes)
        self._units = units_of(spikes)
        self._readers()
        self._followed: list[_Followed] = []
        self._meeting = Meeting(0)
        self._offset_s = self._asked_s = 0.0
        self._markers: Markers | None = None
        if settings.markers_name:
            self._markers = network.announce(settings.markers_name)

    def describe(self) -> Description:
        """Return what it is."""
        from rig_adapters.lsl.streams import versions

        streams = {
            f"stream {found.described.name}": f"{found.described}; "
            + ("losses are noticed" if _counts(found.described) else "a loss cannot be noticed")
            for found in self._found
        }
        return Description(
            name="Lab Streaming Layer",
            sample_rate_hz=self._rate_hz,
            units=self._units,
            sees_onsets=self._settings.sync.kind != "none",
            delivery_s=CORRECTION_S,
            versions={**versions(), **streams},
        )

    def readable(self) -> Sequence[Readable]:
        """Return nothing: liblsl has nothing to wait for, and is asked again and again."""
        return ()

    def begin(self) -> None:
        """Begin to tell what is sent from now on."""
        self._followed = [
            _Followed(found.open(), reader)
            for found, reader in zip(self._found, self._readers(), strict=True)
        ]
        self._meeting = Meeting(round(LONGEST_WAIT_S * self._rate_hz))
        self._ask_clock()
        if self._markers is not None:
            self._markers.mark(BEGINS)

    def take(self) -> Sequence[Stretch]:
        """Return what came since."""
        spikes, *others = self._followed
        began = spikes.newest_s is None
        for each in self._followed:
            each.pull()
        if spikes.newest_s is None:
            return ()
        if time.monotonic() - self._asked_s > ASK_S:
            self._ask_clock()
        # Nothing arrives before it was sent, whatever the clocks say of each other.
        host_s = min(spikes.heard_s, spikes.newest_s + self._offset_s)
        if began:
            self._is_of_clock(spikes.heard_s - spikes.newest_s - self._offset_s)
        portions = spikes.portions
        if others:
            portions = list(self._meeting.meet(portions, others[0].portions))
        newest = round(spikes.newest_s * self._rate_hz)
        return [
            Stretch(
                from_sample=each.from_tick,
                through_sample=each.through_tick,
                spike_samples=each.spikes,
                spike_unit_ids=each.unit_ids.astype(np.int32),
                sync_samples=each.onsets,
                newest_sample=newest,
                heard_host_s=host_s,
            )
            for each in portions
        ]

    def end(self) -> None:
        """Tell no more."""
        if self._markers is not None:
            self._markers.mark(ENDS)
        self._followed = []

    def close(self) -> None:
        """Disconnect."""
        self._followed = []
        self._markers = None

    def _readers(self) -> list[Reader]:
        """Return a reader for each stream, which knows nothing yet; RecorderError if none fits."""
        (spikes, *others), settings = [found.described for found in self._found], self._settings
        reader: Reader
        if settings.spikes.kind == "counts":
            reader = CountReader(spikes, settings.spikes.widest_bin_s, self._rate_hz)
        else:
            reader = EventReader(spikes, settings.sync, self._rate_hz)
        return [reader, *(reader_of_onsets(each, settings.sync, self._rate_hz) for each in others)]

    def _ask_clock(self) -> None:
        self._offset_s, self._asked_s = self._followed[0].inlet.host_offset_s(), time.monotonic()

    def _is_of_clock(self, late_s: float) -> None:
        if abs(late_s) > STRANGE_S:
            raise RecorderError(
                f"the time stamps of {self._found[0].described} are {abs(late_s):.1f} s "
                f"{'behind' if late_s > 0 else 'ahead of'} the LSL clock of its machine: let its "
                "program stamp samples with local_clock()"
            )


def _counts(stream: Described) -> bool:
    return COUNTER in stream.labels


def _check(stream: Described, wanted: StreamSettings, spikes: Described) -> None:
    if not _counts(stream) and wanted.without_counter == "refused":
        raise RecorderError(
            f"{stream} has no counter, so nobody would notice a loss: let its program send one, or "
            'say without_counter = "accepted" in [rig.settings]'
        )
    if stream.host != spikes.host:
        raise RecorderError(
            f"{stream} and {spikes} come from two machines, whose clocks differ: send the onsets "
            "from the machine that sends the spikes"
        )
