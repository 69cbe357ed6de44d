"""What is wrong with a plan is said in one sentence each, before anything is run."""

from collections.abc import Callable

import pytest

from controller.bench.plans.load import load_plan, parse_plan
from controller.bench.plans.runs import Run, runs_of
from controller.errors import ConfigError

Changed = Callable[[str, str], str]


def problem_of(text: str) -> str:
    with pytest.raises(ConfigError) as refused:
        runs_of(parse_plan(text))
    assert len(refused.value.problems) == 1, refused.value.problems
    return refused.value.problems[0]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("seed = 3", "seed = 3\nsead = 4", "plan.sead is not a known key"),
        ("repeats = 2", "repeats = 0", "plan.repeats"),
        ('"gain_0.5"]', '"gain_0.7"]', "plan.noise has 'gain_0.7', but the levels are none"),
        ('"gain_0.5"]', '"none"]', "plan.noise names a level twice"),
        ('reference = "Cholesky CMA"', 'reference = "CMA"', "'CMA', which does not compete"),
        ('generator = "main"', 'generator = "other"', "neurons.0.generator names 'other'"),
        ('name = "GA"', 'name = "Cholesky CMA"', "'Cholesky CMA' competes twice with main"),
        ('kind = "shape"', 'kind = "shap"', "shap"),
        ("spontaneous_hz = 0.0", "spontaneous_hz = -1.0", "neurons.0.settings"),
        ("spontaneous_hz = 0.0", "colour = 1", "neurons.0.settings.colour is not a known key"),
        ("each = { seed = [1, 2] }", "", "neurons.0.settings.seed is missing"),
        ("seed = [1, 2]", "seed = [2, 2]", "shape seed=2 stands there twice with main"),
        ("seed = [1, 2]", "seed = []", "has no value for 'seed'"),
        ("seed = [1, 2]", "unit = [1, 2], seed = [1]", "'unit', which neurons of a plan"),
        ("sigma0 = 3.0", "sigma0 = 0", "optimizers.0.settings.sigma0"),
    ],
)
def test_a_problem_is_named_by_its_key(changed: Changed, old: str, new: str, told: str) -> None:
    assert told in problem_of(changed(old, new))


def test_a_plan_that_is_not_there_or_no_toml(tmp_path) -> None:
    with pytest.raises(ConfigError, match="there is no plan"):
        load_plan(tmp_path / "no.toml")
    (tmp_path / "bad.toml").write_text("[plan", encoding="utf-8")
    with pytest.raises(ConfigError, match="is not valid TOML"):
        load_plan(tmp_path / "bad.toml")


def test_every_combination_is_run_and_whoever_stops_has_compared_like_with_like(small: str) -> None:
    runs = runs_of(parse_plan(small))
    assert len(runs) == len({run.key for run in runs}) == 2 * 2 * 2 * 2
    assert [run.optimizer for run in runs[:2]] == ["Cholesky CMA", "GA"]
    assert [run.repeat for run in runs] == [0] * 8 + [1] * 8
    assert {run.neuron for run in runs} == {"shape seed=1", "shape seed=2"}
    assert all(run == Run.from_json(run.to_json()) for run in runs)


def test_one_competitor_may_have_other_settings_with_another_generator(changed: Changed) -> None:
    text = changed(
        '[[optimizers]]\nname = "GA"\n',
        '[generators.other]\nkind = "gaussian"\ncode_dim = 8\n\n'
        '[[optimizers]]\nname = "GA"\ngenerators = ["main"]\n',
    )
    text += (
        '[[optimizers]]\nname = "GA"\ngenerators = ["other"]\n'
        'settings = { kind = "genetic", initial = "normal", mutation_rate = 0.5 }\n'
        '[[neurons]]\ngenerator = "other"\nsettings = { kind = "shape", seed = 1 }\n'
    )
    runs = [run for run in runs_of(parse_plan(text)) if run.optimizer == "GA"]
    rates = {(run.generator, run.optimizer_table["mutation_rate"]) for run in runs}
    assert rates == {("main", 0.25), ("other", 0.5)}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("sigma0 = 3.0", "sigma0 = 2.0"),
        ("code_dim = 16", "code_dim = 17"),
        ("spontaneous_hz = 0.0", "spontaneous_hz = 1.0"),
        ("generations = 4", "generations = 5"),
        ("seed = 3", "seed = 4"),
    ],
)
def test_a_run_with_another_setting_is_another_run(
    small: str, changed: Changed, old: str, new: str
) -> None:
    before, after = (runs_of(parse_plan(text)) for text in (small, changed(old, new)))
    differ = [a.key != b.key for a, b in zip(before, after, strict=True)]
    assert differ[0]
    # What concerns one optimizer leaves the results of the other.
    assert all(differ) or not any(differ[1::2])


def test_a_plan_that_grows_keeps_its_results(small: str, changed: Changed) -> None:
    keys = [run.key for run in runs_of(parse_plan(small))]
    more = {run.key for run in runs_of(parse_plan(changed("repeats = 2", "repeats = 3")))}
    labelled = runs_of(parse_plan(changed('generator = "main"', 'generator = "main"\nlabel = "x"')))
    assert set(keys) < more
    assert len(labelled) == len(keys)
