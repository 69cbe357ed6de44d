"""What the parts of the contract have in common: the fixture that an author writes, one check."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pytest

from controller.optimizers.base import Codes, Direction, Optimizer, State

OptimizerFactory: TypeAlias = Callable[[Codes, Direction], Optimizer]


def assert_same_state(left: State, right: State) -> None:
    """Check that two saved states have the same fields, bit for bit."""
    assert left.keys() == right.keys()
    for name, field in left.items():
        assert field.dtype == right[name].dtype, name
        np.testing.assert_array_equal(field, right[name], err_msg=name, strict=True)


class ContractBase:
    """Where a part of the contract gets its optimizers from."""

    @pytest.fixture
    def make_optimizer(self) -> OptimizerFactory:
        """Return a function (initial_codes, direction) -> optimizer; the subclass writes it."""
        raise NotImplementedError("write a fixture `make_optimizer` in your subclass")
