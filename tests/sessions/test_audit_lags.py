"""The responses alone tell whether they belong to their images, and never without a cause."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessions.audit.lags import (
    LAGS,
    Expectations,
    ResponseMemory,
    Responses,
    Verdict,
    fit_z,
)
from sessions.testing.responses import (
    ResponseConditions,
    any_conditions,
    blocks_of_responses,
    shifted,
)


def judged(blocks: list[Responses]) -> list[Verdict]:
    memory = ResponseMemory()
    return [memory.judge(responses) for responses in blocks]


def session(seed: int, wanted: ResponseConditions | None = None) -> list[Responses]:
    return list(blocks_of_responses(wanted or ResponseConditions(), np.random.default_rng(seed)))


def alarms(verdicts: list[Verdict]) -> list[int]:
    return [block for block, verdict in enumerate(verdicts) if verdict.difference]


@pytest.mark.parametrize("kind", ["usual", "flat", "overlap"])
def test_sessions_without_a_fault_raise_no_alarm(kind: str) -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        assert alarms(judged(list(blocks_of_responses(any_conditions(kind, rng), rng)))) == []


@pytest.mark.parametrize("by", [-3, -1, 1, 2, 3])
def test_a_shift_in_an_evolved_session_is_found_in_its_first_block(by: int) -> None:
    for seed in range(5):
        blocks = session(seed)
        blocks[15:] = [shifted(responses, by) for responses in blocks[15:]]
        verdicts = judged(blocks)

        assert alarms(verdicts)[0] == 15
        where = "later" if by > 0 else "earlier"
        assert f"{abs(by)} presentation" in verdicts[15].difference
        assert where in verdicts[15].difference


def test_a_shift_from_the_first_block_on_is_found_within_a_few_blocks() -> None:
    for seed in range(5):
        verdicts = judged([shifted(responses) for responses in session(seed)])
        assert 1 <= alarms(verdicts)[0] <= 5


def test_a_shift_that_lasts_is_told_again_and_its_end_is_seen() -> None:
    blocks = session(1)
    blocks[15:20] = [shifted(responses) for responses in blocks[15:20]]
    told = alarms(judged(blocks))

    assert told[0] == 15
    assert len(told) > 2
    assert set(told) <= set(range(15, 20))


def test_responses_in_an_order_of_their_own_are_found_once() -> None:
    rng = np.random.default_rng(5)
    blocks = session(2)
    for number in range(15, len(blocks)):
        order = rng.permutation(len(blocks[number].labels))
        block = blocks[number]
        blocks[number] = Responses(block.labels, block.counts[order], block.completed[order])
    verdicts = judged(blocks)

    assert alarms(verdicts) == [15]
    assert "or the units are lost" in verdicts[15].difference


@pytest.mark.parametrize(
    "unable",
    [
        ResponseConditions(flat=True, noise_cv=0.0),
        ResponseConditions(references=0),
        ResponseConditions(references=3, generated=8),
    ],
    ids=["flat neurons", "no references", "few presentations"],
)
def test_what_cannot_be_tested_is_not_called_fine(unable: ResponseConditions) -> None:
    blocks = session(4, replace(unable, blocks=8))
    assert not any(verdict.tested for verdict in judged(blocks))


def test_the_first_block_cannot_be_tested_and_evolved_ones_can() -> None:
    verdicts = judged(session(6))
    assert not verdicts[0].tested
    assert np.isnan(verdicts[0].fit_z)
    assert all(verdict.tested for verdict in verdicts[15:])


def test_z_has_mean_0_and_variance_1_over_assignments_of_responses() -> None:
    rng = np.random.default_rng(7)
    shared = rng.gamma(2.0, 1.0, (40, 1))
    x, y = rng.gamma(1.0, 1.0, (40, 3)), shared + rng.gamma(1.0, 1.0, (40, 3))
    rows = np.arange(40)
    z = np.array([fit_z(x, y, rows, rng.permutation(40)) for _ in range(20_000)])

    assert abs(z.mean()) < 4 / np.sqrt(len(z))
    assert abs(z.var() - 1.0) < 0.05


@given(st.integers(0, 2**32 - 1), st.sampled_from(LAGS))
@settings(max_examples=25, deadline=None)
def test_expectations_are_those_of_one_presentation_after_the_other(seed: int, lag: int) -> None:
    rng = np.random.default_rng(seed)
    blocks = [
        Responses(
            tuple((float(label), 0.0) for label in rng.integers(0, 5, 12)),
            rng.poisson(4.0, (12, 3)).astype(np.float64),
            rng.random(12) < 0.7,
        )
        for _ in range(3)
    ]
    learned = Expectations(lag)
    sums: dict[tuple[float, ...], Any] = {}
    weights: dict[tuple[float, ...], float] = {}
    for block in blocks:
        learned.learn(block, block.counts)
        sums = {label: 0.9 * total for label, total in sums.items()}
        weights = {label: 0.9 * weight for label, weight in weights.items()}
        for row, label in enumerate(block.labels):
            if 0 <= row + lag < 12 and block.completed[row + lag]:
                sums[label] = sums.get(label, 0.0) + block.counts[row + lag]
                weights[label] = weights.get(label, 0.0) + 1.0

    means = {label: sums[label] / weights[label] for label in sums}
    usual = np.mean(list(means.values()), axis=0) if means else np.zeros(0)
    found = learned.of(blocks[0])
    for row, label in enumerate(blocks[0].labels):
        if label in means:
            shrunk = weights[label] / (weights[label] + 1.0) * (means[label] - usual)
            np.testing.assert_allclose(found[row], usual + shrunk, rtol=1e-12)
        else:
            assert np.isnan(found[row]).all()
