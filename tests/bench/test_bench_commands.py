"""`neuroloop bench` prints standings, goes on where it was stopped, and says what it cannot do."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from controller.bench import heat
from controller.bench.standings_file import standings_of
from controller.cli import main
from controller.cli.exits import Exit

Bench = Callable[..., tuple[int, str, str]]
SMALL = ("--optimizer", "cholesky_cma", "--optimizer", "random", "--code-dim", "32")
SHORT = (*SMALL, "--noise", "poisson", "--presentations", "120", "--workers", "1")


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Bench:
    """Run a command in this process; return its status and what it printed."""

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["neuroloop", "bench", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return call


@pytest.mark.parametrize("command", ["optimizers", "robustness", "noise-driven"])
def test_the_help_has_an_example(bench: Bench, command: str) -> None:
    status, out, _ = bench(command, "--help")
    assert status == 0
    assert f"Example: neuroloop bench {command}" in " ".join(out.split())


def test_a_race_prints_tables_says_on_what_and_draws_a_picture(
    bench: Bench, tmp_path: Path
) -> None:
    status, out, err = bench("optimizers", *SHORT, "--figure", str(tmp_path / "race.png"))
    assert status == 0
    assert "10 neurons of the test set, 1 seed, 120 presentations in each run." in out
    assert out.count("cholesky_cma  ") == 5
    assert "20 of 20 runs" in err
    with Image.open(tmp_path / "race.png") as picture:
        assert min(picture.size) > 300


def test_a_race_goes_on_from_its_results(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("optimizers", *SHORT, "--results", str(tmp_path / "race.jsonl"))
    first = bench(*arguments, "--json")
    lines = (tmp_path / "race.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "race.jsonl").write_text("".join(lines[:15]), encoding="utf-8")
    run: list[heat.Heat] = []

    def run_heat(one: heat.Heat) -> heat.HeatResult:
        run.append(one)
        return heat.run_heat(one)

    monkeypatch.setattr("controller.bench.race.run_heat", run_heat)
    second = bench(*arguments, "--json")
    assert len(lines) == 20
    assert len(run) == 5
    scores = [[row["final"] for row in json.loads(out)["rows"]] for _, out, _ in (first, second)]
    assert scores[0] == scores[1]


def test_ctrl_c_shows_what_is_there(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    run = 0

    def run_heat(one: heat.Heat) -> heat.HeatResult:
        nonlocal run
        run += 1
        if run == 6:
            raise KeyboardInterrupt
        return heat.run_heat(one)

    monkeypatch.setattr("controller.bench.race.run_heat", run_heat)
    status, out, err = bench("optimizers", *SHORT)
    assert status == Exit.ABORTED
    assert "Stopped; 5 of 20 runs are there." in err
    assert "2 neurons of the test set" in out


def test_robustness_tells_what_each_fault_costs(bench: Bench, tmp_path: Path) -> None:
    saved = tmp_path / "robustness.json"
    status, out, _ = bench("robustness", "--quick", *SHORT, "--save", str(saved))
    assert status == 0
    head = next(line for line in out.splitlines() if line.startswith("optimizer"))
    assert head.split() == ["optimizer", "poisson", "gaps", "drift", "outliers", "errors"]
    assert out.count(" %") == 2 * 3 + 1
    assert standings_of(saved.read_text(encoding="utf-8")).n_neurons == 5


def test_noise_driven_figures_stand_beside_the_published_ones(bench: Bench) -> None:
    arguments = ("noise-driven", "--code-dim", "64", "--runs", "2", "--optimizer")
    status, out, _ = bench(*arguments, "cholesky_cma")
    assert status == 0
    assert [line.split()[3:] for line in out.splitlines()[2:5]] == [
        ["0.998", "agrees"],
        ["0.6", "agrees"],
        ["0.15", "agrees"],
    ]
    figures = json.loads(bench(*arguments, "random", "--json")[1])
    assert figures["random"]["mean"]["last_norm"] == pytest.approx(8, abs=0.5)
    assert figures["random"]["mean"]["last_sigma"] is None


def test_an_unknown_optimizer_and_a_file_of_something_else_are_told(
    bench: Bench, tmp_path: Path
) -> None:
    status, _, err = bench("optimizers", "--optimizer", "best_ever")
    assert status == Exit.USAGE
    assert "there is no optimizer 'best_ever'; write one of posterior_ascent" in err
    (tmp_path / "notes").write_text("what I did", encoding="utf-8")
    status, _, err = bench("optimizers", *SHORT, "--results", str(tmp_path / "notes"))
    assert status == Exit.USAGE
    assert "holds no results of races" in err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--save", "nowhere/race.json"), "there is no folder for nowhere/race.json"),
        (("--figure", "race.txt"), "race.txt cannot be drawn"),
        (("--min-norm", "5", "--max-norm", "4"), "--min-norm 5 exceeds --max-norm 4"),
    ],
)
def test_what_cannot_be_done_is_told_before_the_race(
    bench: Bench, arguments: tuple[str, ...], told: str
) -> None:
    status, out, err = bench("optimizers", *SHORT, *arguments)
    assert (status, out) == (Exit.USAGE, "")
    assert told in err
    assert "runs" not in err
