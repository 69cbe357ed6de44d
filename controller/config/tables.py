"""The tables of a session's TOML file, as frozen validated values.

Unknown keys are refused. What only the scientist can decide (response window, baseline window,
driver units, geometry) has no default. What follows from more than one table is checked in
`controller.config.checks`; reading files and wording problems are in `controller.config.load`; the
optimizers' tables are in `controller.config.optimizers`, those of animal, lab and electrodes in
`controller.config.sharing`.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

from pydantic import Field, model_validator

from controller.config.base import Table
from controller.config.optimizers import OptimizerTable
from controller.config.sharing import ElectrodesTable, LabTable, SubjectTable
from generators.registry import settings_classes
from generators.settings import GeneratorSettings
from rig_adapters.wire.animal import BehaviourSettings, NoRewardSettings, RewardSettings

Window = tuple[float, float]
PositiveInt = Annotated[int, Field(ge=1)]
Gamma = Annotated[float, Field(ge=0.2, le=5)]
Degrees = Annotated[float, Field(ge=-90, le=90)]


class SessionTable(Table):
    """What the session is called, where it is kept, and in which time it runs."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$",
        description="first part of the session id; letters, digits, - and _",
    )
    folder: Path = Field(
        default=Path("runs"), description="folder in which each session gets a folder of its own"
    )
    seed: int = Field(ge=0, lt=2**63, description="from which all random numbers are derived")
    time: Literal["real", "virtual"] = Field(
        description="real, or virtual: simulated, without waiting for the screen"
    )
    processes: Literal["automatic", "separate"] = Field(
        default="automatic",
        description="automatic: the display and the simulated rig of a session in virtual time are "
        "threads of its one process, which is faster, and processes of their own in all others; "
        "separate: always processes",
    )
    control: Literal["none", "shuffled"] = Field(
        default="none",
        description="shuffled: the optimizer is told the right scores for the wrong images",
    )
    store_images: bool = Field(
        default=True, description="keep the pixels of every image in the log, not only their hash"
    )


class PhotodiodeTable(Table):
    """A square in a corner that changes between black and white at every image onset."""

    size_px: PositiveInt = Field(description="side of the square; the photodiode has to fit on it")
    corner: Literal["top_left", "top_right", "bottom_left", "bottom_right"] = Field(
        description="of the screen"
    )


class SerialTtlTable(Table):
    """A control line of a serial port that rises at every image onset."""

    kind: Literal["serial"] = Field(description="serial: RTS or DTR of a serial port")
    device: str = Field(min_length=1, description='the port, e.g. "/dev/ttyUSB0"')
    line: Literal["rts", "dtr"] = Field(description="the line that your recorder is wired to")


class ParallelTtlTable(Table):
    """A data pin of a parallel port that rises at every image onset."""

    kind: Literal["parallel"] = Field(description="parallel: a data pin of a parallel port")
    device: str = Field(min_length=1, description='the port, e.g. "/dev/parport0"')
    pin: int = Field(
        ge=2, le=9, description="the pin that your recorder is wired to; the others stay low"
    )


TtlTable = Annotated[SerialTtlTable | ParallelTtlTable, Field(discriminator="kind")]


class DisplayTable(Table):
    """The monitor as measured, and the timing of what is shown on it, in whole frames."""

    kind: Literal["psychopy", "virtual", "folder"] = Field(
        description="psychopy: a window; virtual: no screen, for virtual time; folder: another "
        "program shows what it finds in a folder, and this table says how, for the log"
    )
    monitor: str = Field(
        default="",
        pattern=r"^[^/\\\\]*$",
        description="name of a calibrated monitor of PsychoPy's Monitor Center, from which the "
        "next three are taken where they are left out",
    )
    screen_size_px: tuple[PositiveInt, PositiveInt] = Field(description="width and height, pixels")
    screen_width_cm: float = Field(gt=0, description="width of the visible area")
    viewing_distance_cm: float = Field(gt=0, description="from the eyes to the screen")
    refresh_hz: float = Field(gt=1, le=1000, description="nominal refresh rate")
    full_screen: bool = Field(default=False, description="cover the whole screen")
    background_grey: int = Field(default=128, ge=0, le=255, description="0 black … 255 white")
    interpolation: Literal["nearest", "linear"] = Field(
        default="linear", description="how pixels of an image become pixels of the screen"
    )
    mask: Literal["none", "circle", "soft"] = Field(
        default="none", description="round window for images; soft: its edge is a raised cosine"
    )
    mask_edge: float = Field(
        default=0.0, ge=0, le=1, description="part of the radius over which a soft mask fades"
    )
    gamma: Literal["as_is"] | Gamma = Field(
        default="as_is",
        description="as_is: values of pixels are levels of the screen; or the monitor's gamma, so "
        "that light is in proportion to values",
    )
    priority: Literal["normal", "high"] = Field(
        default="normal", description="of the frame loop; high: as far as the system permits"
    )
    cpus: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        default=(), description="processors that the frame loop keeps to; empty: any"
    )
    fixation_diameter_deg: float = Field(default=0.2, gt=0, description="of the fixation spot")
    on_frames: int = Field(ge=1, description="frames for which an image is shown")
    off_frames: int = Field(ge=0, description="blank frames after an image")
    presentations_per_trial: int = Field(
        ge=1, description="images shown in one trial, within one fixation; 1 to 7 are usual"
    )
    fixation_frames: int = Field(
        ge=1, description="frames from the fixation being acquired to the first image"
    )
    inter_trial_frames: int = Field(ge=1, description="blank frames between two trials")
    max_dropped_frames: int = Field(
        default=0,
        ge=0,
        description="a presentation with more dropped frames than this is late and not scored",
    )
    photodiode: PhotodiodeTable | None = Field(
        default=None, description="a patch for a photodiode; without it there is none"
    )
    ttl: TtlTable | None = Field(
        default=None, description="a TTL line to the recorder; without it there is none"
    )

    @model_validator(mode="after")
    def _only_soft_masks_have_an_edge(self) -> "DisplayTable":
        if (self.mask == "soft") != (self.mask_edge > 0):
            raise ValueError(
                '@mask_edge@ is the part of the radius over which @mask@ = "soft" fades: give it '
                "with that mask, and with no other"
            )
        return self


class RigTable(Table):
    """The recording system, and how long to wait for it."""

    adapter: str = Field(description="which rig adapter; sim: simulated neurons")
    endpoint: str = Field(
        default="local",
        description='local: started here for the session; or "tcp://HOST:PORT", where an adapter '
        "runs already",
    )
    keys: Path | None = Field(
        default=None,
        description="folder of keys (neuroloop keys new) for the adapter at that endpoint; needed "
        "unless it is on this machine",
    )
    response_deadline_s: float = Field(
        default=5.0,
        gt=0,
        description="how long to wait for the spikes of a block before they count as not heard",
    )
    heartbeat_s: float = Field(
        default=1.0, gt=0.05, le=30, description="a process silent for 3 of these is lost"
    )
    light: str | None = Field(
        default=None,
        description="for rehearsals: where an emulator of the recording system watches the screen "
        '(neuroloop rig emulate --light), for example "tcp://127.0.0.1:5600"',
    )
    settings: dict[str, Any] = Field(default_factory=dict, description="the adapter's own settings")


class SupervisionTable(Table):
    """What happens when the stimulus process or the rig adapter is lost within a session.

    It is started anew, and the session goes on by itself. Beyond `max_restarts` within
    `restart_window_min` the session stays paused until the operator has looked.
    """

    max_restarts: int = Field(
        default=3, ge=0, le=100, description="restarts without being asked; 0: stay paused"
    )
    restart_window_min: float = Field(
        default=10.0, gt=0, description="minutes after which a restart no longer counts"
    )


# Its members are known when the program runs: the type checker sees what they have in common.
if TYPE_CHECKING:
    GeneratorTable = GeneratorSettings
else:
    GeneratorTable = Annotated[Union[settings_classes()], Field(discriminator="kind")]  # noqa: UP007


class ThreadTable(Table):
    """One evolution thread."""

    name: str = Field(default="", max_length=64, description="shown in figures; default: optimizer")
    generator: str = Field(description="name of one of the [generators.…] tables")
    optimizer: OptimizerTable = Field(description="how codes are chosen")
    driver_units: tuple[int, ...] | None = Field(
        default=None,
        min_length=1,
        description="ids of the units whose mean response is optimized; or driver_channels",
    )
    driver_channels: tuple[int, ...] | None = Field(
        default=None,
        min_length=1,
        description="channels of which all units drive the evolution, sorted or not",
    )
    direction: Literal["maximise", "minimise"] = Field(
        default="maximise", description="look for the strongest or the weakest response"
    )
    position_deg: tuple[Degrees, Degrees] = Field(description="centre of the image: x right, y up")
    size_deg: float = Field(gt=0, le=90, description="width and height of the image")

    @model_validator(mode="after")
    def _something_drives_it(self) -> "ThreadTable":
        if (self.driver_units is None) == (self.driver_channels is None):
            raise ValueError(
                "@driver_units@ or @driver_channels@ must say whose response is optimized, one of "
                "the two"
            )
        for ids in (self.driver_units or (), self.driver_channels or ()):
            if len(set(ids)) < len(ids):
                raise ValueError("@driver_units@ or @driver_channels@ names one of them twice")
        return self

    @property
    def drivers(self) -> str:
        """Whose response is optimized, in words."""
        if self.driver_units is not None:
            word = "unit" if len(self.driver_units) == 1 else "units"
            return f"{word} {'+'.join(map(str, self.driver_units))}"
        channels = self.driver_channels or ()
        word = "channel" if len(channels) == 1 else "channels"
        return f"all of {word} {'+'.join(map(str, channels))}"


class ReferencesTable(Table):
    """Fixed images for comparison, interleaved in every block."""

    folder: str = Field(
        description='a folder of pictures, or "embedded" for the ones that come with neuroloop'
    )
    count: int = Field(ge=0, le=1000, description="how many of them to use")
    image_size_px: int = Field(default=128, ge=16, le=1024, description="they are scaled to this")


class ScoringTable(Table):
    """From spikes to one score for each image."""

    response_window_s: Window | Literal["as_reported"] = Field(
        description="scored window after onset, e.g. [0.05, 0.2]; as_reported: the rig counts by "
        "itself and reports a response for each image"
    )
    baseline_window_s: Window | Literal["none"] = Field(
        description='subtracted window, e.g. [0.0, 0.04], or "none"'
    )
    baseline: Literal["presentation", "block"] = Field(
        default="block",
        description="subtract each image's own baseline, or the mean of the whole block",
    )
    repeats: int = Field(default=1, ge=1, le=100, description="presentations of each image")
    without_response: Literal["show_again", "close_incomplete"] = Field(
        description="what becomes of an image without a valid response: show_again, up to "
        "max_attempts tries in its block; close_incomplete, the block ends without its score"
    )
    max_attempts: int | None = Field(
        default=None,
        ge=1,
        le=100,
        description="with show_again: how often an image is tried in a block, the first time "
        "included, before it stays without a score",
    )
    broken_trial: Literal["keep_completed", "fail_all"] = Field(
        description="when the animal looks away: keep_completed, images whose windows were over by "
        "then keep their response; fail_all, all images of the trial are shown again"
    )
    interrupted_block: Literal["show_missing", "show_whole"] = Field(
        default="show_missing",
        description="when a session goes on in the middle of a block: show_missing, only what has "
        "no valid response yet; show_whole, all of it anew, and nothing from before is scored",
    )

    @property
    def attempts(self) -> int:
        """How often an image is tried in one block, the first time included."""
        return self.max_attempts or 1

    @model_validator(mode="after")
    def _windows_have_a_width(self) -> "ScoringTable":
        for key in ("response_window_s", "baseline_window_s"):
            window = getattr(self, key)
            if not isinstance(window, str) and not -1.0 <= window[0] < window[1] <= 10.0:
                raise ValueError(
                    f"@{key}@ must be [start, end] with start before end, in seconds from image "
                    f"onset, but it is {list(window)}"
                )
        return self

    @model_validator(mode="after")
    def _attempts_follow_the_policy(self) -> "ScoringTable":
        again, attempts = self.without_response == "show_again", self.max_attempts
        if again and (attempts is None or attempts < 2):
            told = "is missing" if attempts is None else "is 1"
            raise ValueError(
                f'@max_attempts@ {told}, but with @without_response@ = "show_again" it must be 2 '
                'or more: give it, or choose "close_incomplete"'
            )
        if not again and attempts not in (None, 1):
            raise ValueError(
                f'@max_attempts@ is {attempts}, but @without_response@ = "close_incomplete" shows '
                "nothing again: leave it out or make it 1"
            )
        return self


class StoppingTable(Table):
    """When the session is complete; the first rule that applies ends it."""

    max_generations: int | None = Field(
        default=None, ge=1, description="generations of each thread"
    )
    max_minutes: float | None = Field(default=None, gt=0, description="length of the session")

    @model_validator(mode="after")
    def _has_a_rule(self) -> "StoppingTable":
        if self.max_generations is None and self.max_minutes is None:
            raise ValueError(
                "@max_generations@ or max_minutes must say when the session is complete"
            )
        return self


class SessionConfig(Table):
    """A whole session, as its TOML file says it."""

    session: SessionTable
    subject: SubjectTable
    display: DisplayTable
    rig: RigTable
    behaviour: BehaviourSettings = Field(
        description="who watches the animal's eyes: always (nobody), simulated, eye_tracker"
    )
    reward: RewardSettings = NoRewardSettings(kind="none")
    generators: dict[str, GeneratorTable] = Field(min_length=1)
    threads: tuple[ThreadTable, ...] = Field(min_length=1, max_length=16)
    references: ReferencesTable
    scoring: ScoringTable
    stopping: StoppingTable
    supervision: SupervisionTable = SupervisionTable()
    lab: LabTable = LabTable()
    electrodes: ElectrodesTable = ElectrodesTable()
