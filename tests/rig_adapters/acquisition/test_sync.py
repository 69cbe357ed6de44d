"""Onsets on a photodiode's channel and on digital lines."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from rig_adapters.acquisition.sync import (
    PhotodiodeEdges,
    PhotodiodeSync,
    SyncSettings,
    TtlSync,
    is_onset,
)

RATE_HZ = 1000.0
DIODE = PhotodiodeSync(kind="photodiode", channel="ADC1", dark=-2.0, lit=3.0, dead_time_s=0.005)


def signal(edges: list[int], length: int, lit: bool = False) -> npt.NDArray[np.float32]:
    """Return the level (length,) of a patch that changes at `edges`."""
    changes = np.zeros(length, np.int64)
    changes[edges] = 1
    return np.where((np.cumsum(changes) + lit) % 2 == 1, 3.0, -2.0).astype(np.float32)


@st.composite
def patches(draw: st.DrawFn) -> tuple[list[int], list[int], int]:
    """Draw edges that are a frame apart, places where the recorder cuts chunks, and a length."""
    gaps = draw(st.lists(st.integers(16, 60), min_size=1, max_size=12))
    edges = np.cumsum(gaps).tolist()
    length = edges[-1] + 20
    cuts = sorted(draw(st.sets(st.integers(1, length - 1), max_size=10)))
    return edges, cuts, length


def fed(values: npt.NDArray[np.float32], cuts: list[int], first: int = 0) -> list[int]:
    finder, found = PhotodiodeEdges(DIODE, RATE_HZ), []
    for start, stop in zip([0, *cuts], [*cuts, values.size], strict=True):
        found += finder.feed(first + start, values[start:stop]).tolist()
    return found


@given(patches(), st.booleans(), st.integers(0, 2**40))
def test_every_change_is_found_on_its_sample_however_chunks_are_cut(
    patch: tuple[list[int], list[int], int], lit: bool, first: int
) -> None:
    edges, cuts, length = patch
    values = signal(edges, length, lit)
    assert fed(values, cuts, first) == [first + edge for edge in edges]


@given(patches(), st.integers(0, 2**32 - 1))
def test_noise_and_a_flickering_backlight_make_no_edges(
    patch: tuple[list[int], list[int], int], seed: int
) -> None:
    edges, cuts, length = patch
    values = signal(edges, length)
    rng = np.random.default_rng(seed)
    noisy = values + rng.uniform(-1.5, 1.5, length).astype(np.float32)
    for edge in edges:
        # It goes back for a moment, twice, while it settles.
        noisy[[edge + 1, edge + 3]] = values[edge - 1]
    assert fed(noisy, cuts) == edges


def test_a_level_that_is_neither_changes_nothing() -> None:
    values = np.full(40, -2.0, np.float32)
    values[10:] = 0.5
    assert fed(values, []) == []


def test_after_a_gap_the_first_level_is_no_edge() -> None:
    finder = PhotodiodeEdges(DIODE, RATE_HZ)
    assert finder.feed(0, np.full(50, -2.0, np.float32)).size == 0
    assert finder.feed(80, np.full(50, 3.0, np.float32)).size == 0
    assert finder.feed(130, np.full(50, -2.0, np.float32)).tolist() == [130]


def test_a_diode_whose_light_lowers_the_level_sees_the_same() -> None:
    falling = DIODE.model_copy(update={"dark": 3.0, "lit": -2.0})
    finder = PhotodiodeEdges(falling, RATE_HZ)
    assert finder.feed(0, signal([20, 60], 100)).tolist() == [20, 60]


@pytest.mark.parametrize(
    ("edges", "state", "expected"),
    [
        ("rising", True, True),
        ("rising", False, False),
        ("falling", True, False),
        ("falling", False, True),
        ("both", True, True),
        ("both", False, True),
    ],
)
def test_lines_mark_onsets_by_the_edges_that_were_chosen(
    edges: str, state: bool, expected: bool
) -> None:
    sync = TtlSync.model_validate({"kind": "ttl", "line": 3, "edges": edges})
    assert is_onset(sync, 3, state) is expected
    assert not is_onset(sync, 2, state)


@pytest.mark.parametrize(
    "table",
    [
        {"kind": "ttl", "line": 3},
        {"kind": "ttl", "line": 0, "edges": "both"},
        {"kind": "photodiode", "channel": "ADC1", "dark": 1.0, "lit": 1.0},
        {"kind": "photodiode", "channel": "ADC1", "dark": 1.0},
        {"kind": "diode"},
        {},
    ],
)
def test_what_the_rigs_builder_must_say_has_no_default(table: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(SyncSettings).validate_python(table)
