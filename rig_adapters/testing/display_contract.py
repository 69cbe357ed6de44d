"""What every display promises, as tests.

A lab runs them on its own:

    class TestOurDisplay(DisplayContract):
        @pytest.fixture
        def display(self):
            return OurDisplay()

`display` is a new one for each test, not yet opened. Override `geometry` where the display insists
on its own. Timing is left out; a machine that is not a rig keeps none.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rig_adapters.errors import DisplayError
from rig_adapters.light import LightWatcher
from rig_adapters.stimulus.base import BLANK, Display
from rig_adapters.stimulus.presenter import run
from rig_adapters.testing.rehearsed_daemon import (
    Interrupt,
    RehearsedDaemon,
    block,
    load,
    trial,
)
from rig_adapters.testing.watched_display import WatchedDisplay
from rig_adapters.wire import messages as m
from rig_adapters.wire.light import ImagesForgotten, ImagesUploaded, LightChanged


class DisplayContract:
    """Subclass it and give a `display` fixture."""

    @pytest.fixture
    def geometry(self) -> m.ScreenGeometry:
        return m.ScreenGeometry(
            size_px=(320, 240), width_cm=16.0, distance_cm=57.0, refresh_hz=60.0
        )

    @pytest.fixture
    def kind(self) -> str:
        return "virtual"

    @pytest.fixture
    def configure(self, geometry: m.ScreenGeometry, kind: Any) -> m.ConfigureDisplay:
        return m.ConfigureDisplay(
            kind=kind,
            geometry=geometry,
            full_screen=False,
            background_grey=128,
            fixation=m.FixationSpot(diameter_deg=0.2),
            light_endpoint=None,
        )

    @pytest.fixture
    def watched(self, display: Display) -> WatchedDisplay:
        return WatchedDisplay(display)

    @pytest.fixture
    def rng(self) -> np.random.Generator:
        return np.random.default_rng(7)

    def test_every_presentation_is_reported_once_in_order_and_as_planned(
        self, watched: WatchedDisplay, configure: m.ConfigureDisplay, rng: np.random.Generator
    ) -> None:
        images = load([11, 12, 13], rng)
        plan = block(trial(1, [11, 12]), trial(2, [13]), trial(3, []), trial(4, [12, 11, 12]))
        daemon = RehearsedDaemon(configure, images, plan)

        run(daemon, lambda _kind: watched)

        shown = daemon.presented
        planned = [(t.trial_id, p) for t in plan.trials for p in t.presentations]
        sha256s = dict(zip(images.image_ids.tolist(), images.sha256s, strict=True))
        assert [(r.trial_id, r.presentation_id, r.image_id, r.image_sha256) for r in shown] == [
            (trial_id, p.presentation_id, p.image_id, sha256s[p.image_id])
            for trial_id, p in planned
        ]
        assert [r.frames_shown - r.dropped_frames for r in shown] == [
            p.on_frames for _, p in planned
        ]
        assert isinstance(daemon.reports[-2], m.BlockPresented)
        assert isinstance(daemon.reports[-1], m.ShutDown)

    def test_scenes_follow_the_plan_frame_by_frame(
        self, watched: WatchedDisplay, configure: m.ConfigureDisplay, rng: np.random.Generator
    ) -> None:
        daemon = RehearsedDaemon(configure, load([11, 12], rng), block(trial(1, [11, 12])))

        run(daemon, lambda _kind: watched)

        scenes = [(s.fixation, s.image.image_id if s.image else None, n) for s, n in watched.scenes]
        assert scenes == [
            (True, None, 2),
            (True, 11, 3),
            (True, None, 2),
            (True, 12, 4),
            (True, None, 2),
            (False, None, 3),
        ]

    def test_flips_follow_one_another_and_bound_each_presentation(
        self, watched: WatchedDisplay, configure: m.ConfigureDisplay, rng: np.random.Generator
    ) -> None:
        daemon = RehearsedDaemon(
            configure, load([11], rng), block(trial(1, [11, 11])), block(trial(2, [11]), part=1)
        )

        run(daemon, lambda _kind: watched)

        assert watched.flips_s == sorted(set(watched.flips_s))
        ends = [t for r in daemon.presented for t in (r.flip_on_host_s, r.flip_off_host_s)]
        assert ends == sorted(set(ends))
        assert set(ends) <= set(watched.flips_s)
        assert all(report.frames_shown >= 1 for report in daemon.presented)

    def test_presentations_without_a_gap_are_each_reported(
        self, watched: WatchedDisplay, configure: m.ConfigureDisplay, rng: np.random.Generator
    ) -> None:
        plan = block(trial(1, [11, 11, 12], off=0, fixation=1, between=1))
        daemon = RehearsedDaemon(configure, load([11, 12], rng), plan)

        run(daemon, lambda _kind: watched)

        first, second, third = daemon.presented
        assert first.flip_off_host_s == second.flip_on_host_s
        assert second.flip_off_host_s == third.flip_on_host_s
        assert watched.scenes[-1][0] == BLANK

    def test_a_block_without_a_tail_ends_blank(
        self, watched: WatchedDisplay, configure: m.ConfigureDisplay, rng: np.random.Generator
    ) -> None:
        plan = m.PresentBlock(
            block=0, part=0, trials=(trial(1, [11], off=0, between=1),), tail_frames=0
        )
        daemon = RehearsedDaemon(configure, load([11], rng), plan)

        run(daemon, lambda _kind: watched)

        assert watched.scenes[-1] == (BLANK, 2)
        assert len(daemon.presented) == 1

    @pytest.mark.parametrize("polls", [1, 2, 3, 4])
    def test_an_abort_blanks_the_screen_and_counts_what_was_completed(
        self,
        watched: WatchedDisplay,
        configure: m.ConfigureDisplay,
        rng: np.random.Generator,
        polls: int,
    ) -> None:
        plan = block(trial(1, [11], fixation=1, on=1, off=1), trial(2, [11]))
        daemon = RehearsedDaemon(configure, load([11], rng), plan, Interrupt(m.AbortBlock(), polls))

        run(daemon, lambda _kind: watched)

        (aborted,) = daemon.of(m.BlockAborted)
        assert isinstance(aborted, m.BlockAborted)
        assert aborted.presented == len(daemon.presented) == (1 if polls > 2 else 0)
        assert daemon.of(m.BlockPresented) == []
        assert watched.scenes[-1][0] == BLANK

    def test_after_an_abort_the_next_part_is_shown(
        self, watched: WatchedDisplay, configure: m.ConfigureDisplay, rng: np.random.Generator
    ) -> None:
        again = block(trial(2, [11]), part=1)
        daemon = RehearsedDaemon(
            configure, load([11], rng), block(trial(1, [11])), Interrupt(m.AbortBlock(), 2), again
        )

        run(daemon, lambda _kind: watched)

        assert [report.trial_id for report in daemon.presented] == [2]
        assert len(daemon.of(m.BlockPresented)) == 1

    def test_an_abort_between_blocks_tells_of_the_last_one(
        self, watched: WatchedDisplay, configure: m.ConfigureDisplay, rng: np.random.Generator
    ) -> None:
        daemon = RehearsedDaemon(
            configure, load([11], rng), block(trial(1, [11, 11])), m.AbortBlock()
        )

        run(daemon, lambda _kind: watched)

        assert daemon.of(m.BlockAborted) == [m.BlockAborted(presented=2)]

    def test_a_shutdown_in_a_block_ends_it_blank_and_closed(
        self, watched: WatchedDisplay, configure: m.ConfigureDisplay, rng: np.random.Generator
    ) -> None:
        daemon = RehearsedDaemon(
            configure, load([11], rng), block(trial(1, [11])), Interrupt(m.Shutdown(), 2)
        )

        run(daemon, lambda _kind: watched)

        assert watched.scenes[-1][0] == BLANK
        assert watched.closed
        assert isinstance(daemon.reports[-1], m.ShutDown)
        assert daemon.of(m.BlockPresented) == []

    def test_an_unknown_image_is_refused_before_anything_is_shown(
        self, watched: WatchedDisplay, configure: m.ConfigureDisplay, rng: np.random.Generator
    ) -> None:
        daemon = RehearsedDaemon(configure, load([11], rng), block(trial(1, [11, 99])))

        with pytest.raises(DisplayError, match="presentation 101 of block 0 shows image 99"):
            run(daemon, lambda _kind: watched)

        assert watched.scenes == []
        assert watched.closed

    def test_an_image_with_another_hash_is_refused_by_name(
        self, watched: WatchedDisplay, configure: m.ConfigureDisplay, rng: np.random.Generator
    ) -> None:
        good = load([11, 12], rng)
        bad = good.model_copy(update={"sha256s": (good.sha256s[0], "0" * 64)})

        with pytest.raises(DisplayError, match="image 12 does not match its SHA-256"):
            run(RehearsedDaemon(configure, bad), lambda _kind: watched)

        assert watched.uploaded == set()

    def test_an_id_that_is_loaded_again_shows_the_new_image(
        self, watched: WatchedDisplay, configure: m.ConfigureDisplay, rng: np.random.Generator
    ) -> None:
        old, new = load([11], rng), load([11], rng, side_px=24)
        daemon = RehearsedDaemon(
            configure, old, block(trial(1, [11])), new, block(trial(2, [11]), number=1)
        )

        run(daemon, lambda _kind: watched)

        assert [r.image_sha256 for r in daemon.presented] == [*old.sha256s, *new.sha256s]

    def test_kept_images_stay_and_the_others_last_for_one_block(
        self, watched: WatchedDisplay, configure: m.ConfigureDisplay, rng: np.random.Generator
    ) -> None:
        lines: list[m.Message] = [configure, load([1, 2], rng, keep=True)]
        for number in range(6):
            first, second = 10 + 2 * number, 11 + 2 * number
            plan = trial(number, [1, first, second, 2], on=1, off=1)
            # Two uploads for one block, and a part that is shown again.
            lines += [load([first], rng), load([second], rng)]
            lines += [block(plan, number=number), block(plan, number=number, part=1)]
        daemon = RehearsedDaemon(*lines)

        run(daemon, lambda _kind: watched)

        assert len(daemon.presented) == 6 * 2 * 4
        assert watched.uploaded == {1, 2, 20, 21}

    def test_images_of_an_earlier_block_cannot_be_shown(
        self, watched: WatchedDisplay, configure: m.ConfigureDisplay, rng: np.random.Generator
    ) -> None:
        daemon = RehearsedDaemon(
            configure,
            load([11], rng),
            block(trial(1, [11])),
            load([12], rng),
            block(trial(2, [11]), number=1),
        )

        with pytest.raises(DisplayError, match="shows image 11, which was not loaded"):
            run(daemon, lambda _kind: watched)

    def test_an_image_beyond_the_edge_is_refused(
        self, watched: WatchedDisplay, configure: m.ConfigureDisplay, rng: np.random.Generator
    ) -> None:
        planned = trial(1, [11])
        beyond = planned.presentations[0].model_copy(update={"x_deg": 8.0})
        plan = block(planned.model_copy(update={"presentations": (beyond,)}))

        with pytest.raises(DisplayError, match=r"presentation 100 .* outside the screen"):
            run(RehearsedDaemon(configure, load([11], rng), plan), lambda _kind: watched)

        assert watched.scenes == []

    def test_a_display_that_is_never_configured_is_never_opened(
        self, watched: WatchedDisplay
    ) -> None:
        daemon = RehearsedDaemon()

        run(daemon, lambda _kind: watched)

        assert daemon.reports == [m.ShutDown()]

    def test_work_is_reported_per_block(
        self, watched: WatchedDisplay, configure: m.ConfigureDisplay, rng: np.random.Generator
    ) -> None:
        daemon = RehearsedDaemon(configure, load([11], rng), block(trial(1, [11])))

        run(daemon, lambda _kind: watched)

        (over,) = daemon.of(m.BlockPresented)
        assert isinstance(over, m.BlockPresented)
        assert over.busy_s > 0
        assert over.host_time_s > watched.flips_s[-1]

    def test_the_patch_changes_at_every_onset_and_at_nothing_else(
        self, watched: WatchedDisplay, configure: m.ConfigureDisplay, rng: np.random.Generator
    ) -> None:
        patch = m.PhotodiodePatch(size_px=16, corner="top_left")
        daemon = RehearsedDaemon(
            configure.model_copy(update={"photodiode": patch}),
            load([11, 12], rng),
            block(trial(1, [11, 12], off=0), trial(2, [11])),
            block(trial(3, [12]), part=1),
        )

        run(daemon, lambda _kind: watched)

        lit, shown_before, onsets = False, None, 0
        for scene, _ in watched.scenes:
            if scene.image is not None and scene.image != shown_before:
                lit, onsets = not lit, onsets + 1
            assert scene.patch_lit is lit
            shown_before = scene.image
        assert onsets == len(daemon.presented) == 4
        assert {report.marked_by for report in daemon.presented} == {"photodiode"}

    def test_without_a_patch_nothing_marks_an_onset_and_the_report_says_so(
        self, watched: WatchedDisplay, configure: m.ConfigureDisplay, rng: np.random.Generator
    ) -> None:
        daemon = RehearsedDaemon(configure, load([11], rng), block(trial(1, [11])))

        run(daemon, lambda _kind: watched)

        assert [report.marked_by for report in daemon.presented] == ["none"]
        assert not any(scene.patch_lit for scene, _ in watched.scenes)

    def test_an_image_that_touches_the_patch_is_refused(
        self, watched: WatchedDisplay, configure: m.ConfigureDisplay, rng: np.random.Generator
    ) -> None:
        patch = m.PhotodiodePatch(size_px=165, corner="top_right")
        daemon = RehearsedDaemon(
            configure.model_copy(update={"photodiode": patch}),
            load([11], rng),
            block(trial(1, [11])),
        )

        with pytest.raises(DisplayError, match="would touch the photodiode patch"):
            run(daemon, lambda _kind: watched)

        assert watched.scenes == []

    def test_light_shows_a_watcher_what_was_reported(
        self,
        watched: WatchedDisplay,
        configure: m.ConfigureDisplay,
        rng: np.random.Generator,
        tmp_path: Path,
    ) -> None:
        endpoint = f"ipc://{tmp_path}/light"
        images, later = load([11, 12], rng), load([13], rng)
        watcher = LightWatcher(endpoint)
        daemon = RehearsedDaemon(
            configure.model_copy(update={"light_endpoint": endpoint}),
            images,
            block(trial(1, [11, 12])),
            later,
        )
        try:
            run(daemon, lambda _kind: watched)
            seen = [watcher.receive(5000) for _ in range(10)]
        finally:
            watcher.close()

        assert isinstance(seen[0], ImagesUploaded)
        assert seen[0].sha256s == images.sha256s
        np.testing.assert_array_equal(seen[0].images, images.images)
        changes = [change for change in seen if isinstance(change, LightChanged)]
        first, second = daemon.presented
        (over,) = daemon.of(m.BlockPresented)
        assert isinstance(over, m.BlockPresented)
        flips = watched.flips_s
        assert [(c.what, c.host_time_s, c.image_sha256, c.x_deg) for c in changes] == [
            ("fixation_on", flips[0], None, 0.0),
            ("image_on", first.flip_on_host_s, first.image_sha256, 1.0),
            ("image_off", first.flip_off_host_s, None, 0.0),
            ("image_on", second.flip_on_host_s, second.image_sha256, 2.0),
            ("image_off", second.flip_off_host_s, None, 0.0),
            ("fixation_off", flips[-3], None, 0.0),
            ("dark_until", over.host_time_s, None, 0.0),
        ]
        assert isinstance(seen[8], ImagesForgotten)
        assert set(seen[8].sha256s) == set(images.sha256s)
        assert isinstance(seen[9], ImagesUploaded)
