"""The response in time of a block, out of a log."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sessions.errors import RecordError
from sessions.psths import PSTH_BIN_S, block_psths
from sessions.reader import open_log


def test_a_block_has_the_spikes_of_its_own_presentations_and_no_others(pristine_log: Path) -> None:
    reader = open_log(pristine_log)
    shown, images, spikes = reader.presentations, reader.images, reader.spikes
    for block in (0, 5):
        for found in block_psths(reader, block):
            thread = found.thread
            place = (*thread.position_deg, thread.size_deg)
            kinds = {"generated": found.generated, "reference": found.references}
            for kind, response in kinds.items():
                ids = images.image_id[
                    (images.kind == kind)
                    & ((images.thread_id == thread.thread_id) | (kind == "reference"))
                ]
                onsets = [
                    row.onset
                    for row in map(Row, *columns(shown))
                    if row.block == block
                    and row.image in ids
                    and row.outcome == "completed"
                    and (kind == "generated" or row.place == place)
                ]
                assert response.n_presentations == len(onsets)
                mine = spikes.rig_time_s[np.isin(spikes.unit_id, thread.driver_unit_ids)]
                # One bin after the other, one presentation after the other.
                for first_s, rate_hz in zip(response.edges_s, response.rate_hz, strict=False):
                    n = sum(
                        int(
                            (
                                (mine >= onset + first_s) & (mine < onset + first_s + PSTH_BIN_S)
                            ).sum()
                        )
                        for onset in onsets
                    )
                    units = len(thread.driver_unit_ids)
                    assert rate_hz == pytest.approx(
                        n / (len(onsets) * units * PSTH_BIN_S),
                        abs=1.01 / (len(onsets) * PSTH_BIN_S),
                    )


class Row:
    """One presentation."""

    def __init__(self, block, image, outcome, onset, x, y, size) -> None:  # type: ignore[no-untyped-def]
        self.block, self.image, self.outcome, self.onset = block, image, outcome, onset
        self.place = (x, y, size)


def columns(shown):  # type: ignore[no-untyped-def]
    names = ("block", "image_id", "outcome", "onset_rig_s", "x_deg", "y_deg", "size_deg")
    return [getattr(shown, name).tolist() for name in names]


def test_the_last_block_is_shown_where_none_is_named(pristine_log: Path) -> None:
    reader = open_log(pristine_log)
    assert {found.block for found in block_psths(reader)} == {reader.generations_committed - 1}


def test_a_block_that_is_not_there_is_answered_with_those_that_are(pristine_log: Path) -> None:
    with pytest.raises(RecordError, match="blocks 0 to 7, but not block 8"):
        block_psths(open_log(pristine_log), 8)
