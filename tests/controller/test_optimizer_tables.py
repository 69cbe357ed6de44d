"""The optimizers' tables say exactly what the options say, and build what the registry makes."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from controller import assembly
from controller.cli.config_commands import template
from controller.config.load import parse_config, validate_config
from controller.config.optimizers import OPTIMIZER_TABLES, OptimizerBase
from controller.config.tables import SessionConfig
from controller.errors import ConfigError, SessionRefused
from controller.optimizers.cma.cholesky import CholeskyCmaEsOptions
from controller.optimizers.options import option_fields
from controller.optimizers.registry import KINDS

from .conftest import session_config

SMALL = ("generators.main.code_dim=8", "generators.main.image_size_px=72")
EACH_KIND = pytest.mark.parametrize("name", KINDS)
EACH_PLAIN_KIND = pytest.mark.parametrize("name", [n for n, kind in KINDS.items() if kind.is_plain])
INSIDE = {
    "subspace": 'n_dims=3, inner={kind="cholesky_cma", population_size=12}',
    "frozen": 'first_free=2, n_free=5, inner={kind="cholesky_cma", population_size=12}',
    "concatenated": 'sizes=[3, 5], parts=[{kind="cholesky_cma", population_size=12}, '
    '{kind="genetic", population_size=12}]',
}
EACH_WRAPPER = pytest.mark.parametrize("name", INSIDE)


@EACH_KIND
def test_a_table_has_the_keys_of_its_options_with_their_defaults_and_meanings(name: str) -> None:
    table, options = OPTIMIZER_TABLES[name], KINDS[name].options
    names = {field.name for field in fields(options)}

    inside = {KINDS[name].inner} - {""}

    assert table.model_fields.keys() == OptimizerBase.model_fields.keys() | names | inside
    for field in option_fields(options):
        derived = table.model_fields[field.name]
        assert derived.is_required() == field.required
        assert derived.description == field.meaning
        assert field.required or derived.default == field.default


@EACH_PLAIN_KIND
def test_every_kind_can_be_configured_by_its_name_alone_and_built(name: str) -> None:
    config = session_config(*SMALL, f'threads.0.optimizer={{kind="{name}"}}')
    (thread,) = assembly.build_threads(config, assembly.build_generators(config))

    assert type(thread.optimizer) is KINDS[name].make
    n_initial = KINDS[name].n_initial(KINDS[name].options(), 8)
    assert len(thread.ask(0).ids) == n_initial


def test_a_metric_is_read_from_its_file(tmp_path: Path) -> None:
    vectors = np.linalg.qr(np.random.default_rng(0).standard_normal((8, 8)))[0]
    np.savez(tmp_path / "metric.npz", eigvect_avg=vectors, eigv_avg=np.arange(1.0, 9.0))
    key = f'kind="hessian_cma", n_axes=5, metric="{tmp_path / "metric.npz"}"'
    config = session_config(*SMALL, f"threads.0.optimizer={{{key}}}")
    (thread,) = assembly.build_threads(config, assembly.build_generators(config))
    first = thread.ask(0)
    thread.optimizer.tell(
        first.ids, first.codes, first.codes[:, 0].astype(float), np.ones(len(first.ids), np.int64)
    )
    moved = np.ptp(thread.ask(100).codes @ vectors, axis=0)

    # Five axes: int(4 + 3 log2(5)) codes. The strongest eigenvalues are the last of the file.
    assert len(first.ids) == 10
    np.testing.assert_array_equal(moved > 1e-3, [False] * 3 + [True] * 5)


def test_a_metric_that_is_not_there_is_a_config_error() -> None:
    with pytest.raises(ConfigError) as refused:
        session_config('threads.0.optimizer={kind="hessian_cma", metric="nowhere.npz"}')

    (problem,) = refused.value.problems
    assert problem.startswith("threads.0.optimizer.metric: nowhere.npz is not a readable")


def wrapped(name: str, *overrides: str) -> SessionConfig:
    return session_config(
        *SMALL, f'threads.0.optimizer={{kind="{name}", {INSIDE[name]}}}', *overrides
    )


def test_every_wrapper_is_tried_here() -> None:
    assert INSIDE.keys() == {name for name, kind in KINDS.items() if kind.inner}


@EACH_WRAPPER
def test_a_wrapper_can_be_configured_with_what_is_inside_and_runs(name: str) -> None:
    config = wrapped(name)
    (thread,) = assembly.build_threads(config, assembly.build_generators(config))
    for generation in range(3):
        shown = thread.ask(100 * generation)
        scores = shown.codes.sum(axis=1).astype(float)
        thread.optimizer.tell(shown.ids, shown.codes, scores, np.ones(12, dtype=np.int64))

    assert shown.codes.shape == (12, 8)
    assert thread.optimizer.population_size == 12


@EACH_WRAPPER
def test_a_wrapper_in_a_log_is_read_again(name: str) -> None:
    config = wrapped(name)

    assert validate_config(config.model_dump(mode="json")) == config


@EACH_WRAPPER
def test_the_keys_inside_a_wrapper_are_held_to_their_limits(name: str) -> None:
    place = next(iter(wrapped(name).threads[0].optimizer.inside()))
    key = f"threads.0.optimizer.{place}"
    told = {
        "sigma0=0": f"{key}.sigma0 must be greater than 0, but it is 0.",
        "sigma=1": f"{key}.sigma is not a known key; did you mean {key}.sigma0?",
        "initial=zeros": f"{key}.initial is for whole codes only: set threads.0.optimizer.initial "
        "instead.",
    }
    for override, problem in told.items():
        with pytest.raises(ConfigError) as refused:
            wrapped(name, f"{key}.{override}")
        assert refused.value.problems == (problem,)


def test_a_kind_inside_a_wrapper_is_changed_with_one_override() -> None:
    config = wrapped("subspace", "threads.0.optimizer.inner.kind=genetic")

    assert config.threads[0].optimizer.inner.kind == "genetic"
    assert config.threads[0].optimizer.inner.population_size == 12


def test_the_norms_inside_a_wrapper_can_be_bounded_too() -> None:
    config = wrapped("concatenated", "threads.0.optimizer.parts.0.max_norm=2.0")
    (thread,) = assembly.build_threads(config, assembly.build_generators(config))

    assert np.linalg.norm(thread.ask(0).codes[:, :3], axis=1) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (
            'kind="subspace", n_dims=9, inner={kind="random"}',
            "threads.0.optimizer.n_dims must not exceed the 8 dimensions of a code, but it is 9",
        ),
        (
            'kind="subspace", n_dims=4, inner={kind="frozen", first_free=3, n_free=2, '
            'inner={kind="random"}}',
            "threads.0.optimizer.inner.n_free must not exceed the 1 genes there, but it is 2",
        ),
        (
            'kind="concatenated", sizes=[3, 4], parts=[{kind="random"}, {kind="random"}]',
            "threads.0.optimizer.sizes must add up to the 8 genes of a code, but it is [3, 4]",
        ),
        (
            'kind="concatenated", sizes=[3, 5], parts=[{kind="random"}, '
            '{kind="random", population_size=9}]',
            "threads.0.optimizer: the parts propose [9, 40] codes in a generation; give all of "
            "them the same population",
        ),
    ],
)
def test_what_does_not_fit_the_codes_is_refused_by_name(table: str, told: str) -> None:
    config = session_config(*SMALL, f"threads.0.optimizer={{{table}}}")
    with pytest.raises(SessionRefused) as refused:
        assembly.build_threads(config, assembly.build_generators(config))

    assert str(refused.value) == told


def test_the_directions_of_a_subspace_come_from_a_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "axes.npz", vectors=np.eye(8)[:4], values=np.arange(4.0))
    override = f'threads.0.optimizer.basis="{tmp_path}/axes.npz"'
    config = wrapped("subspace", override)
    (thread,) = assembly.build_threads(config, assembly.build_generators(config))

    assert np.flatnonzero(thread.ask(0).codes.any(axis=0)).tolist() == [1, 2, 3]
    with pytest.raises(ConfigError) as refused:
        wrapped("subspace", override, "threads.0.optimizer.n_dims=5")
    assert refused.value.problems == (
        "threads.0.optimizer.n_dims must not exceed the 4 directions of basis, but it is 5.",
    )


def test_a_file_without_directions_is_a_config_error(tmp_path: Path) -> None:
    np.save(tmp_path / "axes.npy", np.ones((2, 8)))
    with pytest.raises(ConfigError, match=r"threads\.0\.optimizer\.basis: .*not orthonormal"):
        wrapped("subspace", f'threads.0.optimizer.basis="{tmp_path}/axes.npy"')


def test_the_keys_of_a_table_reach_the_options() -> None:
    config = session_config("threads.0.optimizer.sigma0=2", "threads.0.optimizer.c_1=0.25")

    assert config.threads[0].optimizer.options() == CholeskyCmaEsOptions(
        sigma0=2.0, c_1=0.25, population_size=40
    )


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("c_sigma=0", "c_sigma must be greater than 0, but it is 0."),
        ("c_1=1", "c_1 must be less than 1, but it is 1."),
        ("covariance=full", "covariance must be 'rank_one' or 'none', but it is 'full'."),
        ("update_period=-1", "update_period must be greater than or equal to 0, but it is -1."),
    ],
)
def test_limits_of_options_are_limits_of_keys(override: str, told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_config(template(), [f"threads.0.optimizer.{override}"])

    assert refused.value.problems == (f"threads.0.optimizer.{told}",)


@pytest.mark.parametrize("name", ["genetic", "random", "cholesky_cma"])
def test_the_norms_of_any_kind_can_be_bounded(name: str) -> None:
    # Random codes have a norm near 300.
    config = session_config(
        *SMALL, f'threads.0.optimizer={{kind="{name}", min_norm=350.0, max_norm=350.0}}'
    )
    (thread,) = assembly.build_threads(config, assembly.build_generators(config))

    assert np.linalg.norm(thread.ask(0).codes, axis=1) == pytest.approx(350.0)


def test_norms_that_leave_nothing_between_them_are_a_config_error() -> None:
    with pytest.raises(ConfigError) as refused:
        session_config("threads.0.optimizer.min_norm=50", "threads.0.optimizer.max_norm=40")

    assert refused.value.problems == (
        "threads.0.optimizer.min_norm must not exceed max_norm, which is 40, but it is 50.0.",
    )


def test_a_norm_that_the_first_steps_leave_far_behind_is_a_config_error() -> None:
    with pytest.raises(ConfigError) as refused:
        session_config("threads.0.optimizer.max_norm=19")

    assert refused.value.problems == (
        "threads.0.optimizer.max_norm 19 is far below the 192 that the first steps of sigma0 3 "
        "reach, so no step could be taken.",
    )


def test_a_config_from_a_log_that_holds_null_where_nothing_was_set_is_read() -> None:
    tables = session_config("threads.0.optimizer.kind=genetic").model_dump(mode="json")
    tables["threads"][0]["optimizer"]["population_size"] = None

    assert validate_config(tables).threads[0].optimizer.options().population_size == 40
