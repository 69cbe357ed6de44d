"""What pre-flight makes of what it finds; with processes it is in tests/system/test_preflight."""

import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from controller.config.tables import SessionConfig
from controller.errors import SessionRefused
from controller.experiments.blocks import ImageToShow, Planned
from controller.experiments.evolution import Placement
from controller.preflight import machine
from controller.preflight.findings import Finding, Report, report, require
from controller.preflight.rig import clock_finding, rehearsal_findings
from controller.preflight.screen import screen_findings
from controller.presenting import Shown
from rig_adapters.clocks import ClockMap
from rig_adapters.stimulus.desktop import is_linear, suspicions
from rig_adapters.wire import messages as m

from .conftest import session_config

GOOD = m.DisplayConfigured(
    label="screen at 60.00 Hz",
    waits_for_vertical_blank=True,
    measured_refresh_hz=60.01,
    pixels_exact=True,
    readback_sha256="ab" * 32,
    flip_interval_sd_s=0.0001,
    gamma_is_linear=True,
    monitor="DP-1",
    monitor_width_cm=60.3,
    versions={},
)
CLOCK = ClockMap(1000.0, 0.0, 1e-5, 20)


def real_config() -> SessionConfig:
    """A session in real time with a window that covers the screen."""
    config = session_config()
    display = config.display.model_copy(update={"kind": "psychopy", "full_screen": True})
    return config.model_copy(update={"display": display})


def judged(*, simulated: bool = False, **changes: object) -> dict[str, Finding]:
    display = GOOD.model_copy(update=changes)
    return {f.what: f for f in screen_findings(real_config(), display, simulated=simulated)}


def test_a_good_screen_passes_in_every_row() -> None:
    assert {finding.state for finding in judged().values()} == {"pass"}
    assert "DP-1, 1280 x 720 pixels" in judged()["screen"].found
    assert "abababababab" in judged()["read-back"].found


@pytest.mark.parametrize(
    ("changes", "what", "state"),
    [
        ({"measured_refresh_hz": 61.5}, "refresh rate", "warn"),
        ({"flip_interval_sd_s": 0.0021}, "flip intervals", "warn"),
        ({"waits_for_vertical_blank": False}, "vertical blank", "refuse"),
        ({"pixels_exact": False}, "read-back", "refuse"),
        ({"gamma_is_linear": False}, "gamma", "warn"),
        ({"suspicions": ("a compositor runs",)}, "desktop", "warn"),
        ({"monitor_width_cm": 52.0}, "screen", "warn"),
    ],
)
def test_what_is_wrong_with_a_screen_is_judged_with_what_to_do(
    changes: dict[str, object], what: str, state: str
) -> None:
    finding = judged(**changes)[what]

    assert finding.state == state
    assert finding.advice


def test_without_an_animal_bad_timing_is_no_reason_to_stop() -> None:
    finding = judged(simulated=True, waits_for_vertical_blank=False)["vertical blank"]

    assert finding.state == "warn"


def test_in_virtual_time_there_is_no_screen_to_judge() -> None:
    found = list(screen_findings(session_config(), GOOD, simulated=True))

    assert [finding.what for finding in found] == ["screen"]


@pytest.mark.parametrize(
    ("environment", "composed", "buffer_px", "words"),
    [
        ({}, True, (640, 480), "compositor"),
        ({"WAYLAND_DISPLAY": "wayland-0"}, False, (640, 480), "Wayland"),
        ({}, False, (1280, 960), "1280 x 960"),
        ({"QT_SCALE_FACTOR": "1.5"}, False, (640, 480), "QT_SCALE_FACTOR is 1.5"),
    ],
)
def test_what_a_desktop_may_do_to_a_window_is_said(
    environment: dict[str, str], composed: bool, buffer_px: tuple[int, int], words: str
) -> None:
    (sentence,) = suspicions(environment, composed, (640, 480), buffer_px)

    assert words in sentence


def test_a_gamma_table_is_linear_when_it_changes_no_level_of_eight_bits() -> None:
    plain = tuple(257 * k for k in range(256))
    fine = tuple(round(65535 * k / 1023) for k in range(1024))
    night = tuple(round(0.8 * level) for level in plain)
    bent = tuple(round(65535 * (k / 255) ** 1.1) for k in range(256))

    assert is_linear((plain, plain, plain))
    assert is_linear((fine, fine, fine))
    assert not is_linear((plain, plain, night))
    assert not is_linear((bent, bent, bent))


def test_a_plain_desktop_raises_no_suspicion() -> None:
    assert suspicions({"GDK_SCALE": "1"}, False, (640, 480), (640, 480)) == ()


def test_measuring_a_disk_leaves_nothing_in_the_folder(tmp_path: Path) -> None:
    assert machine.disk_speed(100_000, 9.0, tmp_path).state == "pass"
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_slower_than_a_block_is_warned_of(tmp_path: Path) -> None:
    assert machine.disk_speed(10**15, 1e-3, tmp_path).state == "warn"


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    finding = machine.disk_speed(100_000, 9.0, tmp_path / "missing")

    assert finding.state == "refuse"
    assert os.strerror(2) in finding.found


def test_a_clock_that_goes_back_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = iter([*(k * 1e-6 for k in range(machine.CLOCK_READINGS - 1)), 0.0])
    monkeypatch.setattr(machine, "time", SimpleNamespace(monotonic=lambda: next(readings)))

    assert machine.host_clock().state == "refuse"


def test_the_clock_of_this_machine_goes_forward() -> None:
    assert machine.host_clock().state != "refuse"
    assert time.get_clock_info("monotonic").monotonic


def test_a_block_takes_its_images_and_its_trials() -> None:
    config = session_config()
    # 50 images of 9 frames in 10 trials of 9 more, at 60 Hz.
    assert machine.block_seconds(config, 50) == pytest.approx((50 * 9 + 10 * 9) / 60)


def shown(sync: str = "photodiode", outcome: str = "completed", *, heard: bool = True) -> Shown:
    planned = Planned(0, 0, ImageToShow(1, 0, Placement(0.0, 0.0, 4.0)), 0)
    return Shown(planned, 0, 6, 3, None, 1000.0, 1e-4, sync, heard, outcome, "")


def rehearsed(*rows: Shown, simulated: bool = False, has_sync: bool = True) -> dict[str, str]:
    spikes = {101: 7, 201: 0}
    found = rehearsal_findings(rows, CLOCK, spikes, has_sync=has_sync, simulated=simulated)
    return {finding.what: finding.state for finding in found}


def test_a_rehearsal_says_what_was_late_unseen_unheard_and_silent() -> None:
    good, late = shown(), shown(outcome="late")

    assert rehearsed(good) == {
        "frames": "pass",
        "recording": "pass",
        "sync": "pass",
        "rig clock": "pass",
        "spikes": "warn",
    }
    assert rehearsed(good, late)["frames"] == "refuse"
    assert rehearsed(good, late, simulated=True)["frames"] == "warn"
    assert rehearsed(good, shown(heard=False))["recording"] == "refuse"
    assert rehearsed(good, shown(sync="clock"))["sync"] == "warn"
    assert rehearsed(shown(sync="clock"), has_sync=False)["sync"] == "warn"


def test_a_rig_without_a_clock_is_refused() -> None:
    assert clock_finding(None).state == "refuse"
    assert "by one reading" in clock_finding(ClockMap.from_stamp(1.0, 2.0, 1e-4)).found


def test_a_report_is_as_bad_as_its_worst_row_and_says_all_that_is_not_well() -> None:
    good = Finding("a", "pass", "fine")
    warned, refused = Finding("b", "warn", "odd", "look"), Finding("c", "refuse", "bad", "mend it")

    assert report().worst == "pass"
    assert report([good], [warned]).worst == "warn"
    found = report([good, refused], [warned])
    assert found.worst == "refuse"
    assert found.summary() == "1 passed; refuse c: bad; warn b: odd"
    assert found.as_json()["findings"][1] == {
        "what": "c",
        "state": "refuse",
        "found": "bad",
        "advice": "mend it",
    }
    require(Report((good, warned)))
    with pytest.raises(SessionRefused, match=r"^bad: mend it$"):
        require(found)
