"""What the presenter makes of displays that drop frames, and of its own memory."""

import gc
from collections.abc import Sequence

import numpy as np
import pytest

from rig_adapters.errors import DisplayError
from rig_adapters.stimulus.base import BLANK, Scene
from rig_adapters.stimulus.presenter import run
from rig_adapters.stimulus.readback import readback_image
from rig_adapters.stimulus.virtual_display import VirtualDisplay
from rig_adapters.testing.rehearsed_daemon import RehearsedDaemon, block, load, trial
from rig_adapters.testing.watched_display import WatchedDisplay
from rig_adapters.wire import messages as m

GEOMETRY = m.ScreenGeometry(size_px=(320, 240), width_cm=16.0, distance_cm=57.0, refresh_hz=60.0)
CONFIGURE = m.ConfigureDisplay(
    kind="virtual",
    geometry=GEOMETRY,
    full_screen=False,
    background_grey=128,
    fixation=m.FixationSpot(diameter_deg=0.2),
    light_endpoint=None,
)


class StumblingDisplay(VirtualDisplay):
    """Drops `dropped[k]` frames before its k-th flip (from 1), each flip a little late."""

    def __init__(self, dropped: dict[int, int]) -> None:
        super().__init__()
        self.collected: list[bool] = []
        self._dropped = dropped
        self._flips = 0

    def show(self, scene: Scene, frames: int) -> Sequence[float]:
        assert frames >= 1
        self.collected.append(gc.isenabled())
        self._flips += 1
        self._refreshes += self._dropped.get(self._flips, 0)
        (flip_s,) = super().show(scene, 1)
        return [flip_s + 0.003 * (self._flips % 2)]


def test_dropped_frames_are_counted_where_they_stood_on_the_screen() -> None:
    # Flips 1-2 fixation, 3-5 image, 6-7 spot, 8-11 image, 12-13 spot.
    display = StumblingDisplay({3: 4, 5: 2, 6: 1, 7: 5, 12: 1})
    daemon = RehearsedDaemon(
        CONFIGURE, load([1, 2], np.random.default_rng(1)), block(trial(1, [1, 2]))
    )

    run(daemon, lambda _kind: display)

    first, second = daemon.presented
    assert (first.dropped_frames, first.frames_shown) == (3, 6)
    assert (second.dropped_frames, second.frames_shown) == (1, 5)
    assert first.flip_off_host_s - first.flip_on_host_s == pytest.approx(6 / 60, abs=0.004)


@pytest.mark.parametrize(
    ("flips", "reported"), [(2, []), (3, [(1, 2)]), (4, [(2, 1)]), (5, [(3, 1)]), (6, [(3, 0)])]
)
def test_a_display_that_fails_in_a_presentation_has_what_it_did_not_show_reported_as_dropped(
    flips: int, reported: list[tuple[int, int]]
) -> None:
    # Flips 1-2 fixation, 3-5 image, 6-7 spot.
    class FailingDisplay(StumblingDisplay):
        def show(self, scene: Scene, frames: int) -> Sequence[float]:
            if len(self.collected) == flips:
                raise DisplayError("the window is gone")
            return super().show(scene, frames)

    daemon = RehearsedDaemon(CONFIGURE, load([1], np.random.default_rng(1)), block(trial(1, [1])))

    with pytest.raises(DisplayError, match="the window is gone"):
        run(daemon, lambda _kind: FailingDisplay({}))

    assert [(r.frames_shown, r.dropped_frames) for r in daemon.presented] == reported


def test_a_pause_between_parts_is_no_dropped_frame() -> None:
    # The first part takes 10 flips.
    display = StumblingDisplay({11: 500})
    daemon = RehearsedDaemon(
        CONFIGURE,
        load([1], np.random.default_rng(1)),
        block(trial(1, [1])),
        block(trial(2, [1], fixation=1), part=1),
    )

    run(daemon, lambda _kind: display)

    assert [report.dropped_frames for report in daemon.presented] == [0, 0]


def test_no_garbage_is_collected_in_a_block_and_all_after_it() -> None:
    display = StumblingDisplay({})
    daemon = RehearsedDaemon(CONFIGURE, load([1], np.random.default_rng(1)), block(trial(1, [1])))

    run(daemon, lambda _kind: display)

    assert set(display.collected) == {False}
    assert gc.isenabled()


def test_garbage_is_collected_again_after_a_fault_in_a_block() -> None:
    class BrokenDisplay(VirtualDisplay):
        def show(self, scene: Scene, frames: int) -> Sequence[float]:
            raise DisplayError(f"the screen was unplugged before {frames} frames of {scene}")

    daemon = RehearsedDaemon(CONFIGURE, load([1], np.random.default_rng(1)), block(trial(1, [1])))

    with pytest.raises(DisplayError, match="unplugged"):
        run(daemon, lambda _kind: BrokenDisplay())

    assert gc.isenabled()


def test_two_images_with_one_id_in_a_message_are_refused() -> None:
    daemon = RehearsedDaemon(CONFIGURE, load([1, 1], np.random.default_rng(1)))

    with pytest.raises(DisplayError, match="two images with the same id"):
        run(daemon, lambda _kind: VirtualDisplay())


def test_fewer_hashes_than_images_are_refused() -> None:
    images = load([1, 2], np.random.default_rng(1))
    short = images.model_copy(update={"sha256s": images.sha256s[:1]})

    with pytest.raises(DisplayError, match="2 images with 2 ids and 1 hashes"):
        run(RehearsedDaemon(CONFIGURE, short), lambda _kind: VirtualDisplay())


def test_images_without_three_channels_are_refused() -> None:
    images = load([1], np.random.default_rng(1))
    grey = images.model_copy(update={"images": images.images[..., :1]})

    with pytest.raises(DisplayError, match=r"\(16, 16, 1\) cannot be shown"):
        run(RehearsedDaemon(CONFIGURE, grey), lambda _kind: VirtualDisplay())


def test_an_empty_block_is_one_blank_frame() -> None:
    watched = WatchedDisplay(VirtualDisplay())
    empty = m.PresentBlock(block=0, part=0, trials=(), tail_frames=0)

    run(RehearsedDaemon(CONFIGURE, empty), lambda _kind: watched)

    assert watched.scenes == [(BLANK, 1)]


def test_the_readback_image_has_every_level_and_no_symmetry() -> None:
    image = readback_image()

    for channel in range(3):
        assert set(image[..., channel].ravel().tolist()) == set(range(256))
    turned = [image[::-1], image[:, ::-1], image.swapaxes(0, 1), image[..., ::-1], 255 - image]
    assert not any(np.array_equal(image, other) for other in turned)
