"""How well this machine's screen keeps time, and what a frame costs beside raw PsychoPy.

Opens the window of a session and shows blocks in it as the stimulus process does: jitter of flips,
dropped frames, the gap between two blocks. Then, in turns and in the same window, what is done for
the same images within the frame loop, until the graphics card has finished: by neuroloop, whose
blocks run without waiting for a refresh, garbage collection off as in a session, its reports on
their way through a real socket; and by PsychoPy as its users write it (one `ImageStim`, `setImage`
for each image, with a decoded picture or with a file). By the clock, and of the CPU, which other
programs change less. A virtual screen is drawn by the CPU, its flips too.

    .venv/bin/python benchmarks/stimulus.py [--images 2000] [--image-px 256] [--full-screen]
"""

import argparse
import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import PIL.Image
import zmq

from rig_adapters.listener import Listener
from rig_adapters.stimulus.base import PlacedImage, Scene
from rig_adapters.stimulus.behaviour.always import AlwaysFixating
from rig_adapters.stimulus.block import Stage, show_block
from rig_adapters.stimulus.geometry import placement
from rig_adapters.stimulus.images import LoadedImages
from rig_adapters.stimulus.marks import OnsetMarks
from rig_adapters.stimulus.psychopy_display import PsychoPyDisplay
from rig_adapters.stimulus.reward.simulated import NoReward
from rig_adapters.stimulus.shine import Shine
from rig_adapters.testing.rehearsed_daemon import load
from rig_adapters.wire import messages as m
from rig_adapters.wire.codec import Codec
from rig_adapters.wire.conversation import STIMULUS

Figures = npt.NDArray[np.float64]
Item = TypeVar("Item")

SIZE_DEG = 4.0
ON_FRAMES, OFF_FRAMES = 6, 3
PER_TRIAL, PER_BLOCK = 5, 50
WAYS = ("neuroloop", "setImage(picture)", "setImage(file)")
BLOCKS = 3
SILENCE_LIMIT_S = 600.0


class Daemon:
    """The other end of a real socket: gives commands at once, and takes reports after a block."""

    def __init__(self, folder: str) -> None:
        self.wire = Listener(f"ipc://{folder}/display", STIMULUS, SILENCE_LIMIT_S)
        self._codec = Codec(STIMULUS.vocabulary)
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.connect(self.wire.endpoint)

    def say(self, command: m.Message) -> None:
        """Have the stimulus process's end receive `command`."""
        self._socket.send_multipart(self._codec.encode(command))
        while self.wire.receive(1.0) is None:
            continue

    def heard(self) -> list[m.Presented]:
        """Return what was reported of presentations since the last time."""
        reports = []
        while self._socket.poll(100):
            message = self._codec.decode(self._socket.recv_multipart())
            reports += [message] if isinstance(message, m.Presented) else []
        return reports

    def close(self) -> None:
        """Close both ends."""
        self._socket.close()
        self._context.term()
        self.wire.close()


@dataclass(frozen=True)
class Frame:
    """What one frame took, each `(2,)`: by the clock, and of the CPU, in ms."""

    image: PlacedImage | None
    loop_ms: Figures
    """All between the flip before and the drawing."""
    draw_ms: Figures
    flip_ms: Figures


class TimedDisplay(PsychoPyDisplay):
    """Keeps the time of each flip, or, where it is `hurried`, of all that a frame takes."""

    def __init__(self) -> None:
        super().__init__()
        self.flips_s: list[float] = []
        self.hurried = False
        self.frames: list[Frame] = []
        self._flipped_ms: Figures | None = None

    def show(self, scene: Scene, frames: int) -> Sequence[float]:
        """Show a frame and note its flip; where hurried, without waiting for a refresh."""
        if not self.hurried:
            flips_s = super().show(scene, frames)
            self.flips_s.extend(flips_s)
            return flips_s
        called_ms = now_ms()
        self._draw(scene)
        drawn_ms = finished_ms()
        self._flip()
        flipped_ms = finished_ms()
        if self._flipped_ms is not None:
            steps_ms = np.diff([self._flipped_ms, called_ms, drawn_ms, flipped_ms], axis=0)
            self.frames.append(Frame(scene.image, *steps_ms))
        self._flipped_ms = flipped_ms
        self._check_seen(scene)
        return (self._flipped_s,)

    def presentations(self) -> Iterator[list[Frame]]:
        """Yield the frames of each presentation since the last time, on and off."""
        frames, self.frames, self._flipped_ms = self.frames, [], None
        for index in range(1, len(frames)):
            image = frames[index].image
            if image is not None and image != frames[index - 1].image:
                yield frames[index : index + ON_FRAMES + OFF_FRAMES]

    @property
    def window(self) -> Any:
        """The window, for PsychoPy to draw in too."""
        return self._window

    def width_px(self) -> int:
        """Return how many pixels an image takes."""
        return placement(self._geometry, 0.0, 0.0, SIZE_DEG).size_px[0]


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=2000, help="images for each figure")
    parser.add_argument("--image-px", type=int, default=256, help="height and width of an image")
    parser.add_argument("--screen-px", type=int, nargs=2, default=(1280, 720))
    parser.add_argument("--refresh-hz", type=float, default=60.0)
    parser.add_argument("--full-screen", action="store_true")
    chosen = parser.parse_args()
    configure = m.ConfigureDisplay(
        kind="psychopy",
        geometry=m.ScreenGeometry(
            size_px=tuple(chosen.screen_px),
            width_cm=chosen.screen_px[0] / 40,
            distance_cm=57.0,
            refresh_hz=chosen.refresh_hz,
        ),
        full_screen=chosen.full_screen,
        background_grey=128,
        fixation=m.FixationSpot(diameter_deg=0.2),
        light_endpoint=None,
    )
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        display = TimedDisplay()
        stack.callback(display.close)
        facts = display.open(configure)
        print(f"{facts.label} ({facts.versions['graphics']})")
        timing = "" if facts.waits_for_vertical_blank else "  [no timing]"
        print(f"vertical blank blocks: {'yes' if facts.waits_for_vertical_blank else 'no'}{timing}")
        daemon = Daemon(folder)
        stack.callback(daemon.close)
        daemon.say(configure)
        daemon.wire.send(facts)
        shine = Shine(None)
        images = LoadedImages(display, shine)
        marks, animal = OnsetMarks(None, None), AlwaysFixating()
        stage = Stage(
            daemon.wire, display, shine, images, configure.geometry, marks, animal, NoReward()
        )
        report_blocks(stage, daemon, display, chosen.image_px, timing)
        report_work(stage, daemon, display, Path(folder), chosen, timing)


def report_blocks(
    stage: Stage, daemon: Daemon, display: TimedDisplay, image_px: int, timing: str
) -> None:
    """Print jitter, dropped frames and gaps of some blocks."""
    intervals_s: list[float] = []
    gaps_s: list[float] = []
    presented: list[m.Presented] = []
    for number in range(BLOCKS):
        command = load_of(number, image_px)
        began_s = time.monotonic()
        stage.images.load(command)
        display.flips_s.clear()
        presented += shown(stage, daemon, number)
        gaps_s.append(display.flips_s[0] - began_s)
        intervals_s += [after - before for before, after in pairwise(display.flips_s)]
    period_s = 1 / stage.geometry.refresh_hz
    errors_ms = 1e3 * np.abs(np.array(intervals_s) - period_s)
    dropped = sum(report.dropped_frames for report in presented)
    late = sum(report.dropped_frames > 0 for report in presented)
    print(
        f"flip intervals of {len(intervals_s)} frames: standard deviation "
        f"{1e3 * np.std(intervals_s):.3f} ms, off by {np.median(errors_ms):.3f} ms (median), "
        f"{np.percentile(errors_ms, 99):.3f} ms (p99){timing}"
    )
    print(f"dropped frames: {dropped}, in {late} of {len(presented)} presentations{timing}")
    print(
        f"gap between blocks, to paint and upload {PER_BLOCK} images and flip: "
        f"{1e3 * np.median(gaps_s):.0f} ms (median), {1e3 * max(gaps_s):.0f} ms (longest){timing}"
    )


def load_of(number: int, image_px: int) -> m.LoadImages:
    """Return the command to load the images of a block."""
    command = load(range(PER_BLOCK), np.random.default_rng(number), side_px=image_px)
    place = m.Place(x_deg=0, y_deg=0, size_deg=SIZE_DEG)
    return command.model_copy(update={"places": (place,)})


def shown(stage: Stage, daemon: Daemon, number: int) -> list[m.Presented]:
    """Show the images that are loaded as a block; return what was reported."""
    block = block_of(number)
    daemon.say(block)
    stage.images.block_begins()
    outcome = show_block(stage, block)
    over = m.BlockPresented(block=number, part=0, host_time_s=outcome.end_s, busy_s=0.0)
    daemon.wire.send(over)
    return daemon.heard()


def block_of(number: int) -> m.PresentBlock:
    """Return a block that shows each image once."""
    trials = tuple(
        m.PlannedTrial(
            trial_id=trial_id,
            presentations=tuple(
                m.PlannedPresentation(
                    presentation_id=image_id,
                    image_id=image_id,
                    x_deg=0,
                    y_deg=0,
                    size_deg=SIZE_DEG,
                    on_frames=ON_FRAMES,
                    off_frames=OFF_FRAMES,
                )
                for image_id in range(trial_id * PER_TRIAL, (trial_id + 1) * PER_TRIAL)
            ),
            fixation_frames=6,
            inter_trial_frames=3,
        )
        for trial_id in range(PER_BLOCK // PER_TRIAL)
    )
    return m.PresentBlock(block=number, part=0, trials=trials, tail_frames=6)


def report_work(
    stage: Stage,
    daemon: Daemon,
    display: TimedDisplay,
    folder: Path,
    chosen: argparse.Namespace,
    timing: str,
) -> None:
    """Print what the frame of an onset, and a whole presentation, cost each way."""
    raw = RawPsychoPy(display.window, display.width_px())
    work: dict[str, list[list[Frame]]] = {way: [] for way in WAYS}
    files = [folder / f"{index}.png" for index in range(PER_BLOCK)]
    display.hurried = True
    # The first time counts for nobody.
    for number in range(1 + -(-chosen.images // PER_BLOCK)):
        if number == 1:
            work = {way: [] for way in WAYS}
        command = load_of(number, chosen.image_px)
        pictures = [PIL.Image.fromarray(image) for image in command.images]
        for picture, file in zip(pictures, files, strict=True):
            picture.save(file, compress_level=1)
        stage.images.load(command)
        shown(stage, daemon, number)
        work[WAYS[0]] += display.presentations()
        work[WAYS[1]] += [spent_on(raw.frames(picture), display.window) for picture in pictures]
        work[WAYS[2]] += [spent_on(raw.frames(str(file)), display.window) for file in files]
    flips = np.array([frame.flip_ms for one in work.values() for each in one for frame in each])
    print(f"a flip, whoever makes it: {told(flips[:, 0])}, CPU {told(flips[:, 1])}{timing}")
    onsets = {way: [frames[0] for frames in work[way]] for way in WAYS}
    compare("upload and drawing at an onset", onsets, lambda one: one.draw_ms, timing)
    compare(
        "all between the flip before an onset and its own",
        onsets,
        lambda one: one.loop_ms + one.draw_ms,
        timing,
    )
    compare(
        "the same, and the flip",
        onsets,
        lambda one: one.loop_ms + one.draw_ms + one.flip_ms,
        timing,
    )
    compare(
        f"all {ON_FRAMES + OFF_FRAMES} frames of a presentation, without flips",
        work,
        lambda frames: np.sum([one.loop_ms + one.draw_ms for one in frames], axis=0),
        timing,
    )


def spent_on(frames: Sequence[Callable[[], object]], window: Any) -> list[Frame]:
    """Draw and flip each frame; return what it took."""
    spent = []
    before_ms = finished_ms()
    for draw in frames:
        draw()
        drawn_ms = finished_ms()
        window.flip()
        flipped_ms = finished_ms()
        nothing = np.zeros(2)
        spent.append(Frame(None, nothing, drawn_ms - before_ms, flipped_ms - drawn_ms))
        before_ms = flipped_ms
    return spent


def now_ms() -> Figures:
    """Return the clock and the CPU time of this process, its graphics driver included."""
    return 1e3 * np.array([time.perf_counter(), time.process_time()])


def finished_ms() -> Figures:
    """Return the same when the graphics card has finished; clearing belongs to the flip before."""
    from pyglet.gl import glFinish

    glFinish()
    return now_ms()


class RawPsychoPy:
    """A presentation as users of PsychoPy write it."""

    def __init__(self, window: Any, size_px: int) -> None:
        from psychopy import visual

        self._stimulus = visual.ImageStim(window, units="pix", size=(size_px, size_px))
        self._spot = visual.Circle(window, radius=4, units="pix", fillColor="white", edges=32)

    def frames(self, image: Any) -> list[Callable[[], object]]:
        """Return what is done before each flip."""
        first = [lambda: (self._stimulus.setImage(image), self._on())]
        return [*first, *[self._on] * (ON_FRAMES - 1), *[self._spot.draw] * OFF_FRAMES]

    def _on(self) -> None:
        self._stimulus.draw()
        self._spot.draw()


def told(values: Figures) -> str:
    """Return median and p99 in words."""
    return f"{np.median(values):.2f} ms ({np.percentile(values, 99):.2f})"


def compare(
    what: str, found: dict[str, list[Item]], figure: Callable[[Item], Figures], timing: str
) -> None:
    """Print median and p99 each way, and how many times neuroloop's they are."""
    values = {way: np.array([figure(item) for item in items]) for way, items in found.items()}
    print(f"{what}: median (p99) of {len(found[WAYS[0]])}{timing}")
    ours = np.percentile(values[WAYS[0]], (50, 99), axis=0)
    for way in WAYS:
        ratio = np.percentile(values[way], (50, 99), axis=0) / ours
        times = [f"{median:5.1f} x ({p99:5.1f} x)" for median, p99 in ratio.T]
        clock, cpu = told(values[way][:, 0]), told(values[way][:, 1])
        print(f"  {way:<18} {clock:>19} {times[0]}    CPU {cpu:>19} {times[1]}")


if __name__ == "__main__":
    main()
