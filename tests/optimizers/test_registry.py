"""Every kind in the registry can be named, described, configured and built."""

import re
from dataclasses import fields

import numpy as np
import pytest

from controller.optimizers.options import option_fields
from controller.optimizers.registry import KINDS

EACH_KIND = pytest.mark.parametrize("name", KINDS)


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


@EACH_KIND
def test_the_population_that_is_told_is_the_one_that_is_asked(name: str) -> None:
    kind = KINDS[name]
    codes = np.random.default_rng(0).standard_normal((6, 20)).astype(np.float32)
    options = kind.options()
    optimizer = kind.make(codes, options, "maximise")

    assert kind.population(options, 20) == optimizer.population_size


def test_a_kind_without_a_usual_population_is_a_fault_of_the_registry() -> None:
    kind = KINDS["random"]
    options = type("Nothing", (), {"population_size": None})()
    with pytest.raises(TypeError, match="'random'"):
        kind.population(options, 20)
