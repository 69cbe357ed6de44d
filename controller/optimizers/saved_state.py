"""Reads saved optimizer states strictly: every field, right shape, nothing left over.

What is left out: where the state is kept; the session log decides that.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from controller.optimizers.base import State
from controller.optimizers.errors import OptimizerStateError

Scalar = TypeVar("Scalar", bound=np.generic)


class StateReader:
    """Takes the fields out of one saved state, one by one."""

    def __init__(self, state: State) -> None:
        self._fields = dict(state)

    def __contains__(self, name: str) -> bool:
        """Whether the field is there and was not taken yet."""
        return name in self._fields

    def array(
        self, name: str, shape: tuple[int | None, ...], dtype: type[Scalar]
    ) -> NDArray[Scalar]:
        """Take a copy of field `name`.

        Args:
            name: field of the state.
            shape: expected shape; None stands for any length.
            dtype: expected type, exactly.

        Raises:
            OptimizerStateError: the field is absent, or has another shape or type.

        """
        if name not in self._fields:
            raise OptimizerStateError(
                f"the saved state has no field {name!r}; it was written by another optimizer or "
                "another version, so replay the log instead of loading it"
            )
        field = np.asarray(self._fields.pop(name))
        fits = len(field.shape) == len(shape) and all(
            wanted in (None, found) for wanted, found in zip(shape, field.shape, strict=True)
        )
        if not fits or field.dtype != np.dtype(dtype):
            raise OptimizerStateError(_misfit(name, field, shape, dtype))
        return np.array(field, dtype=dtype)

    def number(self, name: str) -> float:
        """Take a float64 field of shape (); errors as in `array`."""
        return float(self.array(name, (), np.float64))

    def count(self, name: str) -> int:
        """Take an int64 field of shape (); errors as in `array`."""
        return int(self.array(name, (), np.int64))

    def finish(self) -> None:
        """Check that every field was taken.

        Raises:
            OptimizerStateError: fields are left over.

        """
        if self._fields:
            raise OptimizerStateError(
                f"the saved state has fields {sorted(self._fields)} that this optimizer does not "
                "know; build it with the options that it was saved with"
            )


def with_prefix(prefix: str, state: State) -> State:
    """Return a state whose fields are named `prefix` and their name, to put it into another one."""
    return {f"{prefix}{name}": field for name, field in state.items()}


def parts_of(state: State, prefixes: Sequence[str]) -> tuple[State, list[State]]:
    """Return the fields that have none of the prefixes, and those of each, without it."""
    inside = [
        {name.removeprefix(p): field for name, field in state.items() if name.startswith(p)}
        for p in prefixes
    ]
    own = {name: field for name, field in state.items() if not name.startswith(tuple(prefixes))}
    return own, inside


def _misfit(name: str, field: NDArray[Any], shape: tuple[int | None, ...], dtype: DTypeLike) -> str:
    wanted = "(" + ", ".join("any" if length is None else str(length) for length in shape) + ")"
    return (
        f"field {name!r} of the saved state is {field.dtype} {field.shape} instead of "
        f"{np.dtype(dtype)} {wanted}; build the optimizer with the options that it was saved with"
    )
