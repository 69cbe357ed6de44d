"""Onsets over whole simulated sessions: where they are, how sure that is, and whom they believe.

The simulation (`rig_adapters.testing.simulated_recorder`) knows the truth; what is tested follows
it block by block as a session does.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from controller.onsets import SessionClocks
from controller.recording import clock_fit
from rig_adapters.alignment import Alignment
from rig_adapters.testing.simulated_recorder import Block, Errors, blocks
from sessions.audit import Auditor
from sessions.reader import open_log
from sessions.records import GenerationRecord
from sessions.testing.synthetic import SyntheticSession, write_synthetic_log

FRAME_S = 1 / 60
N_BLOCKS = 20
DONE_WHEN = Errors(
    drift=100e-6, pulse_jitter_share=0.02, pulse_jitter_s=5e-3, missed=0.01, spurious=0.01
)


@dataclass(frozen=True, eq=False)
class Found:
    """All presentations of some sessions, (p,): errors of their onsets, and what is said of them.

    n_unclear: blocks without onsets.
    """

    error_s: npt.NDArray[np.float64]
    uncertainty_s: npt.NDArray[np.float64]
    by_edge: npt.NDArray[np.bool_]
    pulse_error_s: npt.NDArray[np.float64]
    frame_late: npt.NDArray[np.bool_]
    n_unclear: int

    @property
    def p99_ms(self) -> float:
        """99th percentile of how far onsets are off."""
        return 1e3 * float(np.quantile(np.abs(self.error_s), 0.99))

    def covered(self, which: npt.NDArray[np.bool_] | None = None) -> float:
        """Share of onsets that are as near to the truth as is said."""
        chosen = np.ones_like(self.by_edge) if which is None else which
        return float(np.mean(np.abs(self.error_s[chosen]) <= self.uncertainty_s[chosen]))


def sessions(
    errors: Errors, n: int, *, n_blocks: int = N_BLOCKS, n_images: int = 50, has_grid: bool = True
) -> Found:
    """Follow `n` sessions of `n_blocks` blocks from their first flip to their last."""
    columns: list[tuple[npt.NDArray[np.float64], ...]] = []
    unclear = 0
    for seed in range(n):
        clocks = SessionClocks(FRAME_S, has_grid=has_grid)
        for block in blocks(errors, n_blocks, n_images, np.random.default_rng(seed)):
            found = clocks.find(
                block.ids,
                block.flips_host_s,
                block.edges_rig_s,
                block.stamped,
                ("ttl",) if errors.line else ("photodiode",),
            )
            unclear += found.rivals is not None
            columns.append(
                (
                    found.onset_rig_s - block.true_rig_s,
                    found.onset_uncertainty_s,
                    np.array([sync == "photodiode" for sync in found.sync]),
                    block.own_edge_rig_s - block.true_rig_s,
                    block.frame_late,
                )
            )
    return Found(*map(np.concatenate, zip(*columns, strict=True)), n_unclear=unclear)


def test_with_drift_and_pulses_that_err_or_are_missed_p99_is_below_half_a_millisecond() -> None:
    """100 ppm drift, 5 ms jitter on 2 % of the pulses, 1 % missed, 1 % spurious; 20 blocks."""
    found = sessions(DONE_WHEN, 4)
    assert found.p99_ms < 0.5
    assert 0.93 <= found.covered() <= 0.97
    wild = np.abs(found.pulse_error_s) > 1e-3
    assert wild.sum() > 40
    # A pulse that is off is not believed, unless it happens to lie on a frame.
    assert np.mean(np.abs(found.error_s[wild]) > 1e-3) < 0.02
    assert not np.isnan(found.error_s).any()


MIXED = replace(
    DONE_WHEN,
    stamp_late_share=0.02,
    frame_late_share=0.02,
    pulse_late_share=0.02,
    flip_sd_s=1e-4,
    edge_sd_s=1e-4,
)
HARDER = {
    "pulses all late by 5 ms": replace(DONE_WHEN, pulse_jitter_share=0.0, pulse_late_share=0.02),
    "flips stamped late": replace(DONE_WHEN, stamp_late_share=0.02),
    "a line and its flips late together": replace(DONE_WHEN, stamp_late_share=0.02, line=True),
    "frames late": replace(DONE_WHEN, frame_late_share=0.02),
    "all of it": MIXED,
    "all of it at 10 %": replace(
        MIXED,
        stamp_late_share=0.1,
        stamp_late_s=3e-3,
        frame_late_share=0.02,
        pulse_late_share=0.1,
        spurious=0.1,
    ),
    "half of the edges missing": replace(DONE_WHEN, missed=0.5),
    "blocks without edges": replace(DONE_WHEN, blind=frozenset({3, 4, 9, 10, 11, 15})),
    "half of them missing, and a crystal that warms up": replace(
        DONE_WHEN, missed=0.5, wander=1e-6
    ),
    "stamps that are off by up to 50 ms": replace(DONE_WHEN, stamp_uncertainty_s=0.05),
}


@pytest.mark.parametrize("name", HARDER)
def test_onsets_are_placed_and_their_uncertainty_is_honest_also_when(name: str) -> None:
    found = sessions(HARDER[name], 2)
    assert found.p99_ms < 0.5
    assert 0.93 <= found.covered() <= 0.97
    if (~found.by_edge).sum() > 500:
        assert 0.93 <= found.covered(~found.by_edge) <= 0.98
    assert found.n_unclear == 0


def test_light_that_was_late_by_a_frame_stays_late() -> None:
    found = sessions(replace(MIXED, missed=0.0), 2)
    seen = found.frame_late & (np.abs(found.pulse_error_s) < 1e-3)
    assert seen.sum() > 20
    assert found.by_edge[seen].all()
    assert np.abs(found.error_s[seen]).max() < 1e-3


@pytest.mark.parametrize("apart_s", [1e-3, 5e-3])
def test_edges_from_dark_to_bright_and_back_are_believed_alike(apart_s: float) -> None:
    found = sessions(replace(DONE_WHEN, kinds_apart_s=apart_s), 2)
    assert found.by_edge.mean() > 0.95
    assert 0.93 <= found.covered() <= 0.99
    assert float(np.median(np.abs(found.error_s))) < 0.6 * apart_s


@pytest.mark.parametrize("stamp_uncertainty_s", [1e-3, 0.05])
def test_without_any_edge_onsets_are_as_good_as_the_stamps_and_say_so(
    stamp_uncertainty_s: float,
) -> None:
    # Nobody sees the display's lag, which is the same for all and in no onset.
    blind = replace(
        DONE_WHEN, blind=None, drift=None, lag_s=0.0, stamp_uncertainty_s=stamp_uncertainty_s
    )
    found = sessions(blind, 250, n_blocks=1, n_images=10)
    assert not found.by_edge.any()
    assert 0.93 <= found.covered() <= 0.97


def test_without_a_grid_the_uncertainty_is_too_large_rather_than_too_small() -> None:
    found = sessions(replace(DONE_WHEN, stamp_late_share=0.02), 2, has_grid=False)
    assert found.covered() > 0.95
    assert found.covered(~found.by_edge) > 0.95
    assert float(np.quantile(np.abs(found.error_s[found.by_edge]), 0.99)) < 5e-4


def test_stamps_that_point_at_the_next_image_mislead_nobody() -> None:
    found = sessions(replace(DONE_WHEN, stamp_uncertainty_s=0.2), 16, n_blocks=2)
    assert found.p99_ms < 0.5
    assert found.n_unclear == 0


def test_images_in_an_even_row_have_no_onsets_while_the_clocks_are_known_coarsely() -> None:
    even = replace(DONE_WHEN, waits_s=(0.0, 0.0), stamp_uncertainty_s=0.15, missed=0.0)
    found = sessions(even, 3, n_blocks=4)
    assert found.n_unclear == 12
    assert np.isnan(found.error_s).all()
    assert np.isnan(found.uncertainty_s).all()


def test_small_parts_that_are_shown_again_are_placed_as_well() -> None:
    found = sessions(MIXED, 1, n_blocks=100, n_images=4)
    assert found.p99_ms < 20.0
    assert 0.9 <= found.covered() <= 0.98


def logged(record: GenerationRecord, block: Block, found: Alignment) -> GenerationRecord:
    """Put what was simulated and found in the place of a made-up block's onsets."""
    table = record.presentations
    p = len(table.presentation_id)
    return replace(
        record,
        presentations=replace(
            table,
            outcome=("completed",) * p,
            flip_on_host_s=block.flips_host_s[:p],
            flip_off_host_s=block.flips_host_s[:p] + 0.1,
            onset_rig_s=found.onset_rig_s[:p],
            onset_uncertainty_s=found.onset_uncertainty_s[:p],
            sync=found.sync[:p],
        ),
        spikes=replace(record.spikes, sync_rig_s=block.edges_rig_s),
        clock=clock_fit(found.clock),
    )


def alarms(folder: Path, alter: Callable[[Alignment], Alignment]) -> set[str]:
    """What the running audit doubts of onsets in a session with every error there is."""
    clocks = SessionClocks(FRAME_S, has_grid=True)
    simulated = blocks(MIXED, 6, 100, np.random.default_rng(0))

    def follow(record: GenerationRecord) -> GenerationRecord:
        block, p = next(simulated), len(record.presentations.presentation_id)
        found = clocks.find(np.arange(p), block.flips_host_s[:p], block.edges_rig_s, block.stamped)
        return logged(record, block, alter(found) if record.block == 4 else found)

    reader = open_log(write_synthetic_log(folder, SyntheticSession(generations=6), follow))
    auditor = Auditor(reader.start, reader.path.parent)
    audits = [auditor.audit(reader.block(k)) for k in range(6)]
    return {d.check for a in audits for d in a.differences} & {"onsets", "clock map"}


def test_the_running_audit_agrees_with_onsets_of_every_kind(tmp_path: Path) -> None:
    assert alarms(tmp_path, lambda found: found) == set()


def test_the_running_audit_doubts_onsets_of_the_presentation_after(tmp_path: Path) -> None:
    def shifted(found: Alignment) -> Alignment:
        return replace(found, onset_rig_s=np.append(found.onset_rig_s[1:], found.onset_rig_s[:1]))

    assert "onsets" in alarms(tmp_path, shifted)
