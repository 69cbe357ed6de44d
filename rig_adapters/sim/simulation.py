"""The simulated neurons and their recording system: light in; spikes and sync edges out.

No sockets and no clock of its own: time is what the caller says, and everything random has an
address made of counters of what was seen. Batching and messages are left to `rig`.
"""

import logging
import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rig_adapters.errors import RemoteProtocolError
from rig_adapters.sim.answers import Answers
from rig_adapters.sim.clock import SampleClock, Samples
from rig_adapters.sim.conditions import gain_of_day
from rig_adapters.sim.event_queue import EventQueue
from rig_adapters.sim.eye.gaze import Gaze
from rig_adapters.sim.eye.seen import build_neurons_behind
from rig_adapters.sim.losses import LossesOfDay
from rig_adapters.sim.neurons.base import Rates
from rig_adapters.sim.neurons.settings import SimSettingsError
from rig_adapters.sim.randomness import Purpose, rng_at
from rig_adapters.sim.response import spontaneous_spikes_s
from rig_adapters.sim.retina import Placement
from rig_adapters.sim.settings import SimRigSettings
from rig_adapters.wire.light import ImagesForgotten, ImagesUploaded, LightChanged
from rig_adapters.wire.messages import Message

logger = logging.getLogger(__name__)

LATEST_HOST_S = 1e9
"""Thirty years after a machine was switched on; beyond, a clock is wrong."""
LONGEST_LEAP_S = 3600.0
"""What a screen's clock may go on by between two reports; spikes are made for all of it."""


@dataclass(frozen=True, eq=False)
class Recorded:
    """All of `[from_sample, through_sample)`, each sorted by time.

    spike_samples (k,), spike_unit_ids (k,), sync_samples (m,).
    """

    from_sample: int
    through_sample: int
    spike_samples: Samples
    spike_unit_ids: npt.NDArray[np.int32]
    sync_samples: Samples

    def between(self, from_sample: int, through_sample: int) -> "Recorded":
        """Return the part of it in `[from_sample, through_sample)`."""
        first, last = np.searchsorted(self.spike_samples, (from_sample, through_sample))
        edges = self.sync_samples
        return Recorded(
            from_sample,
            through_sample,
            self.spike_samples[first:last],
            self.spike_unit_ids[first:last],
            edges[(edges >= from_sample) & (edges < through_sample)],
        )


class Simulation:
    """All simulated units in front of one screen.

    `day_began_s`: when the session began, where that is known; else it is when it is first asked to
    record, and the trend of the gain counts from the first image.
    """

    def __init__(
        self, settings: SimRigSettings, seed: int, day_began_s: float | None = None
    ) -> None:
        if seed < 0:
            raise SimSettingsError(f"the seed of a simulated rig must be 0 or more, not {seed}")
        self.units = settings.units
        self.neurons = build_neurons_behind(settings.eye, settings.units)
        self.clock = SampleClock.from_settings(settings)
        self.late = 0
        """Changes of the patch that came after their time was reported, and left no sync edge."""
        self._seed = seed
        self._pixels: dict[str, npt.NDArray[np.uint8]] = {}
        self._evoked_hz: dict[tuple[str, Placement], Rates] = {}
        self._places: set[Placement] = set()
        self.losses = LossesOfDay(settings.losses, settings.day_seed, day_began_s or 0.0)
        self._day_began = day_began_s is not None
        self._gain = gain_of_day(settings, day_began_s)
        self._answers = Answers(settings, seed)
        self._gaze = Gaze(settings.eye, seed)
        self._n_onsets = 0
        self._through_sample = 0
        self._next_second = 0
        self._spikes = EventQueue()
        self._sync = EventQueue()

    def see(self, light: Message) -> None:
        """Take in what the screen does.

        Raises RemoteProtocolError for an image that was never uploaded, has no size, or appears at
        a time that no clock says.
        """
        if isinstance(light, ImagesUploaded):
            if len(light.sha256s) != len(light.images):
                raise RemoteProtocolError(
                    f"the display uploaded {len(light.images)} images under {len(light.sha256s)} "
                    "hashes: it is at fault"
                )
            self._pixels.update(zip(light.sha256s, light.images, strict=True))
        elif isinstance(light, ImagesForgotten):
            self._forget(frozenset(light.sha256s))
        elif isinstance(light, LightChanged):
            self._change(light)

    def foresee(self, sha256s: Iterable[str]) -> None:
        """Compute what images evoke before they are shown, where it is clear in which place.

        It changes no response: what was computed for nothing is never asked for.
        """
        if self._gaze.is_still and len(self._places) == 1:
            (place,) = self._places
            for sha256 in sha256s:
                self.evoked_hz(sha256, place)

    def begin(self, host_s: float) -> int:
        """Begin a recording at `host_s`; return its first sample. What was before is dropped."""
        if not self._day_began:
            self.losses.began_s, self._day_began = host_s, True
        self.losses.recording_s = host_s
        self._through_sample = self.clock.sample(host_s)
        self._next_second = self._second_of(self._through_sample)
        for queue in (self._spikes, self._sync):
            queue.drop_before(self._through_sample)
        return self._through_sample

    def take(self, through_host_s: float) -> Recorded:
        """Return what was recorded since the last call, to `through_host_s`.

        Raises RemoteProtocolError where that is longer than `LONGEST_LEAP_S`.
        """
        return self.take_samples(self.clock.sample(through_host_s))

    def take_samples(self, through_sample: int) -> Recorded:
        """Return what was recorded since the last call, to `through_sample`, like `take`."""
        start = self._through_sample
        through = max(start, through_sample)
        leap_s = (through - start) / self.clock.sample_rate_hz
        if leap_s > LONGEST_LEAP_S:
            raise RemoteProtocolError(
                f"the screen's clock leapt by {leap_s:.0f} s: the display is at fault"
            )
        while self._next_second <= self._second_of(through):
            self._fire_spontaneously(self._next_second)
            self._next_second += 1
        self._through_sample = through
        for queue in (self._spikes, self._sync):
            queue.drop_before(start)
        spikes, units = self._spikes.take_before(through)
        return Recorded(
            from_sample=start,
            through_sample=through,
            spike_samples=spikes,
            spike_unit_ids=units,
            sync_samples=self._sync.take_before(through)[0],
        )

    def without_gaps(self, recorded: Recorded) -> list[Recorded]:
        """Return the stretches that are left of what was recorded, around what the rig lost.

        The last of them ends where `recorded` does, even where it is empty: so far is known.
        """
        begin, end = recorded.from_sample, recorded.through_sample
        begin_s, end_s = self.clock.truth.to_host(self.clock.seconds([begin, end])).tolist()
        left = []
        for gap in self.losses.gaps(begin_s, end_s):
            lost_from, lost_to = self.clock.samples([gap.from_s, gap.to_s]).tolist()
            if lost_from > begin:
                left.append(recorded.between(begin, lost_from))
            begin = min(max(begin, lost_to), end)
        return [*left, recorded.between(begin, end)]

    def evoked_hz(self, sha256: str, place: Placement) -> Rates:
        """Mean rates (u,) that an uploaded image evokes at a place, above the spontaneous ones."""
        if sha256 not in self._pixels:
            raise RemoteProtocolError(
                f"the display shows an image that it has not uploaded ({sha256[:12]}…)"
            )
        key = (sha256, place)
        if key in self._evoked_hz:
            return self._evoked_hz[key]
        # One image at a time: results must not depend on which images came together.
        evoked_hz: Rates = self.neurons.evoked_hz(self._pixels[sha256][None], place)[0]
        if self._gaze.is_still:
            # Where gaze wanders, an image is hardly ever seen at the same place again.
            self._evoked_hz[key] = evoked_hz
        return evoked_hz

    def _change(self, light: LightChanged) -> None:
        if not 0 <= light.host_time_s <= LATEST_HOST_S:
            raise RemoteProtocolError(
                f"the screen's clock says {light.host_time_s:g} s: the display is at fault"
            )
        if light.what in ("patch_lit", "patch_dark"):
            self._edge(light.host_time_s)
        elif light.what == "fixation_on":
            self._gaze.begin_trial()
        elif light.what == "image_on":
            if light.image_sha256 is None:
                raise RemoteProtocolError("the display shows an image without a hash: its fault")
            if light.size_deg <= 0:
                raise RemoteProtocolError("the display shows an image without a size: its fault")
            place = Placement(light.x_deg, light.y_deg, light.size_deg)
            self._onset(light.host_time_s, light.image_sha256, place)

    def _onset(self, host_s: float, sha256: str, place: Placement) -> None:
        self._n_onsets += 1
        self._places.add(place)
        place = self._gaze.on_retina(place, self._n_onsets)
        evoked_hz = self.evoked_hz(sha256, place)
        gain = self._gain.at(host_s, rng_at(self._seed, Purpose.GAIN, self._n_onsets))
        answers = self._answers.spikes_s(self._n_onsets, host_s, sha256, evoked_hz, gain)
        for unit, spikes_s in answers:
            missed = self._missed(Purpose.MISSED_EVOKED, self._n_onsets, unit.unit_id)
            spikes_s = host_s + spikes_s
            heard = self.losses.heard(unit.unit_id, spikes_s, missed)
            self._spikes.put(self.clock.samples(spikes_s[heard]), unit.unit_id)

    def _missed(self, purpose: Purpose, number: int, unit_id: int) -> np.random.Generator | None:
        """Return what draws the spikes that are missed; None where none is."""
        if not self.losses.settings.missed_spikes:
            return None
        return rng_at(self._seed, purpose, number, unit_id)

    def _edge(self, host_s: float) -> None:
        """See, by the photodiode, that the patch changes."""
        if self.clock.sample(host_s) < self._through_sample:
            self.late += 1
            logger.warning("the patch was seen too late for its sync edge (%d so far)", self.late)
        self._sync.put(self.clock.samples([host_s]), 0)

    def _fire_spontaneously(self, second: int) -> None:
        for unit in self.units:
            rng = rng_at(self._seed, Purpose.SPONTANEOUS, second, unit.unit_id)
            spikes_rig_s = second + spontaneous_spikes_s(unit.spontaneous_hz, 1.0, rng)
            samples = np.floor(spikes_rig_s * self.clock.sample_rate_hz).astype(np.int64)
            missed = self._missed(Purpose.MISSED_SPONTANEOUS, second, unit.unit_id)
            spikes_s = self.clock.truth.to_host(spikes_rig_s)
            self._spikes.put(
                samples[self.losses.heard(unit.unit_id, spikes_s, missed)], unit.unit_id
            )

    def _second_of(self, sample: int) -> int:
        return math.floor(sample / self.clock.sample_rate_hz)

    def _forget(self, sha256s: frozenset[str]) -> None:
        for sha256 in sha256s:
            self._pixels.pop(sha256, None)
        self._evoked_hz = {key: v for key, v in self._evoked_hz.items() if key[0] not in sha256s}
