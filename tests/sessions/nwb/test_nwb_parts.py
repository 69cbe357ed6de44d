"""Parts of the export by themselves: observed stretches, clocks, and what is known of an animal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions.nwb.clock import FileClock
from sessions.nwb.metadata import (
    ElectrodeFacts,
    LabFacts,
    Metadata,
    MetadataError,
    SubjectFacts,
    file_name,
    is_demanded,
    metadata_of,
    missing_for_dandi,
)
from sessions.nwb.units import gaps_of, without_gaps
from sessions.reader import open_log
from sessions.testing.synthetic import SyntheticSession, write_synthetic_log

from .conftest import Pair

ends = st.lists(st.integers(0, 40), min_size=2, max_size=12, unique=True).map(sorted)
spans = ends.map(lambda e: [(float(a), float(b)) for a, b in zip(e[::2], e[1::2], strict=False)])
gaps = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=6).map(
    lambda pairs: [(float(a), float(b)) for a, b in pairs]
)


@given(spans, gaps)
def test_a_moment_was_observed_if_it_is_in_a_span_and_in_no_gap(
    observed: list[tuple[float, float]], missed: list[tuple[float, float]]
) -> None:
    left = without_gaps(np.array(observed), missed)

    for moment in np.arange(0.5, 40.0):
        inside = any(a <= moment <= b for a, b in observed)
        lost = any(a <= moment <= b for a, b in missed)
        assert any(a <= moment <= b for a, b in left) == (inside and not lost)
    assert (left[:, 0] < left[:, 1]).all()


def test_gaps_are_read_from_the_events_of_a_log(tmp_path: Path) -> None:
    path = write_synthetic_log(tmp_path, SyntheticSession(generations=1))
    with h5py.File(path, "r+") as file:
        told = "nothing was recorded from 120.500000 to 121.250000 s (rig time), 3 batches lost"
        file["events/text"][0] = told

    assert gaps_of(open_log(path)) == [(120.5, 121.25)]


CLOCK = FileClock(
    name="rig",
    blocks=np.array([1, 4]),
    started_host_s=np.array([100.0, 400.0]),
    offset_s=np.array([10.0, 20.0]),
    drift=np.array([0.0, 0.5]),
    virtual=False,
)


def test_a_block_without_a_fit_has_that_of_the_nearest_block() -> None:
    moved = CLOCK.of_flips(np.full(4, 2.0), np.array([0, 2, 3, 9]))

    np.testing.assert_array_equal(moved, [12.0, 12.0, 23.0, 23.0])


def test_a_moment_of_the_host_has_the_fit_of_the_block_under_way() -> None:
    np.testing.assert_array_equal(
        CLOCK.of_host(np.array([2.0, 100.0, 399.0, 400.0])), [12.0, 110.0, 409.0, 620.0]
    )
    assert np.isnan(replace(CLOCK, virtual=True).of_host(np.array([2.0]))).all()


def test_without_any_fit_nothing_of_the_host_has_a_time() -> None:
    none = np.zeros(0)
    clock = replace(
        CLOCK, blocks=none.astype(np.int64), started_host_s=none, offset_s=none, drift=none
    )

    assert np.isnan(clock.of_flips(np.array([1.0]), np.array([0]))).all()
    assert np.isnan(clock.of_host(np.array([1.0]))).all()


def test_nothing_is_known_of_an_animal_that_nobody_described(
    pair_of: Callable[[str], Pair],
) -> None:
    log = pair_of("finished").log

    known = metadata_of(log)

    assert known == Metadata(SubjectFacts("nobody"))
    missing = missing_for_dandi(known)
    assert [key.split()[0] for key in missing if is_demanded(key)] == [
        "subject.species",
        "subject.sex",
        "subject.age",
    ]
    assert "electrodes.location" in missing
    assert "electrodes.location" not in missing_for_dandi(known, has_channels=False)


def test_corrections_count_key_by_key(pair_of: Callable[[str], Pair]) -> None:
    log = pair_of("finished").log
    told = {
        "subject": {"id": "A10", "species": "Macaca mulatta", "sex": "F", "age": "P5Y"},
        "lab": {
            "institution": "U",
            "lab": "L",
            "experimenter": ["Doe, Jane"],
            "description": "d",
            "keywords": ["k"],
        },
        "electrodes": {"device": "array", "channels": {"7": "V4"}},
    }

    known = metadata_of(log, told)

    assert missing_for_dandi(known) == ()
    assert known.lab == LabFacts("U", "L", ("Doe, Jane",), "d", ("k",))
    assert known.electrodes == ElectrodeFacts("array", channels={7: "V4"})
    assert known.electrodes.location_of(7) == "V4"
    assert known.electrodes.location_of(5) == "unknown"
    assert file_name(known, "a_b/c 1") == "sub-A10_ses-a-b-c-1.nwb"


def test_a_name_of_a_species_that_is_not_latin_is_as_good_as_none(
    pair_of: Callable[[str], Pair],
) -> None:
    known = metadata_of(pair_of("finished").log, {"subject": {"species": "macaque"}})

    assert missing_for_dandi(known)[0].startswith("subject.species (its Latin name")


def test_a_date_that_is_none_is_refused(pair_of: Callable[[str], Pair]) -> None:
    with pytest.raises(MetadataError, match=r"subject\.date_of_birth is 'spring'"):
        metadata_of(pair_of("finished").log, {"subject": {"date_of_birth": "spring"}})
