"""Exact replay of real logs: nothing differs, and whatever is altered is named by its place."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pytest

from controller.replay.exact import Difference, ExactReplay
from sessions.reader import LogReader, open_log

from .conftest import VIRTUAL, Lab

pytestmark = pytest.mark.system

GENERATION = 1
"""In which most of these tests alter something."""


@dataclass(frozen=True)
class Found:
    """What an exact replay found."""

    differences: list[Difference]
    notes: list[str]


def replayed(reader: LogReader) -> Found:
    replay = ExactReplay(reader)
    blocks = list(replay.blocks())
    return Found(
        [*replay.reference_differences(), *(d for block in blocks for d in block.differences)],
        [note for block in blocks for note in block.notes],
    )


def image_row(file: h5py.File, row: int) -> int:
    """Return where image `row` of that generation is among the codes."""
    generations = file["codes/thread_0/generation"][:]
    return int(np.flatnonzero(generations == GENERATION)[row])


def image_id(file: h5py.File, row: int) -> int:
    return int(file["codes/thread_0/image_id"][image_row(file, row)])


def row_of(file: h5py.File, table: str, image: int) -> int:
    """Return the first row of a table that is of an image; of presentations, a completed one."""
    mine = file[table]["image_id"][:] == image
    if table == "presentations":
        mine &= file[table]["outcome"][:] == b"completed"
    return int(np.flatnonzero(mine)[0])


def a_code(file: h5py.File) -> int:
    codes = file["codes/thread_0/code"]
    codes[image_row(file, 3), 7] += np.float32(0.25)
    return image_id(file, 3)


def a_stored_pixel(file: h5py.File) -> int:
    image = image_id(file, 4)
    row = row_of(file, "images", image)
    dataset = file[file["images/pixels_dataset"][row].decode()]
    pixels = dataset[int(file["images/pixels_row"][row])]
    pixels[2, 5, 1] ^= 1
    dataset[int(file["images/pixels_row"][row])] = pixels
    return image


def a_hash(file: h5py.File) -> int:
    image = image_id(file, 5)
    row = row_of(file, "images", image)
    told = file["images/sha256"][row].decode()
    file["images/sha256"][row] = ("0" if told[0] != "0" else "1") + told[1:]
    return image


def a_shown_hash(file: h5py.File) -> int:
    image = image_id(file, 6)
    row = row_of(file, "presentations", image)
    file["presentations/shown_sha256"][row] = "f" * 64
    return image


def a_count(file: h5py.File) -> int:
    image = image_id(file, 7)
    file["presentations/response_counts"][row_of(file, "presentations", image), 0] += 1
    return image


def a_score(file: h5py.File) -> int:
    image = image_id(file, 8)
    file["scores/score"][row_of(file, "scores", image)] += 0.5
    return image


def a_told_score(file: h5py.File) -> int:
    image = image_id(file, 9)
    file["scores/told_score"][row_of(file, "scores", image)] += 25
    return image


def a_spike(file: h5py.File) -> int:
    """Move a spike out of the window of an image that fired."""
    shown = file["presentations"]
    completed = shown["outcome"][:] == b"completed"
    of_generation = np.isin(shown["image_id"][:], [image_id(file, row) for row in range(40)])
    row = int(np.flatnonzero(completed & of_generation & (shown["response_counts"][:, 0] > 0))[0])
    onset_s = float(shown["onset_rig_s"][row])
    times, units = file["spikes/rig_time_s"][:], file["spikes/unit_id"][:]
    within = (units == file["units/unit_id"][0]) & (times >= onset_s + 0.05)
    file["spikes/rig_time_s"][int(np.flatnonzero(within)[0])] = onset_s - 1e6
    return int(shown["image_id"][row])


def an_id(file: h5py.File) -> int:
    image = image_id(file, 2)
    file["images/image_id"][row_of(file, "images", image)] = 99999
    return image


ALTERED: tuple[tuple[Callable[[h5py.File], int], str, str, dict[str, int]], ...] = (
    (a_code, "code", "element 7 of its code is ", {"code": 1}),
    (a_stored_pixel, "pixel", "the one in row 2, column 5 is", {"pixel": 1}),
    (a_hash, "pixel", "its hash is not that of its pixels", {"pixel": 1}),
    (a_shown_hash, "pixel", "other pixels were shown", {"pixel": 1}),
    (a_count, "count", " by its count, and ", {"count": 1}),
    (a_score, "score", "from its spikes", {"score": 1}),
    (a_told_score, "score", "the optimizer was told", {"score": 1}),
    (a_spike, "count", "in /spikes", {"count": 1, "score": 1}),
)


@pytest.mark.parametrize(("alter", "kind", "said", "counts"), ALTERED)
def test_what_was_altered_is_named_by_generation_and_image(
    own: LogReader,
    alter: Callable[[h5py.File], int],
    kind: str,
    said: str,
    counts: dict[str, int],
) -> None:
    with h5py.File(own.path, "r+") as file:
        image = alter(file)

    found = replayed(open_log(own.path))

    first = found.differences[0]
    assert (first.kind, first.thread_id, first.generation, first.image_id) == (
        kind, 0, GENERATION, image,
    )  # fmt: skip
    assert first.sentence.startswith(f"thread 0, generation {GENERATION}, image {image}: ")
    assert said in first.message
    kinds = [difference.kind for difference in found.differences]
    assert {name: kinds.count(name) for name in kinds} == counts


def test_an_altered_id_is_the_first_thing_that_is_told(own: LogReader) -> None:
    with h5py.File(own.path, "r+") as file:
        image = an_id(file)

    found = replayed(open_log(own.path))

    assert found.differences[0].kind == "id"
    assert any(d.image_id == image and "99999" in d.message for d in found.differences)


@pytest.mark.parametrize("alter", [a_code, a_told_score, a_spike])
def test_the_next_generation_tells_whether_a_log_was_altered_afterwards(
    own: LogReader, alter: Callable[[h5py.File], int]
) -> None:
    with h5py.File(own.path, "r+") as file:
        alter(file)

    (note,) = replayed(open_log(own.path)).notes

    story = "what is logged" if alter is a_spike else "what comes out again"
    assert f"generation {GENERATION}: the session went on from {story}" in note


def test_an_altered_reference_image_is_found(own: LogReader) -> None:
    with h5py.File(own.path, "r+") as file:
        dataset = file[file["images/pixels_dataset"][2].decode()]
        place = int(file["images/pixels_row"][2])
        pixels = dataset[place]
        dataset[place] = pixels ^ 1

    (found,) = replayed(open_log(own.path)).differences

    assert (found.kind, found.image_id) == ("pixel", 2)


def test_nothing_of_a_session_with_two_shuffled_threads_differs(lab: Lab) -> None:
    lab.config.write_text(two_threads(lab.config.read_text(encoding="utf-8")), encoding="utf-8")
    reader = lab.run(*VIRTUAL, "session.control=shuffled", "session.store_images=false")

    found = replayed(reader)

    assert len(reader.threads) == 2
    assert found == Found([], [])


def two_threads(toml: str) -> str:
    table, rest = toml[toml.index("[[threads]]") :].split("[references]")
    other = table.replace('"cholesky_cma"', '"genetic"').split("initial")[0]
    return f"{toml[: toml.index('[[threads]]')]}{table}{other}[references]{rest}"


def test_the_command_says_that_nothing_differs_also_when_it_is_run_again(
    lab: Lab, own: LogReader
) -> None:
    done = lab.neuroloop("replay", "exact", str(own.path.parent), "--rerun")

    assert done.returncode == 0, done.stderr
    assert "No differences: everything comes out again to the last bit." in done.stdout
    assert "Run again, it is the same session: every presentation with its spikes." in done.stdout
    assert len(lab.logs()) == 2


def test_the_command_names_the_first_difference_and_exits_with_6(lab: Lab, own: LogReader) -> None:
    with h5py.File(own.path, "r+") as file:
        image = a_code(file)
        a_stored_pixel(file)

    done = lab.neuroloop("replay", "exact", str(own.path), "--json")

    assert done.returncode == 6
    found = json.loads(done.stdout)
    assert found["differences"] == {"id": 0, "code": 1, "pixel": 1, "count": 0, "score": 0}
    assert (found["first"]["generation"], found["first"]["image_id"]) == (1, image)
    assert not found["identical"]


def test_the_replay_changes_nothing_in_the_log(own: LogReader, tmp_path: Path) -> None:
    before = own.path.read_bytes()
    kept = shutil.copy(own.path, tmp_path / "session.h5")

    replayed(open_log(kept))

    assert Path(kept).read_bytes() == before
