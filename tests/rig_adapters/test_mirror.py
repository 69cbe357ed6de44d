"""A mirror gets what is on the screen, also when it comes late, and never makes anybody wait."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import zmq

from rig_adapters.endpoints import EndpointRefused
from rig_adapters.mirror import MOST_WAITING, MirrorSource, MirrorWatcher
from rig_adapters.stimulus.geometry import framebuffer_box, placement
from rig_adapters.stimulus.reflection import Reflection
from rig_adapters.wire import messages as m
from rig_adapters.wire.light import ImagesForgotten, ImagesUploaded, LightChanged

SHAS = tuple(letter * 64 for letter in "abc")
IMAGES = np.stack([np.full((16, 16, 3), level, np.uint8) for level in (10, 100, 200)])
PATIENCE_MS = 20_000
CONFIGURE = m.ConfigureDisplay(
    kind="virtual",
    geometry=m.ScreenGeometry(size_px=(320, 240), width_cm=16, distance_cm=57, refresh_hz=60),
    full_screen=False,
    background_grey=77,
    fixation=m.FixationSpot(diameter_deg=0.5),
    photodiode=m.PhotodiodePatch(size_px=24, corner="top_right"),
    light_endpoint=None,
)


@pytest.fixture
def endpoint(tmp_path: Path) -> str:
    return f"ipc://{tmp_path}/mirror"


@pytest.fixture
def source(endpoint: str) -> Iterator[MirrorSource]:
    source = MirrorSource(endpoint)
    yield source
    source.close()


@pytest.fixture
def watcher(endpoint: str, source: MirrorSource) -> Iterator[MirrorWatcher]:
    assert source
    watcher = MirrorWatcher(endpoint)
    yield watcher
    watcher.close()


def upload(*rows: int) -> ImagesUploaded:
    chosen = list(rows)
    return ImagesUploaded(sha256s=tuple(SHAS[k] for k in chosen), images=IMAGES[chosen])


def until_watched(source: MirrorSource) -> None:
    deadline_s = time.monotonic() + 20
    while not source._socket.poll(10):
        assert time.monotonic() < deadline_s


def test_who_comes_late_gets_all_that_is_loaded_and_no_more(
    source: MirrorSource, endpoint: str
) -> None:
    source.upload(upload(0, 1))
    source.change(LightChanged(what="fixation_on", host_time_s=1.0))
    source.upload(ImagesForgotten(sha256s=(SHAS[0],)))
    watcher = MirrorWatcher(endpoint)
    try:
        until_watched(source)
        source.upload(upload(2))
        source.change(LightChanged(what="image_on", host_time_s=2.0, image_sha256=SHAS[2]))

        loaded, change = (watcher.receive(PATIENCE_MS) for _ in range(2))
    finally:
        watcher.close()

    assert isinstance(loaded, ImagesUploaded)
    assert loaded.sha256s == (SHAS[1], SHAS[2])
    np.testing.assert_array_equal(loaded.images, IMAGES[1:])
    assert isinstance(change, LightChanged)
    assert change.what == "image_on"


def test_a_mirror_that_does_not_read_loses_what_is_too_much_and_delays_nobody(
    source: MirrorSource, endpoint: str
) -> None:
    with zmq.Context() as context, context.socket(zmq.SUB) as stuck:
        stuck.setsockopt(zmq.LINGER, 0)
        stuck.setsockopt(zmq.RCVHWM, 1)
        stuck.setsockopt(zmq.SUBSCRIBE, b"")
        stuck.connect(endpoint)
        until_watched(source)
        big = np.zeros((4, 256, 256, 3), np.uint8)
        n_sent = 20 * MOST_WAITING
        source.upload(ImagesUploaded(sha256s=(SHAS[0],) * 4, images=big))
        for k in range(n_sent):
            source.change(LightChanged(what="image_off", host_time_s=float(k)))
            if k % 100 == 0:
                source.upload(ImagesUploaded(sha256s=(SHAS[0],) * 4, images=big))
        received = 0
        while stuck.poll(200):
            stuck.recv_multipart()
            received += 1

    assert 0 < received < n_sent


def test_what_is_no_light_is_refused(watcher: MirrorWatcher, source: MirrorSource) -> None:
    until_watched(source)
    source._socket.send_multipart([b"nonsense"])

    assert watcher.receive(PATIENCE_MS) is None
    assert watcher.refusals.total == 1


def test_a_mirror_on_another_machine_is_refused() -> None:
    with pytest.raises(EndpointRefused, match="does not leave the machine"):
        MirrorWatcher("tcp://192.0.2.1:5555")


@pytest.mark.parametrize(("gamma", "level"), [(None, 255), (2.2, 0)])
def test_the_spot_is_as_black_or_white_as_on_the_screen(gamma: float | None, level: int) -> None:
    # With a gamma of 2.2, a value of 140 is shown as a level of 194.
    lighter = {"background_grey": 140, "appearance": m.Appearance(gamma=gamma)}
    reflection = Reflection(CONFIGURE.model_copy(update=lighter), 320)
    reflection.see(LightChanged(what="fixation_on", host_time_s=1.0))

    assert set(reflection.paint()[120, 160].tolist()) == {level}


def test_the_picture_shows_image_patch_and_spot_where_the_screen_has_them() -> None:
    reflection = Reflection(CONFIGURE, 320)
    reflection.see(upload(0, 1, 2))
    reflection.see(LightChanged(what="patch_lit", host_time_s=1.0))
    on = {"x_deg": -3.0, "y_deg": 2.0, "size_deg": 2.0, "image_sha256": SHAS[2]}
    reflection.see(LightChanged(what="image_on", host_time_s=1.0, **on))

    expected = np.full((240, 320, 3), 77, np.uint8)
    expected[:24, -24:] = 255
    where = placement(CONFIGURE.geometry, -3, 2, 2)
    expected[framebuffer_box(CONFIGURE.geometry, where).slices] = 200
    np.testing.assert_array_equal(reflection.paint(), expected)
    assert reflection.shows_an_image
    reflection.see(LightChanged(what="image_off", host_time_s=2.0))
    reflection.see(LightChanged(what="patch_dark", host_time_s=2.0))
    reflection.see(LightChanged(what="fixation_on", host_time_s=2.0))
    picture = reflection.paint()
    assert (picture[:24, -24:] == 0).all()
    assert (picture[118:122, 158:162] == 255).any()
    assert (picture[30:100] == 77).all()


def test_an_image_that_the_mirror_has_not_got_is_a_crossed_box_at_its_place() -> None:
    reflection = Reflection(CONFIGURE, 160)
    reflection.see(upload(0))
    reflection.see(ImagesForgotten(sha256s=(SHAS[0],)))
    reflection.see(
        LightChanged(what="image_on", host_time_s=1.0, image_sha256=SHAS[0], size_deg=4.0)
    )

    picture = reflection.paint()

    assert picture.shape == (120, 160, 3)
    assert not reflection.shows_an_image
    assert (picture[:, :, 0] == 200).sum() > 40
