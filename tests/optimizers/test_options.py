"""Options are refused by name beyond their limits, and described by their docstring."""

from dataclasses import dataclass
from typing import Literal

import pytest

from controller.optimizers.errors import OptimizerOptionError
from controller.optimizers.options import (
    Angle,
    Count,
    PopulationSize,
    Positive,
    Rate,
    Share,
    check_options,
    option_fields,
    refusal,
)


@dataclass(frozen=True)
class Options:
    """Settings of nothing in particular.

    step: how far,
        and how fast.
    share, rate: both of them.
    mode: "one" or "other".

    A paragraph: it belongs to no field.
    """

    count: Count
    step: Positive = 1.0
    share: Share = 0.5
    rate: Rate | None = None
    angle: Angle = 50.0
    size: PopulationSize | None = None
    mode: Literal["one", "other"] = "one"
    free: float = 0.0

    def __post_init__(self) -> None:
        check_options(self)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"step": 0.0}, "step must be greater than 0, but it is 0.0"),
        ({"step": float("nan")}, "step must be a finite number, but it is nan"),
        ({"step": float("inf")}, "step must be a finite number, but it is inf"),
        ({"step": None}, "step must be a number, but it is None"),
        ({"step": "3"}, "step must be a number, but it is '3'"),
        ({"share": 1.1}, "share must be less than or equal to 1, but it is 1.1"),
        ({"share": -0.1}, "share must be greater than or equal to 0, but it is -0.1"),
        ({"rate": 0.0}, "rate must be greater than 0, but it is 0.0"),
        ({"angle": 91.0}, "angle must be less than or equal to 90, but it is 91.0"),
        ({"size": 1}, "size must be greater than or equal to 2, but it is 1"),
        ({"size": 2.0}, "size must be a whole number, but it is 2.0"),
        ({"count": True}, "count must be a whole number, but it is True"),
        ({"mode": "both"}, "mode must be 'one' or 'other', but it is 'both'"),
    ],
)
def test_an_option_beyond_its_limits_is_refused_by_name(wrong: dict, told: str) -> None:
    with pytest.raises(OptimizerOptionError) as refused:
        Options(**({"count": 1} | wrong))

    assert str(refused.value) == told
    assert refused.value.option == next(iter(wrong))


def test_limits_themselves_are_within_the_limits() -> None:
    assert Options(count=1, share=0.0, rate=1.0, angle=90.0, size=2, free=float("inf")).share == 0


def test_meanings_are_read_from_the_docstring() -> None:
    meanings = {field.name: field.meaning for field in option_fields(Options)}

    assert meanings == {
        "count": "",
        "step": "how far, and how fast",
        "share": "both of them",
        "rate": "both of them",
        "angle": "",
        "size": "",
        "mode": '"one" or "other"',
        "free": "",
    }


def test_a_field_without_a_default_is_required() -> None:
    required = [field.name for field in option_fields(Options) if field.required]

    assert required == ["count"]


def test_a_refusal_carries_its_option() -> None:
    error = refusal("n", 3, "must be even")

    assert (error.option, str(error)) == ("n", "n must be even, but it is 3")
