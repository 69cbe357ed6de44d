"""TTL lines keep their contract, rise with each onset and fall at the next flip."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rig_adapters.errors import DisplayError
from rig_adapters.stimulus import trigger
from rig_adapters.stimulus.base import BLANK, Scene
from rig_adapters.stimulus.marks import OnsetMarks
from rig_adapters.stimulus.presenter import run
from rig_adapters.stimulus.trigger import (
    NoTrigger,
    ParallelTrigger,
    SerialTrigger,
    TriggerLine,
    open_trigger,
)
from rig_adapters.stimulus.virtual_display import VirtualDisplay
from rig_adapters.testing.rehearsed_daemon import RehearsedDaemon
from rig_adapters.testing.trigger_contract import TriggerContract
from rig_adapters.wire.messages import (
    ConfigureDisplay,
    FixationSpot,
    ParallelTtl,
    PhotodiodePatch,
    ScreenGeometry,
    SerialTtl,
)

CONFIGURE = ConfigureDisplay(
    kind="virtual",
    geometry=ScreenGeometry(size_px=(320, 240), width_cm=16.0, distance_cm=57.0, refresh_hz=60.0),
    full_screen=False,
    background_grey=128,
    fixation=FixationSpot(diameter_deg=0.2),
    light_endpoint=None,
)


class TestSerialTrigger(TriggerContract):
    """On pyserial's loop: what RTS says comes back on CTS, and DTR on DSR."""

    @pytest.fixture(params=["rts", "dtr"])
    def open_line(self, request: pytest.FixtureRequest) -> Callable[[], TriggerLine]:
        settings = SerialTtl(kind="serial", device="loop://", line=request.param)
        return lambda: SerialTrigger(settings)

    def level(self, line: Any) -> bool:
        return bool(line._port.cts if line._line == "rts" else line._port.dsr)


class Wire:
    """The pins of a parallel port, as the kernel would set them."""

    def __init__(self) -> None:
        self.data = 0xFF
        self.claimed = False

    def ioctl(self, _port: int, request: int, argument: bytes) -> None:
        if request == trigger._WRITE_DATA:
            assert self.claimed
            (self.data,) = argument
        else:
            self.claimed = request == trigger._CLAIM


class TestParallelTrigger(TriggerContract):
    """On a file in place of the port; what the port itself does has to be seen at the rig."""

    @pytest.fixture
    def open_line(self, tmp_path: Path) -> Callable[[], TriggerLine]:
        self.wire = Wire()
        device = tmp_path / "parport0"
        device.touch()
        settings = ParallelTtl(kind="parallel", device=str(device), pin=4)
        return lambda: ParallelTrigger(settings, self.wire.ioctl)

    def level(self, line: TriggerLine) -> bool:
        assert line
        return self.wire.data == 0b100

    def test_closing_releases_the_port_low(self, open_line: Callable[[], TriggerLine]) -> None:
        line = open_line()
        line.set_high(True)
        line.close()
        assert (self.wire.data, self.wire.claimed) == (0, False)


class UnpluggedSerial(SerialTrigger):
    """A serial port whose plug can be pulled."""

    unplugged = False

    def set_high(self, high: bool) -> None:
        if self.unplugged:
            raise OSError(19, "No such device")
        super().set_high(high)


def test_a_line_whose_plug_was_pulled_lets_go_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    serial = UnpluggedSerial(SerialTtl(kind="serial", device="loop://", line="rts"))
    port = tmp_path / "parport0"
    port.touch()
    plugged = [True]

    def ioctl(_port: int, _request: int, _argument: bytes) -> None:
        if not plugged[0]:
            raise OSError(19, "No such device")

    parallel = ParallelTrigger(ParallelTtl(kind="parallel", device=str(port), pin=2), ioctl)
    serial.unplugged = True
    plugged[0] = False

    for line in (serial, parallel):
        line.close()
        line.close()

    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert all("could not be set low at its end ([Errno 19]" in text for text in told)
    assert str(port) in told[1]


def test_a_session_without_its_line_does_not_begin() -> None:
    ttl = ParallelTtl(kind="parallel", device="/dev/no-such-port", pin=2)
    daemon = RehearsedDaemon(CONFIGURE.model_copy(update={"ttl": ttl}))

    with pytest.raises(DisplayError, match="see whether /dev/no-such-port is there"):
        run(daemon, lambda _kind: VirtualDisplay())

    assert daemon.reports == []


def test_without_settings_there_is_no_line() -> None:
    assert isinstance(open_trigger(None), NoTrigger)


@pytest.mark.parametrize(
    "settings",
    [
        ParallelTtl(kind="parallel", device="/dev/no-such-port", pin=2),
        SerialTtl(kind="serial", device="/dev/no-such-port", line="rts"),
    ],
)
def test_a_port_that_is_not_there_is_refused_by_name(settings: ParallelTtl | SerialTtl) -> None:
    with pytest.raises(DisplayError, match="see whether /dev/no-such-port is there"):
        open_trigger(settings)


class Levels:
    """A line that keeps what it was told, one level for each flip."""

    def __init__(self) -> None:
        self.high = False

    def set_high(self, high: bool) -> None:
        self.high = high

    def close(self) -> None:
        self.high = False


def test_the_line_rises_with_each_onset_and_falls_at_the_next_flip() -> None:
    line = Levels()
    marks = OnsetMarks(None, line)
    levels = []
    for onset in (False, True, False, False, True, False, True, False):
        marks.scene(BLANK, onset=onset)
        marks.flipped(onset=onset)
        levels.append(line.high)
    assert levels == [False, True, False, False, True, False, True, False]


def test_a_line_that_fails_says_so() -> None:
    class Broken(Levels):
        def set_high(self, high: bool) -> None:
            raise OSError(5, f"Input/output error at {high}")

    with pytest.raises(DisplayError, match="TTL line"):
        OnsetMarks(None, Broken()).flipped(onset=True)


@pytest.mark.parametrize(
    ("patch", "line", "marked_by"),
    [
        (None, None, "none"),
        (PhotodiodePatch(size_px=9, corner="top_left"), None, "photodiode"),
        (None, Levels(), "ttl"),
        (PhotodiodePatch(size_px=9, corner="top_left"), Levels(), "photodiode+ttl"),
    ],
)
def test_what_marks_an_onset_is_said(
    patch: PhotodiodePatch | None, line: Levels | None, marked_by: str
) -> None:
    marks = OnsetMarks(patch, line)
    assert marks.marked_by == marked_by
    scene = marks.scene(Scene(fixation=True, image=None), onset=True)
    assert scene.patch_lit is (patch is not None)
