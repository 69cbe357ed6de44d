"""Gaze samples from an eye tracker through PsychoPy's ioHub, which runs as a process of its own.

ioHub knows trackers of several makers (EyeLink, Tobii, Gazepoint, Pupil Labs) and a simulated one
that follows the mouse, with which this file is tested (PsychoPy 2026.2.5, Linux). No maker's
tracker was ever connected. The tracker is calibrated with its maker's own program before the
session; ioHub's own is left out.
"""

import contextlib
import os
import socket
import subprocess
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rig_adapters.errors import BehaviourError
from rig_adapters.stimulus.behaviour.gaze import GazeSample
from rig_adapters.stimulus.geometry import degrees_at
from rig_adapters.wire.messages import ScreenGeometry

ANSWER_S = 0.5
"""How long ioHub may take to answer; what is on the screen meanwhile is late."""
CLOSE_S = 2.0
"""How long it may take to let go of its devices, before it is killed."""

_SERVER = Path(__file__).with_name("iohub_server.py")
_NOT_OURS = frozenset(("Display", "Experiment", "Keyboard", "Mouse"))
_LOST = float("nan")


class IoHubGaze:
    """Implements `GazeSource`; starts an ioHub with the devices of a YAML file and ends it."""

    def __init__(self, config_file: str, geometry: ScreenGeometry) -> None:
        self._geometry = geometry
        self._hub: Any = None
        self._tracker: Any = None
        self._process: subprocess.Popen[bytes] | None = None
        devices = _devices(config_file, geometry)
        # ioHub saves a monitor in the home of whoever it runs for.
        self._home = tempfile.TemporaryDirectory(prefix="neuroloop-")
        try:
            self._open(devices)
        except Exception as error:
            self.close()
            if isinstance(error, BehaviourError):
                raise
            raise BehaviourError(
                f"the eye tracker cannot be opened by PsychoPy's ioHub ({error}): see whether it "
                f"is on, what {config_file} says, and whether neuroloop was installed with its "
                "extra eye-tracker, as scripts/setup does"
            ) from error

    def samples(self) -> Sequence[GazeSample]:
        """Ask ioHub for what has come; a round trip of a fraction of a millisecond.

        Raises BehaviourError where it does not answer.
        """
        events = self._tracker.getEvents()
        to_host_s = time.monotonic() - self._clock.getTime()
        if events is None:
            raise BehaviourError(
                "ioHub's process has ended or does not answer, and with it the eye tracker: see "
                "stimulus.log for what it said last; then neuroloop resume"
            )
        return [
            self._sample(event, to_host_s)
            for event in events
            if event.type in (self._one_eye, self._two_eyes)
        ]

    def close(self) -> None:
        """End ioHub's process, if need be by force."""
        hub, self._hub = self._hub, None
        process, self._process = self._process, None
        if process is not None:
            # ioHub's own end waits for as long as its devices like.
            force = threading.Timer(CLOSE_S if hub is not None else 0.0, process.kill)
            force.start()
            if hub is not None:
                with contextlib.suppress(Exception):
                    self._tracker.setRecordingState(False)
                    self._tracker.setConnectionState(False)
                hub.quit()
            process.wait()
            force.cancel()
        self._home.cleanup()

    def _open(self, devices: list[dict[str, Any]]) -> None:
        with _home_at(self._home.name), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from psychopy.iohub import client
            from psychopy.iohub.constants import EventConstants
            from psychopy.iohub.devices import Computer

            self._clock = Computer
            self._one_eye = EventConstants.MONOCULAR_EYE_SAMPLE
            self._two_eyes = EventConstants.BINOCULAR_EYE_SAMPLE
            started = client.subprocess
            client.subprocess = SimpleNamespace(Popen=self._start, STDOUT=subprocess.STDOUT)
            try:
                config = {"monitor_devices": devices, "udp_port": _free_port()}
                self._hub = client.ioHubConnection(config)
            finally:
                client.subprocess = started
            if self._hub.iohub_status != "OK":
                raise BehaviourError(
                    f"PsychoPy's ioHub did not start ({self._hub.iohub_status}): see stimulus.log"
                )
            self._tracker = self._find_tracker()
            self._tracker.setConnectionState(True)
            self._tracker.setRecordingState(True)
            # A tracker may take its time to connect; from here on frames wait for answers.
            self._hub.udp_client.sock.settimeout(ANSWER_S)

    def _start(self, arguments: list[str], **how: Any) -> subprocess.Popen[bytes]:
        """Start ioHub's server by our script, which keeps it on loopback."""
        python, *rest = arguments
        self._process = subprocess.Popen([python, str(_SERVER), *rest], **how)
        return self._process

    def _find_tracker(self) -> Any:
        trackers = [
            device
            for device in self._hub.devices.getAll()
            if "eyetracker" in device.device_class.lower()
        ]
        if len(trackers) != 1:
            raise BehaviourError(
                f"ioHub has {len(trackers)} eye trackers, and needs to have one: see "
                "behaviour.iohub_config"
            )
        return trackers[0]

    def _sample(self, event: Any, to_host_s: float) -> GazeSample:
        x_px, y_px = _gaze_px(event, event.type == self._two_eyes)
        return GazeSample(
            event.time + to_host_s,
            degrees_at(self._geometry, x_px),
            degrees_at(self._geometry, y_px),
        )


def _gaze_px(event: Any, two_eyes: bool) -> tuple[float, float]:
    """Return where the eye that was found looks, or the middle of both; NaN without one.

    The status of a sample has a digit for each eye: 2 where it is missing (left eye: tens).
    """
    if not two_eyes:
        return (event.gaze_x, event.gaze_y) if event.status == 0 else (_LOST, _LOST)
    left, right = divmod(event.status, 10)
    found = [(event.left_gaze_x, event.left_gaze_y)] if left == 0 else []
    found += [(event.right_gaze_x, event.right_gaze_y)] if right == 0 else []
    if not found:
        return _LOST, _LOST
    return sum(x for x, _ in found) / len(found), sum(y for _, y in found) / len(found)


def _free_port() -> int:
    """Return a UDP port of this machine that nobody has now; two sessions get two."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _devices(config_file: str, geometry: ScreenGeometry) -> list[dict[str, Any]]:
    """Return ioHub's devices: the trackers of the file, on the screen that the session knows."""
    import yaml

    try:
        given = yaml.safe_load(Path(config_file).read_text(encoding="utf-8"))
        listed = given["monitor_devices"]
        mine = [device for device in listed if not _NOT_OURS & device.keys()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise BehaviourError(
            f"behaviour.iohub_config {config_file} has no list monitor_devices with an eye "
            f"tracker in it ({error})"
        ) from error
    if not mine:
        raise BehaviourError(
            f"behaviour.iohub_config {config_file} lists no eye tracker under monitor_devices"
        )
    width_px, height_px = geometry.size_px
    display = {
        "reporting_unit_type": "pix",
        "device_number": 0,
        "psychopy_monitor_name": "neuroloop_iohub",
        "physical_dimensions": {
            "width": 10 * geometry.width_cm,
            "height": 10 * geometry.width_cm * height_px / width_px,
            "unit_type": "mm",
        },
        "default_eye_distance": {
            "surface_center": 10 * geometry.distance_cm,
            "unit_type": "mm",
        },
    }
    return [{"Display": display}, {"Experiment": {}}, {"Keyboard": {}}, {"Mouse": {}}, *mine]


@contextlib.contextmanager
def _home_at(folder: str) -> Iterator[None]:
    """Lend another home to what is started in here."""
    home = os.environ.get("HOME")
    if home is not None:
        os.environ.setdefault("XAUTHORITY", str(Path(home) / ".Xauthority"))
    os.environ["HOME"] = folder
    try:
        yield
    finally:
        if home is None:
            del os.environ["HOME"]
        else:
            os.environ["HOME"] = home
