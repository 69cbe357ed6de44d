"""Who has no neuroloop reads a log all the same: with h5py and the page, h5dump, and MATLAB.

No test has MATLAB, so what is tested is that a file holds only what its `h5read` is documented to
read, and that arrays in the order in which it sees them are turned as the guide says.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from sessions.reader import open_log
from sessions.testing.golden import unpack
from sessions.testing.reported import write_reported_log
from sessions.testing.synthetic import SyntheticSession, write_synthetic_log

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "log_format.md"
OUTSIDER = Path(__file__).parent / "outsiders" / "score_curves.py"
GOLDEN = ROOT / "tests" / "golden"
SMALL = SyntheticSession(generations=2, population_size=5, n_references=3)


@pytest.fixture(scope="module", params=["spikes", "rates"])
def log(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a log with spikes, and one of reported rates."""
    folder = tmp_path_factory.mktemp("outsiders")
    if request.param == "rates":
        return write_reported_log(folder, SMALL)
    return write_synthetic_log(folder, SMALL)


@pytest.fixture(scope="module")
def lonely(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of packages that holds NumPy and h5py alone."""
    folder = tmp_path_factory.mktemp("lonely")
    for package in (np, h5py):
        place = Path(package.__file__).parent
        for part in (place, place.with_name(f"{place.name}.libs")):
            if part.is_dir():
                (folder / part.name).symlink_to(part)
    return folder


def run_alone(lonely: Path, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program in an interpreter that sees the packages in `lonely` and no others."""
    head = f"import sys; sys.path.append({str(lonely)!r})\n"
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", head + program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def leave_rows_behind(path: Path) -> None:
    """Add rows that were never committed, as a writer of another make may leave them."""
    with h5py.File(path, "r+") as file:
        for table in ("spikes", "presentations", "generations"):
            for column in file[table].values():
                column.resize(column.shape[0] + 3, axis=0)


@pytest.mark.parametrize("baseline", ["none", "presentation", "block", "of a golden log"])
def test_the_page_alone_leads_from_spikes_to_score_curves(
    baseline: str, lonely: Path, tmp_path: Path
) -> None:
    if baseline == "of a golden log":
        path = unpack(GOLDEN / "v1" / "simulated.tar.xz", tmp_path) / "session.h5"
    else:
        wanted = SyntheticSession(**{**vars(SMALL), "baseline_mode": baseline})
        path = write_synthetic_log(tmp_path, wanted, end=None)
    leave_rows_behind(path)

    assert "No module named 'sessions'" in run_alone(lonely, "import sessions").stderr
    done = run_alone(lonely, OUTSIDER.read_text(encoding="utf-8"), str(path))
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)

    rows = open_log(path).generations
    assert [(p["thread_id"], p["generation"]) for p in told["curves"]] == list(
        zip(rows.thread_id.tolist(), rows.generation.tolist(), strict=True)
    )
    for name in ("score", "reference"):
        found = np.array([point[name] for point in told["curves"]])
        np.testing.assert_allclose(found[:, 0], getattr(rows, f"{name}_mean"), rtol=1e-12)
        np.testing.assert_allclose(found[:, 1], getattr(rows, f"{name}_sem"), rtol=1e-12)
    assert set(told["used"]) <= set(names_on_the_page())


def names_on_the_page() -> Iterator[str]:
    """Yield the columns, as /table/column, and the attributes of the root that the page lists."""
    title = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            title = line.removeprefix("## ")
        elif named := re.match(r"\| `(\w+)` \|", line):
            yield f"{title}/{named[1]}" if title.startswith("/") else named[1]


def test_the_page_lists_every_column_with_shape_type_unit_and_meaning(log: Path) -> None:
    rows = {}
    title = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        title = line.removeprefix("## ") if line.startswith("## ") else title
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 5 and cells[0].startswith("`"):
            rows[f"{title}/{cells[0].strip('`')}"] = cells[1:]
    with h5py.File(log) as file:
        for path, dataset in datasets(file):
            if path.startswith(("/config/", "/pixels/")):
                continue
            shape, dtype, unit, meaning = rows[re.sub(r"thread_\d+", "thread_<id>", path)]
            assert len(shape.split(" x ")) == dataset.ndim, path
            assert unit == (dataset.attrs["unit"] or "-"), path
            assert meaning == dataset.attrs["description"], path
            text = h5py.check_string_dtype(dataset.dtype)
            is_free = text is not None and text.length is None
            assert (dtype == "utf8") == is_free, path
            assert is_free or np.dtype(dtype) == dataset.dtype, path


def datasets(file: h5py.File) -> list[tuple[str, h5py.Dataset]]:
    """Return every dataset of a file with its path."""
    found: list[tuple[str, h5py.Dataset]] = []

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found.append((f"/{name}", item))

    file.visititems(visit)
    return found


def is_readable(kind: h5py.h5t.TypeID) -> bool:
    """Whether MATLAB reads a type into a plain array: numbers of its own kinds, and text."""
    if isinstance(kind, h5py.h5t.TypeStringID):
        return True
    if isinstance(kind, h5py.h5t.TypeIntegerID):
        return kind.get_size() in (1, 2, 4, 8) and kind.get_order() == h5py.h5t.ORDER_LE
    return isinstance(kind, h5py.h5t.TypeFloatID) and kind.get_size() in (4, 8)


def test_a_log_holds_no_type_that_matlab_does_not_read(log: Path) -> None:
    with h5py.File(log) as file:
        attributes = [(f"/@{name}", file.attrs.get_id(name)) for name in file.attrs]
        for path, dataset in datasets(file):
            attributes += [(f"{path}@{name}", dataset.attrs.get_id(name)) for name in dataset.attrs]
            assert is_readable(dataset.id.get_type()), path
            plist = dataset.id.get_create_plist()
            assert plist.get_nfilters() == 0, f"{path} is filtered"
            assert plist.get_external_count() == 0, f"{path} is in another file"
        for path, attribute in attributes:
            assert is_readable(attribute.get_type()), path
            assert attribute.get_space().get_simple_extent_type() != h5py.h5s.NULL, path


def test_a_boolean_and_a_compound_would_have_been_found(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "bad.h5", "w") as file:
        file["yes"] = np.array([True])
        file["pair"] = np.zeros(1, dtype=[("a", "<i8"), ("b", "<f8")])
        file.create_dataset("lists", (1,), dtype=h5py.vlen_dtype("<i8"))
        file["swapped"] = np.zeros(1, dtype=">i4")
        assert not any(is_readable(dataset.id.get_type()) for _, dataset in datasets(file))


def test_pixels_as_matlab_sees_them_are_turned_as_the_guide_says(log: Path) -> None:
    guide = (ROOT / "docs" / "how-to" / "read_the_log.md").read_text(encoding="utf-8")
    order = re.search(r"permute\(pixels\(:, :, :, k\), \[(\d) (\d) (\d)\]\)", guide)
    assert order is not None
    with h5py.File(log) as file:
        path = file["images/pixels_dataset"][0].decode()
        dataset = file[path]
        # MATLAB keeps the bytes as they are, and counts dimensions from the other end.
        seen = np.frombuffer(dataset[:].tobytes(), dataset.dtype)
        seen = seen.reshape(dataset.shape[::-1], order="F")
        row = int(file["images/pixels_row"][0])
    turned = seen[:, :, :, row].transpose([int(axis) - 1 for axis in order.groups()])

    reader = open_log(log)
    np.testing.assert_array_equal(turned, reader.pixels(int(reader.images.image_id[0])))


def test_h5dump_reads_a_log_whole_and_its_numbers_are_ours(log: Path, tmp_path: Path) -> None:
    def dumped(*options: str) -> str:
        done = subprocess.run(
            ["h5dump", *options, str(log)],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        assert not done.stderr
        return done.stdout

    assert "spikes/s" in dumped("-a", "/scores/score/unit")
    whole = dumped()
    with h5py.File(log) as file:
        assert whole.count("DATASET ") == len(datasets(file))
    binary = tmp_path / "scores.bin"
    dumped("-d", "/scores/score", "-b", "LE", "-o", str(binary))
    np.testing.assert_array_equal(np.fromfile(binary, "<f8"), open_log(log).scores.score)
