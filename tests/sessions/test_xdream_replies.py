"""Replies of an XDream rig: matched by name, and refused where they cannot be of this block."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sessions.xdream import (
    ReplyError,
    ReplyFormat,
    UnreadableReply,
    WrongReply,
    read_reply,
    responses_from,
    told_of,
    write_reply,
)

NAMES = ("block000_001_b.png", "block000_000_a.png", "block000_002_c.png")
VALUES = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])

numbers = st.floats(-1e6, 1e6)


def saved(write: Callable[[h5py.File], None]) -> bytes:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        write(file)
    return stream.getvalue()


def matlab(
    rows: list[str], values: npt.NDArray[np.float64], shape: tuple[int, int] | None = None
) -> bytes:
    """Save as MATLAB does: texts as columns of codes, referred to by a cell array."""

    def write(file: h5py.File) -> None:
        cells = file.create_dataset("stimulusID", shape or (len(rows), 1), dtype=h5py.ref_dtype)
        for n, row in enumerate(rows):
            codes = np.array([[ord(letter)] for letter in row], np.uint16)
            text = file.create_dataset(f"#refs#/{n}", data=codes)
            cells[n if shape is None else 0, 0 if shape is None else n] = text.ref
        file["tEvokedResp"] = values

    return saved(write)


@given(
    hnp.arrays(np.float64, st.tuples(st.integers(1, 8), st.integers(1, 4)), elements=numbers),
    st.randoms(use_true_random=False),
    st.sampled_from(["", "C:\\rig\\stimuli\\", "/mnt/share/", "\\\\server\\share\\"]),
    st.integers(0, 3),
)
def test_rows_are_matched_by_name_whatever_their_order(
    values: npt.NDArray[np.float64], random: object, path: str, missing: int
) -> None:
    names = tuple(f"block003_{n:03d}_gen007.{n}.png" for n in range(len(values)))
    order = list(range(len(values)))
    random.shuffle(order)  # type: ignore[attr-defined]
    order = order[min(missing, len(order) - 1) :]
    data = matlab([path + names[n] for n in order], values[order])

    reply = read_reply(data, "mat", names)

    assert np.flatnonzero(reply.answered).tolist() == sorted(order)
    np.testing.assert_array_equal(reply.values[order], values[order])
    assert np.isnan(reply.values[~reply.answered]).all()


@given(hnp.arrays(np.float64, st.tuples(st.integers(1, 8), st.integers(1, 4)), elements=numbers))
def test_what_is_written_is_what_is_read(values: npt.NDArray[np.float64]) -> None:
    names = tuple(f"block003_{n:03d}_{chr(98 - n % 2)}.png" for n in reversed(range(len(values))))
    for format in ("mat", "h5"):
        data = write_reply(format, names, values)  # type: ignore[arg-type]
        reply = read_reply(data, format, names)  # type: ignore[arg-type]
        np.testing.assert_array_equal(reply.values, values)
        assert reply.answered.all()


def test_a_mat_has_the_header_by_which_matlab_knows_it() -> None:
    data = write_reply("mat", NAMES, VALUES)
    assert data.startswith(b"MATLAB 7.3 MAT-file")
    assert data[124:128] == b"\x00\x02IM"
    assert data[512:520] == b"\x89HDF\r\n\x1a\n"


def test_scores_without_indices_are_those_of_all_images_by_their_names_order() -> None:
    reply = read_reply(saved(lambda f: f.update({"scores": [7.0, 8.0, 9.0]})), "h5", NAMES)
    assert reply.values[:, 0].tolist() == [8.0, 7.0, 9.0]


def test_indices_say_whose_scores_these_are() -> None:
    def write(file: h5py.File) -> None:
        file["scores"], file["indices"] = [7.0, 8.0], [2, 0]

    reply = read_reply(saved(write), "h5", NAMES)
    assert reply.answered.tolist() == [False, True, True]
    assert reply.values[1:, 0].tolist() == [8.0, 7.0]


def test_nan_is_no_response_and_stays_one() -> None:
    values = VALUES.copy()
    values[1] = np.nan
    reply = read_reply(matlab(list(NAMES), values), "mat", NAMES)
    np.testing.assert_array_equal(reply.values, values)


def scores(values: object, indices: object = None) -> bytes:
    def write(file: h5py.File) -> None:
        file["scores"] = values
        if indices is not None:
            file["indices"] = indices

    return saved(write)


@pytest.mark.parametrize(
    ("data", "format", "why"),
    [
        (matlab(["block001_000_a.png"], VALUES[:1]), "mat", "not shown in this block"),
        (matlab(["a"], VALUES[:1]), "mat", "not shown"),
        (matlab([NAMES[0], NAMES[0]], VALUES[:2]), "mat", "twice"),
        (matlab(list(NAMES), VALUES.T), "mat", "channels by images"),
        (matlab(list(NAMES), np.full((3, 1), np.inf)), "mat", "infinite"),
        (scores([1.0, 2.0, 3.0]), "mat", "no stimulusID"),
        (scores([1.0, 2.0]), "h5", "no indices"),
        (scores([1.0], [3]), "h5", "from 0 to 2"),
        (scores([1.0], [-1]), "h5", "from 0 to 2"),
        (scores([1.0], [0.5]), "h5", "from 0 to 2"),
        (scores([1.0, 2.0], [1, 1]), "h5", "twice"),
        (scores(["one"]), "h5", "numbers"),
        (scores(np.zeros((3, 2, 2))), "h5", "numbers"),
        (matlab(list(NAMES), VALUES), "h5", "no scores"),
    ],
)
def test_a_reply_that_cannot_be_of_this_block_is_refused(
    data: bytes, format: str, why: str
) -> None:
    with pytest.raises(ReplyError, match=why):
        read_reply(data, format, NAMES)  # type: ignore[arg-type]


def test_a_reply_reads_no_other_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret.h5"
    secret.write_bytes(scores([1.0, 2.0, 3.0]))
    (tmp_path / "raw").write_bytes(np.zeros(3).tobytes())

    def linked(file: h5py.File) -> None:
        file["scores"] = h5py.ExternalLink(str(secret), "scores")

    def external(file: h5py.File) -> None:
        raw = [(str(tmp_path / "raw"), 0, 24)]
        file.create_dataset("scores", (3,), "f8", external=raw)

    def virtual(file: h5py.File) -> None:
        layout = h5py.VirtualLayout((3,), "f8")
        layout[:] = h5py.VirtualSource(str(secret), "scores", (3,))
        file.create_virtual_dataset("scores", layout)

    for write in (linked, external, virtual):
        with pytest.raises(ReplyError, match="scores"):
            read_reply(saved(write), "h5", NAMES)


@given(st.data())
def test_a_reply_that_is_cut_off_is_refused(data: st.DataObject) -> None:
    whole = write_reply("mat", NAMES, VALUES)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    with pytest.raises(UnreadableReply):
        read_reply(cut, "mat", NAMES)


@settings(max_examples=300)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["mat", "h5"]))
def test_a_damaged_reply_is_read_or_refused_and_nothing_else_is_raised(
    seed: int, format: str
) -> None:
    rng = np.random.default_rng(seed)
    data = bytearray(write_reply(format, NAMES, VALUES))  # type: ignore[arg-type]
    for at in rng.integers(0, len(data), rng.integers(1, 8)):
        data[at] = rng.integers(0, 256)
    # Nothing in the file says what its numbers were, so a wrong one is not noticed here.
    with suppress(ReplyError):
        read_reply(bytes(data), format, NAMES)  # type: ignore[arg-type]


@given(st.binary(max_size=600))
def test_noise_is_no_reply(noise: bytes) -> None:
    with pytest.raises(UnreadableReply):
        read_reply(noise, "h5", NAMES)


@given(st.data())
def test_what_another_process_says_of_a_reply_is_what_it_says(data: st.DataObject) -> None:
    format: ReplyFormat = data.draw(st.sampled_from(["mat", "h5"]))
    reply = write_reply(format, NAMES, VALUES)
    told = json.loads(json.dumps(told_of(reply, format, NAMES, VALUES.shape[1])))

    again, whole = responses_from(told), read_reply(reply, format, NAMES)
    assert again.names == whole.names
    np.testing.assert_array_equal(again.values, whole.values)
    np.testing.assert_array_equal(again.answered, whole.answered)


def test_another_process_tells_what_is_wrong_with_a_reply() -> None:
    whole = write_reply("mat", NAMES, VALUES)
    with pytest.raises(WrongReply, match="channels says 7"):
        responses_from(told_of(whole, "mat", NAMES, 7))
    with pytest.raises(WrongReply, match="were not shown"):
        responses_from(told_of(whole, "mat", NAMES[:-1], VALUES.shape[1]))
    with pytest.raises(UnreadableReply):
        responses_from(told_of(whole[:700], "mat", NAMES, VALUES.shape[1]))


def test_a_reply_that_names_no_image_is_one_without_responses() -> None:
    empty = write_reply("mat", [], VALUES[:0])
    responses = responses_from(told_of(empty, "mat", NAMES, VALUES.shape[1]))
    assert not responses.answered.any()
    assert responses.values.shape == (len(NAMES), VALUES.shape[1])
    assert np.isnan(responses.values).all()


def test_the_process_that_reads_replies_says_it_in_json(tmp_path: Path) -> None:
    path = tmp_path / "block000.mat"
    path.write_bytes(write_reply("mat", NAMES, VALUES))
    asked = json.dumps({"names": list(NAMES), "channels": VALUES.shape[1]})
    command = [sys.executable, "-m", "sessions.read_reply", "mat", str(path)]
    done = subprocess.run(command, input=asked, capture_output=True, text=True, check=True)
    np.testing.assert_array_equal(responses_from(json.loads(done.stdout)).values, VALUES)
