"""How well this machine's screen keeps time, and what a frame costs beside raw PsychoPy.

Opens the window of a session and shows blocks in it as the stimulus process does: jitter of flips,
dropped frames, the gap between two blocks. Then, in turns and in the same window, the work that is
done for the same images within the frame loop, by neuroloop and by PsychoPy as its users write it
(one `ImageStim`, `setImage` for each image, with a decoded picture or with a file): until the
graphics card has finished, by the clock, and of the CPU, which other programs hardly change. A
virtual screen is drawn by the CPU, its flips too.

    .venv/bin/python benchmarks/stimulus.py [--images 200] [--image-px 256] [--full-screen]
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image

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

Figures = npt.NDArray[np.float64]

SIZE_DEG = 4.0
ON_FRAMES, OFF_FRAMES = 6, 3
PER_TRIAL = 5
PER_TURN = 20
WAYS = ("neuroloop", "setImage(picture)", "setImage(file)")
BLOCKS = 3


class Listener:
    """Stands where the daemon's connection is: says nothing and keeps reports."""

    def __init__(self) -> None:
        self.presented: list[m.Presented] = []

    def receive(self, timeout_s: float) -> None:
        """Say nothing."""

    def send(self, message: m.Message) -> None:
        """Keep a report."""
        if isinstance(message, m.Presented):
            self.presented.append(message)


class TimedDisplay(PsychoPyDisplay):
    """Keeps the time of each flip."""

    def __init__(self) -> None:
        super().__init__()
        self.flips_s: list[float] = []

    def show(self, scene: Scene, frames: int) -> Sequence[float]:
        """Show a frame and note its flip."""
        flips_s = super().show(scene, frames)
        self.flips_s.extend(flips_s)
        return flips_s

    @property
    def window(self) -> Any:
        """The window, for PsychoPy to draw in too."""
        return self._window

    def width_px(self) -> int:
        """Return how many pixels an image takes."""
        return placement(self._geometry, 0.0, 0.0, SIZE_DEG).size_px[0]

    def frames(self, image_id: int) -> list[Callable[[], object]]:
        """Return what is done before each flip of a presentation."""
        on = partial(self._draw, Scene(fixation=True, image=placed(image_id)))
        off = partial(self._draw, Scene(fixation=True, image=None))
        return [on] * ON_FRAMES + [off] * OFF_FRAMES


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=200, help="images for each figure")
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
    display = TimedDisplay()
    try:
        facts = display.open(configure)
        print(f"{facts.label} ({facts.versions['graphics']})")
        timing = "" if facts.waits_for_vertical_blank else "  [no timing]"
        print(f"vertical blank blocks: {'yes' if facts.waits_for_vertical_blank else 'no'}{timing}")
        report_blocks(display, configure, chosen.image_px, timing)
        report_work(display, chosen.images, chosen.image_px, timing)
    finally:
        display.close()


def placed(image_id: int) -> PlacedImage:
    """Return an image in the middle of the screen."""
    return PlacedImage(image_id, 0.0, 0.0, SIZE_DEG)


def report_blocks(
    display: TimedDisplay, configure: m.ConfigureDisplay, image_px: int, timing: str
) -> None:
    """Print jitter, dropped frames and gaps of some blocks of 50 presentations."""
    wire, shine = Listener(), Shine(None)
    images = LoadedImages(display, shine)
    marks, animal = OnsetMarks(None, None), AlwaysFixating()
    stage = Stage(wire, display, shine, images, configure.geometry, marks, animal, NoReward())
    intervals_s: list[float] = []
    gaps_s: list[float] = []
    for number in range(BLOCKS):
        command = load(range(50), np.random.default_rng(number), side_px=image_px)
        began_s = time.monotonic()
        images.load(
            command.model_copy(update={"places": (m.Place(x_deg=0, y_deg=0, size_deg=SIZE_DEG),)})
        )
        display.flips_s.clear()
        images.block_begins()
        show_block(stage, block_of(number))
        gaps_s.append(display.flips_s[0] - began_s)
        intervals_s += [after - before for before, after in pairwise(display.flips_s)]
    period_s = 1 / configure.geometry.refresh_hz
    errors_ms = 1e3 * np.abs(np.array(intervals_s) - period_s)
    dropped = sum(report.dropped_frames for report in wire.presented)
    late = sum(report.dropped_frames > 0 for report in wire.presented)
    print(
        f"flip intervals of {len(intervals_s)} frames: standard deviation "
        f"{1e3 * np.std(intervals_s):.3f} ms, off by {np.median(errors_ms):.3f} ms (median), "
        f"{np.percentile(errors_ms, 99):.3f} ms (p99){timing}"
    )
    print(f"dropped frames: {dropped}, in {late} of {len(wire.presented)} presentations{timing}")
    print(
        f"gap between blocks, to paint and upload 50 images and flip: "
        f"{1e3 * np.median(gaps_s):.0f} ms (median), {1e3 * max(gaps_s):.0f} ms (longest){timing}"
    )


def block_of(number: int) -> m.PresentBlock:
    """Return a block of fifty presentations."""
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
        for trial_id in range(50 // PER_TRIAL)
    )
    return m.PresentBlock(block=number, part=0, trials=trials, tail_frames=6)


def report_work(display: TimedDisplay, n_images: int, image_px: int, timing: str) -> None:
    """Print what the frame of an onset, and a whole presentation, cost each way."""
    raw = RawPsychoPy(display.window, display.width_px())
    work: dict[str, list[Spent]] = {way: [] for way in WAYS}
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{number}.png" for number in range(PER_TURN)]
        for _ in range(n_images // PER_TURN):
            images = rng.integers(0, 256, (PER_TURN, image_px, image_px, 3), dtype=np.uint8)
            pictures = [PIL.Image.fromarray(image) for image in images]
            for number, (picture, file) in enumerate(zip(pictures, files, strict=True)):
                picture.save(file, compress_level=1)
                display.upload(number, images[number])
                display.prepare(placed(number))
            for number in range(PER_TURN):
                work[WAYS[0]].append(spent_on(display.frames(number), display.window))
            for picture in pictures:
                work[WAYS[1]].append(spent_on(raw.frames(picture), display.window))
            for file in files:
                work[WAYS[2]].append(spent_on(raw.frames(str(file)), display.window))
    flips = np.concatenate([spent.flip_ms for spents in work.values() for spent in spents])
    print(f"a flip, whoever makes it: {told(flips[:, 0])}, CPU {told(flips[:, 1])}{timing}")
    found = {way: [spent.draw_ms[0] for spent in work[way]] for way in WAYS}
    compare("the frame of an onset, without its flip", found, timing)
    found = {way: [spent.draw_ms[0] + spent.flip_ms[0] for spent in work[way]] for way in WAYS}
    compare("the frame of an onset, with its flip", found, timing)
    found = {way: [spent.draw_ms.sum(axis=0) for spent in work[way]] for way in WAYS}
    compare(f"all {ON_FRAMES + OFF_FRAMES} frames of a presentation, without flips", found, timing)


@dataclass(frozen=True)
class Spent:
    """What each frame of a presentation took, `(frames, 2)`: by the clock, and of the CPU."""

    draw_ms: Figures
    flip_ms: Figures


def spent_on(frames: Sequence[Callable[[], object]], window: Any) -> Spent:
    """Draw and flip each frame; return what it took."""
    from pyglet.gl import glFinish

    moments = [now_ms()]
    for draw in frames:
        draw()
        glFinish()
        moments.append(now_ms())
        window.flip()
        moments.append(now_ms())
    steps = np.diff(np.array(moments), axis=0)
    return Spent(steps[0::2], steps[1::2])


def now_ms() -> tuple[float, float]:
    """Return the clock and the CPU time of this process, its graphics driver included."""
    return 1e3 * time.perf_counter(), 1e3 * time.process_time()


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


def compare(what: str, found: dict[str, list[Figures]], timing: str) -> None:
    """Print median and p99 each way, and how many times neuroloop's they are."""
    print(f"{what}: median (p99){timing}")
    ours = np.percentile(np.array(found[WAYS[0]]), (50, 99), axis=0)
    for way in WAYS:
        values = np.array(found[way])
        ratio = np.percentile(values, (50, 99), axis=0) / ours
        times = [f"{median:5.1f} x ({p99:5.1f} x)" for median, p99 in ratio.T]
        clock, cpu = told(values[:, 0]), told(values[:, 1])
        print(f"  {way:<18} {clock:>19} {times[0]}    CPU {cpu:>19} {times[1]}")


if __name__ == "__main__":
    main()
