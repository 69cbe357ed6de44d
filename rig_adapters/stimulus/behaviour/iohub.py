"""Gaze samples from an eye tracker through PsychoPy's ioHub, which runs as a process of its own.

ioHub knows trackers of several makers (EyeLink, Tobii, Gazepoint, Pupil Labs) and a simulated one
that follows the mouse. Only starting, connecting and ending were tried, with that last one
(PsychoPy 2026.2.5, Linux); no sample of a moving eye has come through this file yet. The tracker is
calibrated with its maker's own program before the session; ioHub's own is left out.
"""

import contextlib
import os
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rig_adapters.errors import BehaviourError
from rig_adapters.stimulus.behaviour.gaze import GazeSample
from rig_adapters.stimulus.geometry import degrees_at
from rig_adapters.wire.messages import ScreenGeometry

_NOT_OURS = frozenset(("Display", "Experiment", "Keyboard", "Mouse"))
_LOST = float("nan")


class IoHubGaze:
    """Implements `GazeSource`; starts an ioHub with the devices of a YAML file and ends it."""

    def __init__(self, config_file: str, geometry: ScreenGeometry) -> None:
        self._geometry = geometry
        self._hub: Any = None
        self._tracker: Any = None
        devices = _devices(config_file, geometry)
        # ioHub saves a monitor in the home of whoever it runs for.
        self._home = tempfile.TemporaryDirectory(prefix="neuroloop-")
        try:
            with _home_at(self._home.name), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                from psychopy.iohub.client import ioHubConnection
                from psychopy.iohub.constants import EventConstants
                from psychopy.iohub.devices import Computer

                self._clock = Computer
                self._one_eye = EventConstants.MONOCULAR_EYE_SAMPLE
                self._two_eyes = EventConstants.BINOCULAR_EYE_SAMPLE
                self._hub = ioHubConnection({"monitor_devices": devices})
                self._tracker = self._find_tracker()
                self._tracker.setConnectionState(True)
                self._tracker.setRecordingState(True)
        except Exception as error:
            self.close()
            if isinstance(error, BehaviourError):
                raise
            raise BehaviourError(
                f"the eye tracker cannot be opened by PsychoPy's ioHub ({error}): see whether it "
                f"is on, what {config_file} says, and whether ioHub's packages are there (gevent, "
                "msgpack, msgpack-numpy, python-xlib)"
            ) from error

    def samples(self) -> Sequence[GazeSample]:
        """Ask ioHub for what has come; a round trip of a fraction of a millisecond."""
        events = self._tracker.getEvents()
        to_host_s = time.monotonic() - self._clock.getTime()
        return [
            self._sample(event, to_host_s)
            for event in events or ()
            if event.type in (self._one_eye, self._two_eyes)
        ]

    def close(self) -> None:
        """End ioHub's process."""
        hub, self._hub = self._hub, None
        if hub is not None:
            with contextlib.suppress(Exception):
                self._tracker.setRecordingState(False)
                self._tracker.setConnectionState(False)
            hub.quit()
        self._home.cleanup()

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
