"""The folders of XDream: images whole or not at all, replies whole, new, and in time."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig_adapters.xdream.names import FolderError, ImageName, image_names, read_image_name
from rig_adapters.xdream.outbox import Outbox, decoded, encoded
from rig_adapters.xdream.replies import ReplyLate, ReplyWatch
from sessions.xdream import read_reply, write_reply

SETTLED_S = 0.5
HDF5 = write_reply("h5", ["a"], np.ones((1, 1)))


def pixels(seed: int, size: int = 8) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (size, size + 1, 3), np.uint8)


def files(block: int, n: int) -> dict[ImageName, bytes]:
    names = image_names(block, [f"thread00_gen003_{k:06d}" for k in range(n)], "png")
    return {name: encoded(pixels(k), name) for k, name in enumerate(names)}


@given(
    st.integers(0, 999),
    st.integers(0, 999),
    st.from_regex(r"[A-Za-z0-9][A-Za-z0-9.-]{0,8}(_[A-Za-z0-9.-]{1,8}){0,3}", fullmatch=True),
    st.sampled_from(["png", "bmp"]),
)
def test_a_name_says_what_it_was_made_of(
    block: int, index: int, image_id: str, format: str
) -> None:
    name = ImageName(block, index, image_id, format)  # type: ignore[arg-type]
    assert read_image_name(str(name)) == name


@pytest.mark.parametrize(
    ("block", "index", "image_id"),
    [
        (1000, 0, "a"),
        (-1, 0, "a"),
        (0, 1000, "a"),
        *((0, 0, each) for each in ("", "a/b", "..", "a b", "a__b", "a\\b", "x" * 200, "ü")),
    ],
)
def test_what_would_be_misread_is_no_name(block: int, index: int, image_id: str) -> None:
    with pytest.raises(FolderError, match="cannot be called"):
        ImageName(block, index, image_id, "png")


@given(st.text(max_size=40))
def test_other_files_are_no_images(name: str) -> None:
    found = read_image_name(name)
    assert found is None or str(found) == name


@pytest.mark.parametrize("format", ["png", "bmp"])
def test_images_come_back_pixel_by_pixel(format: str) -> None:
    (name,) = image_names(0, ["a"], format)  # type: ignore[arg-type]
    np.testing.assert_array_equal(decoded(encoded(pixels(1), name), "a"), pixels(1))


def test_a_block_is_written_with_its_marker_and_only_it_is_taken_away(tmp_path: Path) -> None:
    (tmp_path / "block000_000_of.somebody.else.png").write_bytes(b"theirs")
    outbox, block = Outbox(tmp_path), files(4, 3)
    written = outbox.write(4, block)

    assert [each.name for each in written] == [str(name) for name in block]
    for each, data in zip(written, block.values(), strict=True):
        path = tmp_path / each.name
        assert path.read_bytes() == data
        assert (each.n_bytes, each.mtime_ns) == (len(data), path.stat().st_mtime_ns)
    assert (tmp_path / "block004.done").read_text("utf-8").split() == [w.name for w in written]
    outbox.take_away(4, [each.name for each in written])
    assert [path.name for path in tmp_path.iterdir()] == ["block000_000_of.somebody.else.png"]


def test_nothing_of_a_block_stays_when_it_cannot_be_written(tmp_path: Path) -> None:
    block = files(0, 3)
    second = list(block)[1]
    (tmp_path / f"{second}.unfinished").mkdir()
    with pytest.raises(FolderError, match="block 0 cannot be written"):
        Outbox(tmp_path).write(0, block)
    assert not [path for path in tmp_path.iterdir() if path.is_file()]


def test_an_image_of_another_program_is_not_overwritten(tmp_path: Path) -> None:
    block = files(0, 2)
    theirs = tmp_path / str(list(block)[1])
    theirs.write_bytes(b"theirs")
    with pytest.raises(FolderError, match="another program"):
        Outbox(tmp_path).write(0, block)
    assert theirs.read_bytes() == b"theirs"
    assert [path.name for path in tmp_path.iterdir()] == [theirs.name]


def test_a_link_in_the_folder_is_not_written_through(tmp_path: Path) -> None:
    folder, precious = tmp_path / "images", tmp_path / "precious"
    folder.mkdir()
    precious.write_text("mine", encoding="utf-8")
    block = files(0, 1)
    (folder / f"{next(iter(block))}.unfinished").symlink_to(precious)
    with pytest.raises(FolderError):
        Outbox(folder).write(0, block)
    assert precious.read_text("utf-8") == "mine"


@pytest.mark.parametrize(
    "left", ["images/block000_000_a.png", "images/block000.done", "replies/block007.mat"]
)
def test_folders_of_another_session_are_refused(tmp_path: Path, left: str) -> None:
    for folder in ("images", "replies"):
        (tmp_path / folder).mkdir()
    (tmp_path / "images" / "notes.txt").touch()
    Outbox(tmp_path / "images").check(tmp_path / "replies")
    (tmp_path / left).touch()
    with pytest.raises(FolderError, match="another session"):
        Outbox(tmp_path / "images").check(tmp_path / "replies")


def test_a_reply_is_read_when_it_no_longer_changes(tmp_path: Path) -> None:
    watch, path = ReplyWatch(tmp_path, 0, SETTLED_S), tmp_path / "block000.h5"
    assert watch.look(0.0, 100.0) is None
    path.write_bytes(b"")
    assert watch.look(1.0, 100.0) is None
    assert watch.look(9.0, 100.0) is None, "nothing is in it"
    path.write_bytes(HDF5[:300])
    assert watch.look(10.0, 100.0) is None
    with path.open("ab") as file:
        file.write(HDF5[300:])
    assert watch.look(10.4, 100.0) is None
    assert watch.look(10.8, 100.0) is None, "it changed 0.4 s ago"
    reply = watch.look(10.91, 100.0)
    assert reply is not None
    assert (reply.data, reply.format) == (HDF5, "h5")
    assert reply.mtime_ns == path.stat().st_mtime_ns


def test_a_reply_that_cannot_be_opened_yet_is_waited_for(tmp_path: Path) -> None:
    watch, path = ReplyWatch(tmp_path, 0, SETTLED_S), tmp_path / "block000.h5"
    path.write_bytes(HDF5[:1000])
    assert watch.look(0.0, 5.0) is None
    assert watch.look(1.0, 5.0) is not None
    watch.handed_over()
    assert watch.look(2.0, 5.0) is None
    path.write_bytes(HDF5)
    assert watch.look(3.0, 5.0) is None
    assert watch.look(4.0, 5.0) is not None
    watch.handed_over()
    with pytest.raises(ReplyLate, match="cut off"):
        watch.look(5.1, 5.0)


def test_an_old_reply_is_not_taken_for_a_new_one(tmp_path: Path) -> None:
    (tmp_path / "block003.mat").write_bytes(HDF5)
    with pytest.raises(FolderError, match="before block 3 was shown"):
        ReplyWatch(tmp_path, 3, SETTLED_S)


def test_two_replies_are_refused(tmp_path: Path) -> None:
    watch = ReplyWatch(tmp_path, 0, SETTLED_S)
    for name in ("block000.mat", "block000.h5"):
        (tmp_path / name).write_bytes(HDF5)
    with pytest.raises(FolderError, match="two replies"):
        watch.look(0.0, 5.0)


def test_a_reply_that_is_no_hdf5_is_refused(tmp_path: Path) -> None:
    watch = ReplyWatch(tmp_path, 0, SETTLED_S)
    (tmp_path / "block000.mat").write_bytes(b"MATLAB 5.0 MAT-file" + bytes(1000))
    watch.look(0.0, 5.0)
    with pytest.raises(FolderError, match=r"-v7\.3"):
        watch.look(1.0, 5.0)


@pytest.mark.parametrize(
    ("there", "why"), [(None, "the rig runs"), ("block001.mat", "counts blocks otherwise")]
)
def test_no_reply_ends_with_a_sentence_at_the_deadline(
    tmp_path: Path, there: str | None, why: str
) -> None:
    watch = ReplyWatch(tmp_path, 0, SETTLED_S)
    if there is not None:
        (tmp_path / there).write_bytes(HDF5)
    assert watch.look(4.9, 5.0) is None
    with pytest.raises(ReplyLate, match=why):
        watch.look(5.1, 5.0)


RIG = """
import sys, time
from pathlib import Path
import h5py, numpy as np, PIL.Image
images, replies = Path(sys.argv[1]), Path(sys.argv[2])
for block in range(2):
    seen = -1
    while True:
        # As rigs do: until there are some and no more come.
        found = sorted(images.glob(f"block{block:03d}*.png"))
        if found and len(found) == seen:
            break
        seen = len(found)
        time.sleep(0.05)
    means = [np.asarray(PIL.Image.open(path)).mean(axis=(0, 1)) for path in found]
    with h5py.File(replies / f"block{block:03d}.h5", "w") as file:
        file["scores"] = np.array(means)
        file.flush()
        time.sleep(0.3)
"""


@pytest.mark.system
def test_blocks_go_to_a_rig_in_another_process_and_come_back_scored(tmp_path: Path) -> None:
    images, replies = tmp_path / "images", tmp_path / "replies"
    for folder in (images, replies):
        folder.mkdir()
    outbox = Outbox(images)
    outbox.check(replies)
    rig = subprocess.Popen([sys.executable, "-c", RIG, str(images), str(replies)])
    try:
        for block in range(2):
            watch, shown = ReplyWatch(replies, block, SETTLED_S), files(block, 12)
            written = outbox.write(block, shown)
            reply, deadline_s = None, time.monotonic() + 30
            while reply is None:
                time.sleep(0.02)
                reply = watch.look(time.monotonic(), deadline_s)
            outbox.take_away(block, [each.name for each in written])
            names = [str(name) for name in shown]
            responses = read_reply(reply.data, reply.format, names)
            expected = [decoded(data, "").mean(axis=(0, 1)) for data in shown.values()]
            np.testing.assert_allclose(responses.values, expected)
    finally:
        rig.kill()
        rig.wait()
    assert os.listdir(images) == []
