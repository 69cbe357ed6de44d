"""The process at the folders as the daemon has it: real, with a rig of one's own beside it."""

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rig_adapters.errors import PeerFaulted
from rig_adapters.sent_images import image_sha256
from rig_adapters.testing.driver import DEADLINE_S, Driver, started
from rig_adapters.wire import folders as f
from rig_adapters.wire import messages as m
from rig_adapters.wire.conversation import FOLDERS
from rig_adapters.xdream.outbox import decoded

pytestmark = [pytest.mark.system]

PIXELS = np.random.default_rng(3).integers(0, 256, (3, 16, 12, 3), np.uint8)
REPLY = b"\x89HDF\r\n\x1a\n" + bytes(100)
NAMES = ("block000_000_a.png", "block000_001_b.png")


@dataclass(frozen=True)
class Folders:
    """Both folders of a rig, and a process at them."""

    images: Path
    replies: Path
    settings: dict[str, Any]

    def names(self) -> list[str]:
        """Return what lies in the folder of images."""
        return sorted(path.name for path in self.images.iterdir())


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    images, replies = tmp_path / "images", tmp_path / "replies"
    images.mkdir()
    replies.mkdir()
    settings = {
        "image_folder": str(images),
        "reply_folder": str(replies),
        "channels": 2,
        "reply_deadline_s": 30.0,
        "settled_s": 0.1,
    }
    return Folders(images, replies, settings)


@pytest.fixture
def driver() -> Iterator[Driver]:
    with started("rig_adapters.xdream", FOLDERS) as driver:
        yield driver


def opened(driver: Driver, folders: Folders, first_block: int = 0, **more: Any) -> m.RigConfigured:
    """Open the folders and load three images, of which the first is kept."""
    driver.send(f.OpenFolders(settings={**folders.settings, **more}, first_block=first_block))
    configured = driver.expect(m.RigConfigured)
    for rows, keep in ((slice(0, 1), True), (slice(1, 3), False)):
        images = PIXELS[rows]
        ids = np.arange(3, dtype=np.int64)[rows]
        hashes = tuple(image_sha256(image) for image in images)
        driver.send(m.LoadImages(image_ids=ids, sha256s=hashes, images=images, keep=keep))
        driver.expect(m.ImagesLoaded)
    return configured


def written(driver: Driver, block: int = 0, ids: tuple[int, ...] = (2, 0)) -> f.BlockWritten:
    names = tuple(name.replace("000_", f"{block:03d}_", 1) for name in NAMES[: len(ids)])
    driver.send(f.WriteBlock(folder_block=block, image_ids=np.array(ids, np.int64), names=names))
    return driver.expect(f.BlockWritten)


def test_a_block_is_written_answered_and_taken_away(driver: Driver, folders: Folders) -> None:
    assert [unit.unit_id for unit in opened(driver, folders).units] == [100, 200]
    told = written(driver)

    assert folders.names() == ["block000.done", *NAMES]
    for image, row in zip(told.images, (2, 0), strict=True):
        pixels = decoded((folders.images / image.name).read_bytes(), image.name)
        np.testing.assert_array_equal(pixels, PIXELS[row])
        assert image.image_sha256 == image_sha256(PIXELS[row])

    (folders.replies / "block000.mat").write_bytes(REPLY)
    reply = driver.expect(f.ReplyArrived)
    assert (reply.name, reply.format, reply.data.tobytes()) == ("block000.mat", "mat", REPLY)
    driver.send(f.CloseBlock())
    driver.expect(f.BlockClosed)
    assert folders.names() == []
    # What the rig wrote is the rig's.
    assert [path.name for path in folders.replies.iterdir()] == ["block000.mat"]
    # The next part of the block shows images that were loaded before.
    written(driver, block=1)


def test_a_reply_that_grows_on_is_handed_over_again(driver: Driver, folders: Folders) -> None:
    opened(driver, folders)
    written(driver)
    (folders.replies / "block000.h5").write_bytes(REPLY[:50])
    assert driver.expect(f.ReplyArrived).data.size == 50
    with (folders.replies / "block000.h5").open("ab") as file:
        file.write(REPLY[50:])
    assert driver.expect(f.ReplyArrived).data.tobytes() == REPLY


def test_a_reply_that_does_not_come_is_told_in_a_sentence(driver: Driver, folders: Folders) -> None:
    opened(driver, folders, reply_deadline_s=0.3)
    written(driver)
    assert "block000.mat" in driver.expect(f.ReplyLate).why
    driver.send(f.CloseBlock())
    driver.expect(f.BlockClosed)
    assert folders.names() == []


def test_a_block_that_is_aborted_or_left_open_is_taken_away(
    driver: Driver, folders: Folders
) -> None:
    opened(driver, folders)
    written(driver)
    driver.send(m.AbortBlock())
    driver.expect(m.BlockAborted)
    assert folders.names() == []
    written(driver, block=1)
    driver.send(m.Shutdown())
    driver.expect(m.ShutDown)
    driver.process.wait(DEADLINE_S)
    assert folders.names() == []


def test_images_of_the_block_before_are_forgotten_and_kept_ones_are_not(
    driver: Driver, folders: Folders
) -> None:
    opened(driver, folders)
    written(driver)
    driver.send(m.AbortBlock())
    driver.expect(m.BlockAborted)
    hashes = (image_sha256(PIXELS[1]),)
    ids = np.array([7], np.int64)
    driver.send(m.LoadImages(image_ids=ids, sha256s=hashes, images=PIXELS[1:2]))
    driver.expect(m.ImagesLoaded)
    written(driver, block=1, ids=(7, 0))
    driver.send(m.AbortBlock())
    driver.expect(m.BlockAborted)
    with pytest.raises(PeerFaulted, match="never loaded"):
        written(driver, block=2, ids=(2, 0))


def test_after_a_kill_only_a_session_that_goes_on_takes_the_images_away(folders: Folders) -> None:
    with started("rig_adapters.xdream", FOLDERS) as killed:
        opened(killed, folders)
        written(killed)
        killed.process.send_signal(signal.SIGKILL)
        killed.process.wait(DEADLINE_S)
    assert len(folders.names()) == 3
    # As where it was killed while it wrote.
    (folders.images / f"{NAMES[1]}.unfinished").write_bytes(b"half")
    with (
        started("rig_adapters.xdream", FOLDERS) as new,
        pytest.raises(PeerFaulted, match="another session"),
    ):
        opened(new, folders)
    assert len(folders.names()) == 4
    with started("rig_adapters.xdream", FOLDERS) as goes_on:
        opened(goes_on, folders, first_block=1)
        assert folders.names() == []
        written(goes_on, block=1)


@pytest.mark.parametrize(
    "names",
    [("../a.png", "b.png"), NAMES[:1], (NAMES[0], NAMES[0]), ("block001_000_a.png", NAMES[1])],
)
def test_names_that_are_none_are_refused(
    names: tuple[str, ...], driver: Driver, folders: Folders
) -> None:
    opened(driver, folders)
    driver.send(f.WriteBlock(folder_block=0, image_ids=np.array([1, 2], np.int64), names=names))
    with pytest.raises(PeerFaulted, match="names of block 0"):
        driver.expect(f.BlockWritten)
    assert folders.names() == []


def test_settings_that_are_none_are_told_in_a_sentence(driver: Driver, folders: Folders) -> None:
    driver.send(
        f.OpenFolders(settings={**folders.settings, "reply_folder": "/nowhere"}, first_block=0)
    )
    with pytest.raises(PeerFaulted, match="there is no folder /nowhere"):
        driver.expect(m.RigConfigured)
