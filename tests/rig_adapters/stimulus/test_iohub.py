"""PsychoPy's ioHub, as a process, with its tracker whose gaze is the mouse; the mouse is moved."""

import contextlib
import math
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from rig_adapters.errors import BehaviourError
from rig_adapters.stimulus.behaviour.gaze import GazeSample, GazeWindow
from rig_adapters.stimulus.behaviour.iohub import IoHubGaze, _gaze_px
from rig_adapters.stimulus.screen import Screen
from rig_adapters.testing.rehearsed_daemon import block, load, trial
from rig_adapters.wire import messages as m
from rig_adapters.wire.animal import EyeTrackerSettings

from .conftest import SCREEN_PX, Daemon

pytest.importorskip("gevent", reason="the extra eye-tracker is not installed: run scripts/setup")
pytest.importorskip("msgpack_numpy", reason="the extra eye-tracker is not installed")
x_display = pytest.importorskip("Xlib.display", reason="the extra eye-tracker is not installed")
xtest = pytest.importorskip("Xlib.ext.xtest")
X = pytest.importorskip("Xlib.X")

pytestmark = [pytest.mark.system, pytest.mark.screen]

GEOMETRY = m.ScreenGeometry(size_px=SCREEN_PX, width_cm=32.0, distance_cm=57.0, refresh_hz=60.0)
MIDDLE, AWAY = (320, 240), (500, 60)
LAST = 9
DEADLINE_S = 30.0
TRACKER = """
data_store: {enable: true}
monitor_devices:
  - Mouse: {name: not_ours}
  - eyetracker.hw.mouse.EyeTracker:
      name: tracker
      runtime_settings: {sampling_rate: 250, track_eyes: RIGHT_EYE}
      controls: {move: [CONTINUOUS], blink: [LEFT_BUTTON], saccade_threshold: 0.5}
"""


class Mouse:
    """The mouse of a virtual screen."""

    def __init__(self) -> None:
        self._display = x_display.Display(os.environ["DISPLAY"])

    def move(self, place: tuple[int, int]) -> None:
        """Move to a pixel, counted from the top left; also one where it is already."""
        x_px, y_px = place
        self._display.screen().root.warp_pointer(x_px + 1, y_px)
        self._display.screen().root.warp_pointer(x_px, y_px)
        self._display.sync()

    def press(self, down: bool) -> None:
        """Press the left button, or let go of it."""
        xtest.fake_input(self._display, X.ButtonPress if down else X.ButtonRelease, 1)
        self._display.sync()

    def close(self) -> None:
        self._display.close()


@pytest.fixture
def mouse(screen: Screen) -> Iterator[Mouse]:  # noqa: ARG001 - it has to be there
    with contextlib.closing(Mouse()) as mouse:
        yield mouse


@pytest.fixture
def tracker(tmp_path: Path) -> EyeTrackerSettings:
    config = tmp_path / "tracker.yaml"
    config.write_text(TRACKER)
    return EyeTrackerSettings(
        kind="eye_tracker",
        iohub_config=str(config),
        window_radius_deg=1.2,
        acquisition_timeout_s=0.5,
        longest_blink_s=0.1,
    )


def servers_of(pid: int) -> list[psutil.Process]:
    """Return the ioHub servers that a process has started."""
    return [
        child
        for child in psutil.Process(pid).children(recursive=True)
        if any("iohub_server" in word for word in child.cmdline())
    ]


def has_ended(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def until(what: str, is_so: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while not is_so():
        assert time.monotonic() < deadline_s, f"never: {what}"
        time.sleep(0.01)


def test_a_gaze_begins_a_trial_and_breaks_one_and_no_tracker_outlives_its_process(
    mouse: Mouse, tracker: EyeTrackerSettings, tmp_path: Path
) -> None:
    with contextlib.closing(Daemon(tmp_path, display=os.environ["DISPLAY"])) as daemon:
        daemon.configure("psychopy", geometry=GEOMETRY, behaviour=tracker)
        (server,) = servers_of(daemon.process.pid)
        assert {at.laddr.ip for at in server.net_connections("inet")} == {"127.0.0.1"}
        # ioHub knows of a mouse from when it moves.
        mouse.move(AWAY)
        daemon.say(load([5], np.random.default_rng(1)))
        daemon.hear(m.ImagesLoaded)
        # On a busy machine samples may be so late that a trial is broken; not all of five.
        several = [trial(number, [5]) for number in range(5)]
        daemon.say(block(*several, trial(LAST, [5], off=100_000)))

        assert daemon.hear(m.TrialEnded).acquired_host_s is None
        mouse.move(MIDDLE)
        held = held_until(daemon, LAST)
        moved_s = time.monotonic()
        mouse.move(AWAY)
        broken = daemon.hear(m.TrialEnded)

        assert any(ended.completed and ended.broken_host_s is None for ended in held)
        assert broken.trial_id == LAST
        assert broken.acquired_host_s is not None
        assert broken.broken_host_s is not None
        assert broken.acquired_host_s < moved_s
        assert moved_s - 0.1 < broken.broken_host_s <= broken.spot_off_host_s
        daemon.process.kill()
        daemon.process.wait()
        until("ioHub ends with the process it works for", lambda: has_ended(server))


def held_until(daemon: Daemon, trial_id: int) -> list[m.TrialEnded]:
    """Return how trials ended until that one has shown its image."""
    ended = []
    while not isinstance(report := daemon.hear(m.Message), m.Presented) or (
        report.trial_id != trial_id
    ):
        if isinstance(report, m.TrialEnded):
            ended.append(report)
    return ended


def test_samples_say_where_and_when_the_eye_looks_or_that_it_is_lost(
    mouse: Mouse, tracker: EyeTrackerSettings
) -> None:
    gaze = IoHubGaze(tracker.iohub_config, GEOMETRY)
    try:
        # 80 pixels are 4 cm, seen from 57 cm.
        where_deg = math.degrees(math.atan(4.0 / 57.0))
        mouse.move((MIDDLE[0] + 80, MIDDLE[1] - 80))
        moved_s = time.monotonic()
        sample = sample_that(gaze, lambda s: s.x_deg > 0 and abs(s.x_deg - s.y_deg) < 1e-9)
        assert sample.x_deg == pytest.approx(where_deg)
        assert moved_s - 0.1 < sample.time_s <= time.monotonic()

        mouse.press(True)
        lost = sample_that(gaze, lambda s: math.isnan(s.x_deg) and math.isnan(s.y_deg))
        mouse.press(False)
        assert lost.time_s > moved_s
        sample_that(gaze, lambda s: not math.isnan(s.x_deg))

        assert_a_server_that_hangs_is_told(gaze, tracker)
    finally:
        gaze.close()
    assert servers_of(os.getpid()) == []
    gaze.close()


def sample_that(gaze: IoHubGaze, is_it: Callable[[GazeSample], bool]) -> GazeSample:
    """Return the first sample of which that is true."""
    found: list[GazeSample] = []

    def look() -> bool:
        found.extend(sample for sample in gaze.samples() if is_it(sample))
        return bool(found)

    until("such a sample", look)
    return found[0]


def assert_a_server_that_hangs_is_told(gaze: IoHubGaze, tracker: EyeTrackerSettings) -> None:
    (server,) = servers_of(os.getpid())
    server.suspend()
    window = GazeWindow(gaze, tracker)
    window.begin_trial(1, time.monotonic(), 1.0)
    with pytest.raises(BehaviourError, match="ioHub's process has ended or does not answer"):
        window.watch(time.monotonic())


def test_both_eyes_count_and_a_lost_one_does_not() -> None:
    from psychopy.iohub.devices import eyetracker

    one, both = eyetracker.MonocularEyeSampleEvent, eyetracker.BinocularEyeSampleEvent

    def event(kind: type, **values: float) -> object:
        names = kind.CLASS_ATTRIBUTE_NAMES
        assert values.keys() <= set(names)
        return kind.namedTupleClass(*(values.get(name, -1.0) for name in names))

    right = {"right_gaze_x": 30.0, "right_gaze_y": -10.0}
    eyes = {"left_gaze_x": 10.0, "left_gaze_y": 20.0, **right}
    assert _gaze_px(event(one, gaze_x=3.0, gaze_y=4.0, status=0), False) == (3.0, 4.0)
    assert math.isnan(_gaze_px(event(one, gaze_x=3.0, gaze_y=4.0, status=2), False)[0])
    assert _gaze_px(event(both, **eyes, status=0), True) == (20.0, 5.0)
    assert _gaze_px(event(both, **eyes, status=20), True) == (30.0, -10.0)
    assert _gaze_px(event(both, **eyes, status=2), True) == (10.0, 20.0)
    assert math.isnan(_gaze_px(event(both, **eyes, status=22), True)[0])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("monitor_devices: []", "lists no eye tracker under monitor_devices"),
        ("monitor_devices: [Mouse: {}]", "lists no eye tracker under monitor_devices"),
        ("devices: 3", r"has no list monitor_devices with an eye tracker in it"),
        ("- [", r"has no list monitor_devices with an eye tracker in it"),
    ],
)
def test_a_file_without_a_tracker_is_refused(tmp_path: Path, text: str, why: str) -> None:
    config = tmp_path / "tracker.yaml"
    config.write_text(text)

    with pytest.raises(BehaviourError, match=why):
        IoHubGaze(str(config), GEOMETRY)
