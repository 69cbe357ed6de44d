"""Standings are what can be computed by hand, and survive being written to a file."""

import math
from dataclasses import replace

import pytest

from controller.bench.errors import BenchError
from controller.bench.heat import HeatResult
from controller.bench.standings import Standings, change, standings
from controller.bench.standings_file import standings_json, standings_of
from controller.cli.bench_tables import (
    ahead_table,
    as_markdown,
    as_text,
    best_table,
    cost_table,
    family_table,
    loss_table,
    presentations_table,
    score_table,
)


def _result(
    optimizer: str, neuron: str, mean_hz: tuple[float, ...], best: float, condition: str = "none"
) -> HeatResult:
    return HeatResult(
        key=f"{optimizer}/{neuron}/{condition}",
        optimizer=optimizer,
        neuron=neuron,
        condition=condition,
        seed=0,
        presentations=(40, 80, 120),
        mean_hz=mean_hz,
        best_hz=(mean_hz[0], mean_hz[0], best),
        ask_tell_ms=(1.0, 9.0),
        code_norm=100.0,
    )


RESULTS = [
    _result("cholesky_cma", "linear-1", (5.0, 10.0, 20.0), 30.0),
    _result("cholesky_cma", "radial-1", (10.0, 10.0, 20.0), 20.0),
    _result("ours", "linear-1", (5.0, 30.0, 36.0), 50.0),
    _result("ours", "radial-1", (10.0, 30.0, 39.0), 40.0),
    _result("random", "linear-1", (5.0, 5.0, 5.0), 8.0),
    _result("random", "radial-1", (10.0, 10.0, 10.0), 12.0),
]


@pytest.fixture
def found() -> Standings:
    return standings(RESULTS, "tuning")


def test_a_score_is_a_part_of_the_best_that_anybody_reached(found: Standings) -> None:
    reference, ours = found.row("cholesky_cma", "none"), found.row("ours", "none")
    assert reference is not None
    assert ours is not None
    assert reference.finals == (20 / 50, 20 / 40)
    assert reference.best.mean == pytest.approx((30 / 50 + 20 / 40) / 2)
    assert ours.final.mean == pytest.approx((36 / 50 + 39 / 40) / 2)
    assert (ours.final.low, ours.final.high) == pytest.approx((36 / 50, 39 / 40))
    assert ours.ahead is not None
    assert ours.ahead.mean == pytest.approx((16 / 50 + 19 / 40) / 2)
    assert ours.curve == pytest.approx((0.175, 0.675, 0.8475))
    assert found.optimizers == ("ours", "cholesky_cma", "random")


def test_presentations_count_until_the_final_score_of_the_reference(found: Standings) -> None:
    reached = {row.optimizer: row.to_reference for row in found.rows}
    assert [getattr(reached[name], "mean", None) for name in ("ours", "cholesky_cma")] == [80, 120]
    assert getattr(reached["random"], "mean", None) == math.inf


def test_pairs_that_not_everybody_has_raced_are_left_out() -> None:
    partly = standings(RESULTS[:-1], "tuning")
    assert {row.pairs for row in partly.rows} == {(("linear-1", 0),)}
    assert standings([], "tuning").rows == ()


def test_a_heat_that_ended_early_counts_with_what_it_reached() -> None:
    torn = replace(RESULTS[4], presentations=(40,), mean_hz=(5.0,), best_hz=(5.0,), error="gone")
    row = standings([*RESULTS[:4], torn, RESULTS[5]], "tuning").row("random", "none")
    assert row is not None
    assert row.errors == ("gone",)
    assert row.finals == (5 / 50, 10 / 40)


def test_who_could_not_even_begin_is_told_once() -> None:
    torn = [
        replace(
            result, optimizer="other", presentations=(), mean_hz=(), best_hz=(), error="no disk"
        )
        for result in RESULTS[:2]
    ]
    found = standings([*RESULTS, *torn], "tuning")
    assert found.never_began == ("other could not begin: no disk",)
    assert found.rows == standings(RESULTS, "tuning").rows
    assert standings_of(standings_json(found)).never_began == found.never_began


def test_a_loss_is_measured_on_the_same_neurons() -> None:
    worse = [
        replace(result, condition="none+gaps", mean_hz=tuple(0.5 * hz for hz in result.mean_hz))
        for result in RESULTS
    ]
    found = standings([*RESULTS, *worse], "tuning")
    before, after = found.row("ours", "none"), found.row("ours", "none+gaps")
    assert before is not None
    assert after is not None
    lost = change(before, after)
    assert [lost.mean, lost.low, lost.high] == pytest.approx([-0.5] * 3, abs=1e-3)
    assert "-50 % [-50, -50]" in as_text(loss_table(found, "none"))


def test_standings_survive_a_file_and_nothing_else_passes_for_them(found: Standings) -> None:
    text = standings_json(found)
    again = standings_of(text)
    assert standings_json(again) == text
    assert again.rows[0].pairs == found.rows[0].pairs
    tables = (score_table, best_table, ahead_table, presentations_table, cost_table, family_table)
    for table in tables:
        assert table(again) == table(found)
    for other in ("", "[]", '{"rows": [1]}', '{"rows": []}'):
        with pytest.raises(BenchError):
            standings_of(other)


def test_tables_name_who_never_reached_the_reference(found: Standings) -> None:
    text = as_text(presentations_table(found))
    assert "never" in text.splitlines()[-1]
    assert text.splitlines()[1].startswith("ours")
    markdown = as_markdown(score_table(found))
    assert markdown.splitlines()[:2] == ["| optimizer | none |", "| --- | ---: |"]
