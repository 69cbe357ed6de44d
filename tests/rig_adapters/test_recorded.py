"""The recording: batches in order are known completely, and every gap is noticed."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rig_adapters.errors import RemoteProtocolError
from rig_adapters.recorded import Gap, Recording
from rig_adapters.wire.messages import SpikesRecorded

STEP_S = 0.5


def batch(sequence: int, from_s: float, through_s: float, **changes: Any) -> SpikesRecorded:
    none = np.zeros(0)
    fields: dict[str, Any] = {
        "sequence": sequence,
        "from_rig_s": from_s,
        "through_rig_s": through_s,
        "spike_rig_s": np.array([from_s]),
        "spike_unit_ids": np.array([sequence], np.int32),
        "sync_rig_s": none,
        "fixation_broken_rig_s": none,
        "clock_host_s": 0.0,
        "clock_rig_s": 0.0,
        "clock_uncertainty_s": 0.0,
        "busy_s": 0.0,
    }
    return SpikesRecorded(**(fields | changes))


def recorded(sequences: list[int]) -> Recording:
    recording = Recording()
    for sequence in sequences:
        recording.add(batch(sequence, sequence * STEP_S, (sequence + 1) * STEP_S))
    return recording


@settings(max_examples=150, deadline=None)
@given(st.sets(st.integers(0, 12), min_size=1), st.integers(0, 25), st.integers(1, 10))
def test_a_window_is_known_exactly_when_every_batch_under_it_came(
    kept: set[int], start: int, length: int
) -> None:
    recording = recorded(sorted(kept))
    begin, end = start * STEP_S / 2, (start + length) * STEP_S / 2
    needed = {k for k in range(40) if k * STEP_S < end and (k + 1) * STEP_S > begin}
    assert recording.covers(begin, end) == (needed <= kept)


def test_batches_without_gap_leave_none_and_keep_every_spike() -> None:
    recording = recorded([0, 1, 2])
    assert recording.gaps == []
    assert recording.spikes().times_rig_s.tolist() == [0.0, 0.5, 1.0]
    assert recording.spikes().unit_ids.tolist() == [0, 1, 2]
    assert (recording.from_rig_s, recording.through_rig_s) == (0.0, 1.5)
    assert recording.last_sequence == 2


def test_a_batch_that_is_missing_is_a_gap_in_time() -> None:
    assert recorded([0, 2]).gaps == [Gap(0.5, 1.0)]


def test_a_lost_number_alone_makes_windows_across_it_incomplete() -> None:
    recording = recorded([0])
    assert recording.add(batch(5, STEP_S, 2 * STEP_S)) == Gap(STEP_S, STEP_S)
    assert recording.covers([0.0, 0.25, 0.5], [0.5, 0.75, 1.0]).tolist() == [True, False, True]


def test_a_clock_that_steps_back_makes_unknown_what_it_passes_twice() -> None:
    recording = recorded([0, 1, 2, 3])
    recording.add(batch(4, 1.0, 3.0))
    assert recording.gaps == [Gap(1.0, 2.0)]
    assert recording.covers([0.5, 1.5, 2.0], [1.0, 2.5, 3.0]).tolist() == [True, False, True]


def test_nothing_is_known_before_the_first_batch() -> None:
    assert recorded([]).through_rig_s is None
    assert not recorded([]).covers(0.0, 0.0)


def test_what_was_dropped_is_not_known_any_more() -> None:
    recording = recorded([0, 2, 3])
    recording.drop_before(1.2)
    assert recording.gaps == []
    assert recording.from_rig_s == 1.0
    assert recording.spikes().unit_ids.tolist() == [2, 3]
    assert recording.covers([0.4, 1.0], [1.1, 2.0]).tolist() == [False, True]


def test_breaks_and_edges_come_out_sorted_over_all_batches() -> None:
    recording = Recording()
    recording.add(batch(0, 0.0, 1.0, sync_rig_s=np.array([0.2, 0.7])))
    recording.add(batch(1, 1.0, 2.0, fixation_broken_rig_s=np.array([1.5])))
    assert recording.sync_rig_s().tolist() == [0.2, 0.7]
    assert recording.breaks_rig_s().tolist() == [1.5]


@pytest.mark.parametrize(
    "changes",
    [
        {"spike_rig_s": np.array([0.1, 0.2])},
        {"spike_rig_s": np.array([1.0])},
        {"sync_rig_s": np.array([np.nan])},
        {"sync_rig_s": np.array([0.3, 0.2])},
        {"fixation_broken_rig_s": np.array([-0.1])},
        {"from_rig_s": 2.0, "spike_rig_s": np.zeros(0), "spike_unit_ids": np.zeros(0, np.int32)},
    ],
)
def test_a_batch_that_contradicts_itself_is_refused_and_leaves_no_trace(
    changes: dict[str, Any],
) -> None:
    recording = Recording()
    with pytest.raises(RemoteProtocolError, match="batch 3 of the rig adapter"):
        recording.add(batch(3, 0.0, 1.0, **changes))
    assert recording.through_rig_s is None
