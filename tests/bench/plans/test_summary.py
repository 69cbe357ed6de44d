"""What a benchmark's tables say, checked on results with known means."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from controller.bench.errors import BenchError
from controller.bench.plans.load import parse_plan
from controller.bench.plans.published import CLAIMS, MEANS, POOLED
from controller.bench.plans.results import Cost, Journal, RunResult, to_json
from controller.bench.plans.results_file import Row
from controller.bench.plans.runs import runs_of
from controller.bench.plans.summary import Summary, summarise
from controller.cli import bench_plan_tables as tables
from controller.cli import main
from controller.cli.bench_tables import as_markdown

SCORES = {"Cholesky CMA": {"none": 90.0, "gain_0.5": 60.0}, "GA": {"none": 45.0, "gain_0.5": 40.0}}


def rows_with(small: str, shift: float = 0.0) -> list[Row]:
    """Rows whose scores are those above, a little higher on the second neuron."""
    rows = []
    for run in runs_of(parse_plan(small)):
        score = SCORES[run.optimizer][run.noise] + shift * run.neuron.endswith("2") + run.repeat
        best = (score / 2, score)
        result = RunResult(
            run.key, score, 2 * score, 10.0, 20.0, 0.99, 0.6, 0.15, 0.07, 0.0, (8, 16), best, best,
            (1.0, 2.0), (3.0, 2.9),
        )  # fmt: skip
        rows.append(Row(run, result))
    return rows


@pytest.fixture
def summary(small: str) -> Summary:
    """Return what those rows say."""
    return summarise(rows_with(small, shift=5.0), parse_plan(small).plan)


def test_means_are_parts_of_what_anybody_reached_on_the_neuron(summary: Summary) -> None:
    # The highest of the two neurons are 91 and 96, in the second repeat without noise.
    expected = np.mean([90 / 91, 91 / 91, 95 / 96, 96 / 96])
    assert summary.scores["Cholesky CMA", "none"].mean == pytest.approx(expected)
    assert summary.optimizers == ("Cholesky CMA", "GA")
    assert summary.scores["GA", POOLED].n == 8
    assert summary.against["GA", "none"].ratio.value == pytest.approx(
        summary.scores["GA", "none"].mean / expected
    )
    assert summary.orders["none"].optimizers == ("Cholesky CMA", "GA")
    assert summary.orders["none"].whole == 1
    curve = summary.curves["Cholesky CMA", "none"]
    assert curve[1] == pytest.approx(expected)
    assert curve[0] == pytest.approx(expected / 2)


def test_published_orders_hold_or_do_not(small: str, summary: Summary) -> None:
    assert [(v.claim.better, v.claim.worse, v.holds) for v in summary.verdicts] == [
        ("Cholesky CMA", "GA", "yes")
    ] * 3
    swapped = [
        replace(row, run=replace(row.run, optimizer=other))
        for row in rows_with(small, shift=5.0)
        for other in {"GA", "Cholesky CMA"} - {row.run.optimizer}
    ]
    found = summarise(swapped, parse_plan(small).plan)
    assert {verdict.holds for verdict in found.verdicts} == {"no"}


def test_claims_are_those_of_the_published_means() -> None:
    assert all(claim.ratio > 1 for claim in CLAIMS)
    assert next(c for c in CLAIMS if c.noise == POOLED).ratio == pytest.approx(1.667, abs=0.001)
    assert MEANS["SphereCMA-exp"][POOLED] / MEANS["Cholesky CMA"][POOLED] == pytest.approx(
        1.072, abs=0.001
    )


def test_controls_and_runs_with_an_error_count_in_no_mean(small: str, summary: Summary) -> None:
    rows = rows_with(small, shift=5.0)
    control = [
        replace(
            row,
            run=replace(row.run, optimizer="GA, shuffled", control="shuffled"),
            result=replace(row.result, clean_max=1e6, pc1=0.61),
        )
        for row in rows
    ]
    failed = replace(rows[0], result=replace(rows[0].result, error="it broke", clean_max=1e9))
    found = summarise([*rows, *control], parse_plan(small).plan)
    assert found.scores == summary.scores
    assert [walk.optimizer for walk in found.walks] == ["Cholesky CMA", "GA", "GA, shuffled"]
    assert found.walks[2].shares[0] == pytest.approx(0.61)
    broken = summarise([failed, *rows[1:]], parse_plan(small).plan)
    assert broken.errors == ("Cholesky CMA ended early with main: it broke",)
    assert broken.scores["Cholesky CMA", "none"].n == 3
    with pytest.raises(BenchError, match="no run has ended yet"):
        summarise([failed], parse_plan(small).plan)


def test_tables_have_the_published_layout(summary: Summary) -> None:
    pooled = tables.pooled_table(summary, "Cholesky CMA")
    assert pooled[0][:4] == ["optimizer", "all", "no noise", "noise 0.5"]
    assert pooled[1][2].startswith("0.995 (")
    groups = tables.group_table(summary)
    assert [row[:2] for row in groups[1:]] == [["shape", "no noise"], ["shape", "noise 0.5"]]
    assert groups[1][2].startswith("**0.995")
    assert "| Cholesky CMA > GA | all | 1.67 |" in as_markdown(tables.verdict_table(summary))
    assert tables.order_table(summary)[1][1] == "Cholesky CMA >(100 %) GA"
    assert tables.title(summary) == "2 neurons of 1 kind, 2 optimizers, 2 repeats, 16 runs"
    assert "is the optimizer's" in tables.anova_sentence(summary)


def test_the_summary_of_a_benchmark_that_is_not_over_is_printed_and_drawn(
    small: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "plan.toml").write_text(small, encoding="utf-8")
    with Journal(tmp_path / "r" / "journal.jsonl").writing() as writer:
        for row in rows_with(small)[:12]:
            writer.add(to_json(row.result, Cost(1, 1, 1, 1)))
    arguments = ["plan.toml", "--results", "r", "--summary", "--figure", "f.png"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["neuroloop", "bench", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    printed = capsys.readouterr().out
    assert "What Wang & Ponce 2022 found:" in printed
    assert "4 of 16 runs are still to come." in printed
    assert not (tmp_path / "r" / "results.h5").exists()
    with Image.open(tmp_path / "f.png") as picture:
        assert min(picture.size) > 400
