"""Every message between the daemon and the processes at the rig, as frozen validated values.

Commands are imperative, reports are past tense. Arrays are declared with their type and number of
dimensions; the codec carries them as raw frames. Times are in seconds: `_host_s` on the monotonic
clock of the sender's machine (in a virtual session, the display's virtual clock), `_rig_s` on the
acquisition clock. What may be said when is in `conversation`; nothing here does I/O.
"""

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from rig_adapters.wire.animal import (
    AlwaysSettings,
    BehaviourSettings,
    NoRewardSettings,
    RewardSettings,
)

PROTOCOL_VERSION = 3
"""Raised whenever a message changes; both sides refuse another version."""


class ArrayType:
    """Marks a field as an array of one type and number of dimensions; checked on construction."""

    def __init__(self, dtype: str, ndim: int) -> None:
        self.dtype = np.dtype(dtype)
        self.ndim = ndim

    def check(self, value: Any) -> npt.NDArray[Any]:
        """Return `value` as a read-only contiguous array, or raise ValueError."""
        array = np.asarray(value)
        if array.dtype != self.dtype or array.ndim != self.ndim:
            raise ValueError(
                f"expected {self.ndim}-d {self.dtype.name}, got {array.ndim}-d {array.dtype.name}"
            )
        array = np.ascontiguousarray(array).view()
        array.flags.writeable = False
        return array


def array_of(dtype: str, ndim: int) -> tuple[ArrayType, BeforeValidator]:
    """Return what declares a field to be such an array."""
    kind = ArrayType(dtype, ndim)
    return kind, BeforeValidator(kind.check)


_images, _images_check = array_of("uint8", 4)
_ids, _ids_check = array_of("int64", 1)
_small_ids, _small_ids_check = array_of("int32", 1)
_times, _times_check = array_of("float64", 1)

Images = Annotated[npt.NDArray[np.uint8], _images, _images_check]
Ids = Annotated[npt.NDArray[np.int64], _ids, _ids_check]
UnitIds = Annotated[npt.NDArray[np.int32], _small_ids, _small_ids_check]
Times = Annotated[npt.NDArray[np.float64], _times, _times_check]

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Sentence = Annotated[str, Field(max_length=4000)]


class Value(BaseModel):
    """A frozen part of a message; unknown fields are refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, allow_inf_nan=False
    )


class Message(Value):
    """Base of all messages; the class name is the name on the wire."""

    wire_name: ClassVar[str]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.wire_name = cls.__name__


# Spoken by both sides, with every peer.


class Ping(Message):
    """The daemon asks for a sign of life."""

    token: int


class Pong(Message):
    """The sign of life; `host_time_s` is the answering side's clock at that moment."""

    token: int
    host_time_s: float


class Shutdown(Message):
    """The session is over: the process ends, or, if it was told to stay, waits for the next one."""


class ShutDown(Message):
    """The process is about to do so, and says no more in this conversation."""


class Faulted(Message):
    """The process cannot go on: what happened, and what the operator can do."""

    what: Sentence
    advice: Sentence = ""


# The stimulus process.


class ScreenGeometry(Value):
    """The monitor as measured: pixels, width of the visible area, distance from the eyes."""

    size_px: tuple[int, int]
    width_cm: float = Field(gt=0)
    distance_cm: float = Field(gt=0)
    refresh_hz: float = Field(gt=0, le=1000)


class FixationSpot(Value):
    """The spot that the animal looks at; drawn whenever a trial runs."""

    diameter_deg: float = Field(gt=0)
    position_deg: tuple[float, float] = (0.0, 0.0)


class PhotodiodePatch(Value):
    """A square in a corner that is black or white and changes at every image onset."""

    size_px: int = Field(ge=1)
    corner: Literal["top_left", "top_right", "bottom_left", "bottom_right"]


class SerialTtl(Value):
    """A control line of a serial port that rises with every image onset."""

    kind: Literal["serial"]
    device: str = Field(min_length=1)
    line: Literal["rts", "dtr"]


class ParallelTtl(Value):
    """A data pin of a parallel port that rises with every image onset."""

    kind: Literal["parallel"]
    device: str = Field(min_length=1)
    pin: int = Field(ge=2, le=9)


TtlLine = Annotated[SerialTtl | ParallelTtl, Field(discriminator="kind")]

MarkedBy = Literal["none", "photodiode", "ttl", "photodiode+ttl"]
"""What marks an image onset for the recording system."""


class Appearance(Value):
    """How the pixels of an image become those of the screen; defined in `stimulus.painting`."""

    interpolation: Literal["nearest", "linear"] = "linear"
    mask: Literal["none", "circle", "soft"] = "none"
    mask_edge: float = Field(default=0.0, ge=0, le=1)
    """Part of the way from the middle to the edge over which a soft mask fades; else 0."""
    gamma: float | None = Field(default=None, gt=0)
    """Of the monitor, made up for; None where values are levels, as they are."""


class ConfigureDisplay(Message):
    """Open the screen."""

    kind: Literal["psychopy", "virtual"]
    geometry: ScreenGeometry
    full_screen: bool
    background_grey: int = Field(ge=0, le=255)
    fixation: FixationSpot
    appearance: Appearance = Appearance()
    priority: Literal["normal", "high"] = "normal"
    cpus: tuple[int, ...] = ()
    """Processors to keep to; any, where it is empty."""
    photodiode: PhotodiodePatch | None = None
    ttl: TtlLine | None = None
    light_endpoint: str | None
    """Where a simulated rig watches the screen; None at a real rig."""
    mirror_endpoint: str | None = None
    """Where an operator may watch it too, whom the display never waits for."""
    clock_start_s: float = Field(default=0.0, ge=0)
    """Where a virtual clock begins; in a session that goes on, after all that was shown before."""
    behaviour: BehaviourSettings = AlwaysSettings(kind="always")
    """Who watches the animal's eyes."""
    reward: RewardSettings = NoRewardSettings(kind="none")
    """What the animal gets for a trial."""
    seed: int = Field(default=0, ge=0)
    """For a simulated animal; a real one ignores it."""


class DisplayConfigured(Message):
    """The screen is open; what it turned out to be."""

    label: Sentence
    """What an operator must know about its timing, e.g. "virtual screen: no timing"."""
    waits_for_vertical_blank: bool
    measured_refresh_hz: float | None
    pixels_exact: bool | None
    """Whether test images came back from the framebuffer as they should; None without one."""
    readback_sha256: Sha256 | None = None
    """Of all that was read back, `(k, h, w, 3)`; None without a framebuffer."""
    priority: Sentence = "normal"
    """What the operating system granted."""
    cpus: Sentence = "any"
    """On which processors it lets the frame loop run."""
    flip_interval_sd_s: float | None = None
    """How much free flips differ in their intervals; None where they do not wait."""
    gamma_is_linear: bool | None = None
    """Whether the graphics card's gamma table leaves levels as they are; None if unknown."""
    monitor: Sentence = ""
    """The monitor as it calls itself; empty where it does not."""
    monitor_width_cm: float | None = None
    """The width that the monitor says it has."""
    suspicions: tuple[Sentence, ...] = ()
    """What on this desktop may delay, scale or cover the window."""
    versions: dict[str, str]


class Place(Value):
    """Where an image is shown: its middle, right and up of the screen's, and its width."""

    x_deg: float
    y_deg: float
    size_deg: float = Field(gt=0)


class LoadImages(Message):
    """Upload images `(n, h, w, 3)`; each is checked against its SHA-256."""

    image_ids: Ids
    sha256s: tuple[Sha256, ...]
    images: Images
    keep: bool = False
    """Keep them for the whole session (reference images) instead of for one block."""
    places: tuple[Place, ...] = ()
    """Where each of them will be shown, so that it can be made ready; others take time later."""


class ImagesLoaded(Message):
    """The images are on the graphics card and their hashes were right."""

    image_ids: Ids


class PlannedPresentation(Value):
    """One onset-offset of one image, in whole frames."""

    presentation_id: int
    image_id: int
    x_deg: float
    y_deg: float
    size_deg: float = Field(gt=0)
    on_frames: int = Field(ge=1)
    off_frames: int = Field(ge=0)


class PlannedTrial(Value):
    """Spot on until it is looked at, a lead-in, the presentations, spot off, the pause after it."""

    trial_id: int
    presentations: tuple[PlannedPresentation, ...]
    fixation_frames: int = Field(ge=1)
    """From the first flip after fixation was acquired, included, to the first image."""
    inter_trial_frames: int = Field(ge=1)


class PresentBlock(Message):
    """Show these trials now; `part` counts the re-shows within a block, from 0."""

    block: int
    part: int
    trials: tuple[PlannedTrial, ...]
    tail_frames: int = Field(ge=0)
    """How many frames there are at least from the last onset to the end of the part, so that the
    response can be recorded also where the animal looked away; one blank frame in any case."""


class Presented(Message):
    """One presentation is over; what really happened to it."""

    presentation_id: int
    trial_id: int
    image_id: int
    image_sha256: Sha256
    flip_on_host_s: float
    flip_off_host_s: float
    frames_shown: int
    dropped_frames: int
    marked_by: MarkedBy = "none"


class TrialEnded(Message):
    """The fixation spot went off; what the animal did while it was on, and what it got for it.

    A trial whose spot nobody looked at begins again under its id, so an id may come several times;
    once with `acquired_host_s`, unless the block is aborted.
    """

    trial_id: int
    spot_on_host_s: float
    acquired_host_s: float | None
    """None: nobody looked, and nothing was shown."""
    broken_host_s: float | None
    """When the animal looked away; the next flip was blank, and the rest is not shown."""
    spot_off_host_s: float
    completed: bool
    """Fixation was held to the end, and everything of the trial was shown."""
    reward_pulses: int
    reward_pulse_s: float
    """For how long they open the valve, together."""
    reward_ml: float


class BlockPresented(Message):
    """All trials of the part are over, and its tail of blank frames too."""

    block: int
    part: int
    host_time_s: float
    busy_s: float
    """Wall-clock seconds of work (not of waiting for the screen) since the last report."""


class AbortBlock(Message):
    """Stop showing at the next frame and go blank."""


class BlockAborted(Message):
    """The screen is blank; `presented` presentations of the part had been completed."""

    presented: int


class RenewLight(Message):
    """A simulated rig was started anew: shine for it, and no more for the one before."""


class LightRenewed(Message):
    """The light is there for another watcher; what it may see has to be loaded again."""


# The rig adapter process.


class UnitDescription(Value):
    """One unit that the acquisition system delivers spikes of."""

    unit_id: int
    channel_id: int
    label: str


class ConfigureRig(Message):
    """Connect to the acquisition system. `settings` is the adapter's own table of the config."""

    settings: dict[str, Any]
    seed: int
    """For simulated randomness; a real rig ignores it."""
    time: Literal["real", "virtual"]
    light_endpoint: str | None
    clock_start_s: float = Field(default=0.0, ge=0)
    """Where a virtual clock begins: at that of the display."""


class RigConfigured(Message):
    """What the rig is and can do."""

    adapter: str
    simulated: bool
    sample_rate_hz: float
    units: tuple[UnitDescription, ...]
    capabilities: frozenset[Literal["sync", "fixation"]]
    """`sync`: onsets are seen on the acquisition clock. `fixation`: broken fixations are told."""
    versions: dict[str, str]


class StartRecording(Message):
    """Begin to send what is recorded."""


class RecordingStarted(Message):
    """Recording began at this moment, read on both clocks."""

    host_time_s: float
    rig_time_s: float


class SpikesRecorded(Message):
    """Everything that the rig recorded in `[from_rig_s, through_rig_s)`.

    Batches follow one another without gap: `sequence` rises by one, and each `from_rig_s` is the
    last `through_rig_s`. A batch that does not follow is a gap, and no window across it is
    complete.
    """

    sequence: int
    from_rig_s: float
    through_rig_s: float
    spike_rig_s: Times
    """(k,) sorted."""
    spike_unit_ids: UnitIds
    """(k,)"""
    sync_rig_s: Times
    """(m,) image onsets as the acquisition system saw them (photodiode or TTL), sorted."""
    fixation_broken_rig_s: Times
    """(b,) moments at which the animal looked away during a trial, sorted."""
    clock_host_s: float
    clock_rig_s: float
    """The same moment read on both clocks."""
    clock_uncertainty_s: float
    """In 95 of 100 cases the two readings are of moments that are no farther apart."""
    busy_s: float
    """Wall-clock seconds of computing in the adapter since the last batch."""


class StopRecording(Message):
    """Send no more."""


class RecordingStopped(Message):
    """No more will be sent; the last sequence number that was."""

    last_sequence: int
