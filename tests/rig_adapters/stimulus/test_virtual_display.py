"""The virtual display keeps the contract, exactly and in virtual time."""

import numpy as np
import pytest

from rig_adapters.errors import DisplayError
from rig_adapters.stimulus.base import BLANK, PlacedImage, Scene
from rig_adapters.stimulus.presenter import run
from rig_adapters.stimulus.virtual_display import VirtualDisplay
from rig_adapters.testing.display_contract import DisplayContract
from rig_adapters.testing.rehearsed_daemon import RehearsedDaemon, block, load, trial
from rig_adapters.testing.watched_display import WatchedDisplay
from rig_adapters.wire import messages as m


class TestVirtualDisplay(DisplayContract):
    @pytest.fixture
    def display(self) -> VirtualDisplay:
        return VirtualDisplay()

    def test_each_frame_takes_exactly_one_refresh(
        self, watched: WatchedDisplay, configure: m.ConfigureDisplay, rng: np.random.Generator
    ) -> None:
        daemon = RehearsedDaemon(
            configure, load([11], rng), *[block(trial(k, [11]), number=k) for k in range(1, 40)]
        )

        run(daemon, lambda _kind: watched)

        assert watched.flips_s == [k / 60.0 for k in range(1, len(watched.flips_s) + 1)]
        assert {report.dropped_frames for report in daemon.presented} == {0}
        over = daemon.of(m.BlockPresented)[-1]
        assert isinstance(over, m.BlockPresented)
        assert over.host_time_s == pytest.approx((len(watched.flips_s) + 1) / 60.0, rel=1e-12)

    def test_it_says_that_there_is_no_screen(
        self, display: VirtualDisplay, configure: m.ConfigureDisplay
    ) -> None:
        facts = display.open(configure)

        assert facts.label == "virtual time: no screen"
        assert (facts.pixels_exact, facts.measured_refresh_hz) == (None, None)

    def test_it_shows_nothing_that_was_not_uploaded(
        self, display: VirtualDisplay, configure: m.ConfigureDisplay
    ) -> None:
        display.open(configure)

        with pytest.raises(DisplayError, match="image 5 was never uploaded"):
            display.prepare(PlacedImage(5, 0.0, 0.0, 1.0))
        with pytest.raises(DisplayError, match="image 5 was not made ready for its place"):
            display.show(Scene(fixation=False, image=PlacedImage(5, 0.0, 0.0, 1.0)), 1)

        assert list(display.show(BLANK, 2)) == [1 / 60.0, 2 / 60.0]
