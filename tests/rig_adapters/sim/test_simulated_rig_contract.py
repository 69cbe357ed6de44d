"""The simulated rig as a real process: the contract of all adapters, and virtual time."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from rig_adapters.light import LightSource
from rig_adapters.recorded import Recording
from rig_adapters.testing.adapter_contract import AdapterContract
from rig_adapters.testing.driver import Driver, started
from rig_adapters.wire import messages as m
from rig_adapters.wire.conversation import RIG
from rig_adapters.wire.light import Change, ImagesUploaded, LightChanged

MODULE = "rig_adapters.sim"
SHA = "a" * 64


@pytest.fixture
def light_endpoint(tmp_path: Path) -> str:
    return f"ipc://{tmp_path / 'light'}"


@pytest.fixture
def light(light_endpoint: str) -> Iterator[LightSource]:
    source = LightSource(light_endpoint)
    yield source
    source.close()


@pytest.mark.system
class TestSimulatedRig(AdapterContract):
    module = MODULE
    settings: ClassVar[dict[str, Any]] = {
        "units": [{"channel": 3, "unit": 2, "seed": 1}],
        "clock_drift_ppm": 50.0,
    }
    bad_settings: ClassVar[dict[str, Any]] = {"units": [{"channel": 3, "seed": 1, "volume": 11}]}

    @pytest.fixture
    def light_endpoint(self, tmp_path: Path) -> str | None:
        return f"ipc://{tmp_path / 'light'}"


def configure(driver: Driver, light_endpoint: str | None, **settings: object) -> None:
    driver.send(
        m.ConfigureRig(settings=settings, seed=7, time="virtual", light_endpoint=light_endpoint)
    )


def show_one_trial(light: LightSource) -> None:
    images = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), np.uint8)
    light.upload(ImagesUploaded(sha256s=(SHA,), images=images))
    light.change(LightChanged(what="fixation_on", host_time_s=1.0))
    patches: tuple[tuple[float, Change], ...] = ((1.3, "patch_lit"), (1.5, "patch_dark"))
    for onset_s, patch in patches:
        light.change(LightChanged(what=patch, host_time_s=onset_s))
        light.change(
            LightChanged(what="image_on", host_time_s=onset_s, image_sha256=SHA, size_deg=3.0)
        )
        light.change(LightChanged(what="image_off", host_time_s=onset_s + 0.1))
    light.change(LightChanged(what="fixation_off", host_time_s=1.7))
    light.change(LightChanged(what="dark_until", host_time_s=2.5))


@pytest.mark.system
def test_a_virtual_session_hears_all_that_was_shown_without_waiting_for_the_screen(
    light: LightSource, light_endpoint: str
) -> None:
    with started(MODULE, RIG) as driver:
        configure(driver, light_endpoint, clock_offset_s=50.0, clock_drift_ppm=0.0)
        driver.expect(m.RigConfigured)
        driver.send(m.StartRecording())
        driver.expect(m.RecordingStarted)
        show_one_trial(light)
        recording = Recording()
        while (recording.through_rig_s or 0.0) < 52.5:
            recording.add(driver.expect(m.SpikesRecorded))
        assert recording.gaps == []
        np.testing.assert_allclose(recording.sync_rig_s(), [51.3, 51.5], atol=1 / 30_000)
        assert recording.spikes().times_rig_s.size > 0


@pytest.mark.system
def test_a_virtual_session_can_go_on_after_any_time(
    light: LightSource, light_endpoint: str
) -> None:
    begin_s = 100_000.0
    with started(MODULE, RIG) as driver:
        driver.send(
            m.ConfigureRig(
                settings={"clock_offset_s": 0.0, "clock_drift_ppm": 0.0},
                seed=7,
                time="virtual",
                light_endpoint=light_endpoint,
                clock_start_s=begin_s,
            )
        )
        driver.expect(m.RigConfigured)
        driver.send(m.StartRecording())
        assert driver.expect(m.RecordingStarted).rig_time_s == begin_s
        light.upload(LightChanged(what="dark_until", host_time_s=begin_s + 1.0))
        assert driver.expect(m.SpikesRecorded).through_rig_s == begin_s + 1.0


@pytest.mark.system
def test_an_image_that_was_never_uploaded_is_the_displays_fault(
    light: LightSource, light_endpoint: str
) -> None:
    with started(MODULE, RIG) as driver:
        configure(driver, light_endpoint)
        driver.expect(m.RigConfigured)
        light.upload(
            LightChanged(what="image_on", host_time_s=1.0, image_sha256="b" * 64, size_deg=1.0)
        )
        assert "has not uploaded" in driver.expect(m.Faulted).what


@pytest.mark.system
def test_a_rig_without_light_says_that_it_cannot_see() -> None:
    with started(MODULE, RIG) as driver:
        configure(driver, None)
        assert "light_endpoint" in driver.expect(m.Faulted).what
