"""Every kind in the registry can be named, described, configured and built."""

import re
from dataclasses import fields

import numpy as np
import pytest

from controller.optimizers.options import option_fields
from controller.optimizers.registry import KINDS

EACH_KIND = pytest.mark.parametrize("name", KINDS)
EACH_PLAIN_KIND = pytest.mark.parametrize("name", [n for n, kind in KINDS.items() if kind.is_plain])


@EACH_KIND
def test_a_kind_is_known_by_its_own_name(name: str) -> None:
    assert KINDS[name].name == name
    assert re.fullmatch(r"[a-z][a-z0-9_]*", name)


@EACH_KIND
def test_a_kind_says_what_it_is_in_one_sentence(name: str) -> None:
    about = KINDS[name].about

    assert about.endswith(".")
    assert not about.removesuffix(".").endswith(".")


@EACH_KIND
def test_every_option_has_a_meaning(name: str) -> None:
    options = KINDS[name].options

    assert [field.name for field in option_fields(options)] == [f.name for f in fields(options)]
    assert [field.name for field in option_fields(options) if not field.meaning] == []


@EACH_KIND
def test_its_options_are_frozen(name: str) -> None:
    assert KINDS[name].options.__dataclass_params__.frozen


@EACH_PLAIN_KIND
def test_it_starts_from_as_many_codes_as_the_registry_says(name: str) -> None:
    kind = KINDS[name]
    codes = np.random.default_rng(0).standard_normal((kind.n_initial(kind.options(), 20), 20))
    optimizer = kind.make(codes.astype(np.float32), kind.options(), "maximise")

    assert optimizer.ask(np.random.default_rng(0), 0).codes.shape == codes.shape
    assert 0 <= optimizer.population_size - len(codes) <= 1


def test_without_a_population_size_it_is_that_of_the_2022_study() -> None:
    kind = KINDS["cholesky_cma"]

    assert kind.n_initial(kind.options(), 4096) == 40
    assert kind.n_initial(kind.options(population_size=12), 4096) == 12
