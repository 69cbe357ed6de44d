"""Keeps the contract of an optimizer around an object of another library.

Such objects hide their state, so the state is what they were told: a saved state is loaded by
telling a new object everything again. So what an object learns may follow from codes and losses
alone, never from how its proposals were drawn. What is left out: the libraries themselves; each
has a file.
"""

import importlib
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from controller.optimizers.base import Codes, Direction, Floats, Ids, Population, State
from controller.optimizers.cma.full import first_mean
from controller.optimizers.errors import OptimizerOptionError, OptimizerStateError
from controller.optimizers.guard import AskTellGuard, GuardState, checked_initial_codes
from controller.optimizers.saved_state import StateReader


class Method(Protocol):
    """An object of another library, around a centre that it was made with."""

    def propose(self, rng: np.random.Generator, n: int) -> Floats:
        """Return the codes (n, code_dim) to show next."""
        ...

    def learn(self, codes: Floats, losses: Floats) -> None:
        """Take the codes last proposed, (n, code_dim), with losses (n,), NaN where missing.

        Codes may differ a little from those proposed.
        """
        ...


MethodFactory: TypeAlias = Callable[[Floats], Method]


@dataclass(frozen=True, eq=False)
class _Generation:
    """codes: (n, code_dim) float32; losses: (n,) NaN where missing."""

    codes: Codes
    losses: Floats


class LibraryOptimizer:
    """The optimizer; see `Optimizer` for what it promises.

    One initial code becomes the method's centre whatever it scores; several are recombined by rank.

    initial_codes: (m, code_dim), shown first as they are.
    population_size: codes per generation after the first.
    make_method: from a centre (code_dim,) to a new object of the library.
    """

    def __init__(
        self,
        initial_codes: NDArray[np.floating],
        population_size: int,
        make_method: MethodFactory,
        direction: Direction = "maximise",
    ) -> None:
        self._initial_codes = checked_initial_codes(initial_codes)
        self._size = population_size
        self._make_method = make_method
        self._guard = AskTellGuard(self.code_dim, direction)
        self._centre: Floats | None = None
        self._method: Method | None = None
        self._told: list[_Generation] = []

    @property
    def code_dim(self) -> int:
        """Length of a code."""
        return int(self._initial_codes.shape[1])

    @property
    def population_size(self) -> int:
        """Number of codes per generation after the first."""
        return self._size

    @property
    def generation(self) -> int:
        """Number of completed `tell` calls."""
        return self._guard.generation

    def ask(self, rng: np.random.Generator, first_id: int, n: int | None = None) -> Population:
        """Let the library propose; see `Optimizer.ask`."""
        self._guard.require_ask(first_id, n)
        if self._method is None:
            return self._guard.open(self._initial_codes, first_id)
        with _left_alone():
            codes = self._method.propose(rng, n or self._size)
        return self._guard.open(codes, first_id)

    def tell(self, ids: Ids, codes: Codes, scores: Floats, n_valid: Ids) -> None:
        """Let the library learn; see `Optimizer.tell`."""
        told = self._guard.close(ids, codes, scores, n_valid)
        if self._method is not None:
            self._told.append(_Generation(told.codes, -told.scores))
            _learn(self._method, self._told[-1])
        elif len(told.ids) == 1 or told.valid.any():
            self._centre = first_mean(told, self._size)
            self._method = self._new_method(self._centre)

    def summary(self) -> dict[str, float]:
        """Figures for the operator; see `Optimizer.summary`."""
        return self._guard.summary()

    def stop_reasons(self) -> tuple[str, ...]:
        """Nothing: a library's own criteria are for other problems than this one."""
        return ()

    def state_dict(self) -> State:
        """Guard, centre and all that was told, as arrays; see `Optimizer.state_dict`."""
        state = self._guard.state.as_arrays()
        if self._centre is None:
            return state
        none = _Generation(np.empty((0, self.code_dim), np.float32), np.empty(0))
        told = [none, *self._told]
        return state | {
            "centre": self._centre.copy(),
            "told_sizes": np.array([len(one.losses) for one in self._told], dtype=np.int64),
            "told_codes": np.concatenate([one.codes for one in told]),
            "told_losses": np.concatenate([one.losses for one in told]),
        }

    def load_state_dict(self, state: State) -> None:
        """Tell a new object everything again; see `Optimizer.load_state_dict`."""
        reader = StateReader(state)
        guard_state, centre = GuardState.read(reader), None
        method, told = None, list[_Generation]()
        if "centre" in reader:
            centre = reader.array("centre", (self.code_dim,), np.float64)
            told = self._read_told(reader)
        reader.finish()
        if centre is not None:
            method = self._replayed(centre, told, len(guard_state.open_ids))
        self._guard.state, self._centre = guard_state, centre
        self._method, self._told = method, told

    def _new_method(self, centre: Floats) -> Method:
        with _left_alone():
            return self._make_method(centre)

    def _read_told(self, reader: StateReader) -> list[_Generation]:
        sizes = reader.array("told_sizes", (None,), np.int64)
        if (sizes < 1).any():
            raise OptimizerStateError(
                "the saved state has a generation without codes, so its file is damaged; replay "
                "the log instead of loading it"
            )
        total = int(sizes.sum())
        codes = reader.array("told_codes", (total, self.code_dim), np.float32)
        losses = reader.array("told_losses", (total,), np.float64)
        ends = np.cumsum(sizes)
        return [
            _Generation(codes[end - size : end], losses[end - size : end])
            for size, end in zip(sizes, ends, strict=True)
        ]

    def _replayed(self, centre: Floats, told: list[_Generation], n_open: int) -> Method:
        method = self._new_method(centre)
        for number, generation in enumerate(told):
            _ask_again(method, number, len(generation.losses))
            _learn(method, generation)
        if n_open:
            _ask_again(method, len(told), n_open)
        return method


def required(library: str) -> ModuleType:
    """Import an optional library.

    Raises:
        OptimizerOptionError: it is not installed.

    """
    try:
        with _left_alone():
            return importlib.import_module(library)
    except ImportError as missing:
        raise OptimizerOptionError(
            f"this optimizer needs the library {library}, which is not installed; run "
            "`pip install 'neuroloop[baselines]'` or choose another optimizer",
            "kind",
        ) from missing


def _learn(method: Method, generation: _Generation) -> None:
    with _left_alone():
        method.learn(generation.codes.astype(np.float64), generation.losses)


def _ask_again(method: Method, number: int, n: int) -> None:
    # What is proposed here is replaced by what was told, so that any random numbers do.
    with _left_alone():
        method.propose(np.random.default_rng(number), n)


@contextmanager
def _left_alone() -> Iterator[None]:
    """Keep a library from warning the operator, and from moving numpy's common random state."""
    common = np.random.get_state()  # noqa: NPY002  the libraries use it, and others may
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about use that is right here, and about themselves
            yield
    finally:
        np.random.set_state(common)  # noqa: NPY002
