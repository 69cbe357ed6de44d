"""The optimizers' tables say exactly what the options say, and build what the registry makes."""

from dataclasses import fields

import numpy as np
import pytest

from controller import assembly
from controller.cli.config_commands import template
from controller.config.load import parse_config, validate_config
from controller.config.optimizers import OPTIMIZER_TABLES, OptimizerBase
from controller.errors import ConfigError
from controller.optimizers.cma.cholesky import CholeskyCmaEsOptions
from controller.optimizers.options import option_fields
from controller.optimizers.registry import KINDS

from .conftest import session_config

SMALL = ("generators.embedded.code_dim=8", "generators.embedded.image_size_px=72")
EACH_KIND = pytest.mark.parametrize("name", KINDS)


@EACH_KIND
def test_a_table_has_the_keys_of_its_options_with_their_defaults_and_meanings(name: str) -> None:
    table, options = OPTIMIZER_TABLES[name], KINDS[name].options
    names = {field.name for field in fields(options)}

    assert table.model_fields.keys() == OptimizerBase.model_fields.keys() | names
    for field in option_fields(options):
        derived = table.model_fields[field.name]
        assert derived.is_required() == field.required
        assert derived.description == field.meaning
        assert field.required or derived.default == field.default


@EACH_KIND
def test_every_kind_can_be_configured_by_its_name_alone_and_built(name: str) -> None:
    config = session_config(*SMALL, f'threads.0.optimizer={{kind="{name}"}}')
    (thread,) = assembly.build_threads(config, assembly.build_generators(config))

    assert type(thread.optimizer) is KINDS[name].make
    n_initial = KINDS[name].n_initial(KINDS[name].options(), 8)
    assert len(thread.ask(0).ids) == n_initial


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
