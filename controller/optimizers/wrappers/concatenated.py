"""Splits a code among several optimizers; each searches its part, all are told the same scores.

Parts of different meaning or scale, such as noise and class of BigGAN, get their own method and
step size. What is left out: knowing which part a score is owed to; each learns as if the others
were noise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from controller.optimizers.base import (
    Codes,
    Direction,
    Floats,
    Ids,
    MakeOptimizer,
    Optimizer,
    Population,
    State,
    work_ahead,
)
from controller.optimizers.errors import OptimizerOptionError, OptimizerStateError
from controller.optimizers.guard import AskTellGuard, GuardState, checked_initial_codes
from controller.optimizers.options import Limits, check_options, refusal
from controller.optimizers.saved_state import StateReader, parts_of, with_prefix


@dataclass(frozen=True)
class ConcatenatedOptions:
    """Settings.

    sizes: genes of each part, in their order; together they are the whole code.
    """

    sizes: tuple[Annotated[int, Limits(at_least=1)], ...]

    def __post_init__(self) -> None:
        check_options(self)
        if len(self.sizes) < 2 or min(self.sizes) < 1:
            raise refusal("sizes", list(self.sizes), "must name two parts or more, none empty")


class Concatenated:
    """An optimizer around several; see `Optimizer` for what it promises.

    The parts are told nothing until a generation has a score, so that all of them leave the initial
    codes together. Each draws from a stream of its own, seeded by the `rng` of `ask`.

    initial_codes: (m, code_dim), split as the options say.
    makers: one for each part.
    """

    def __init__(
        self,
        initial_codes: NDArray[np.floating],
        options: ConcatenatedOptions,
        direction: Direction,
        makers: Sequence[MakeOptimizer],
    ) -> None:
        given = checked_initial_codes(initial_codes)
        _require_fit(options.sizes, len(makers), given.shape[1])
        self._splits = np.cumsum(options.sizes)[:-1]
        self._guard = AskTellGuard(given.shape[1], direction)
        self._code_dim = int(given.shape[1])
        parts = list(zip(makers, self._split(given), strict=True))
        self._parts: tuple[Optimizer, ...] = tuple(make(part) for make, part in parts)
        # A part may have scaled its codes; asking it to know changes it, so a second one is asked.
        self._first_codes = np.concatenate([_first_codes(make(part)) for make, part in parts], 1)
        self._started = False
        sizes = {part.population_size for part in self._parts}
        if len(sizes) > 1:
            raise OptimizerOptionError(
                f"the parts propose {sorted(sizes)} codes in a generation; give all of them the "
                "same population"
            )

    @property
    def parts(self) -> tuple[Optimizer, ...]:
        """The optimizers of the parts."""
        return self._parts

    @property
    def code_dim(self) -> int:
        """Length of a code."""
        return self._code_dim

    @property
    def population_size(self) -> int:
        """Number of codes per generation after the first."""
        return self._parts[0].population_size

    @property
    def generation(self) -> int:
        """Number of completed `tell` calls."""
        return self._guard.generation

    def ask(self, rng: np.random.Generator, first_id: int, n: int | None = None) -> Population:
        """Ask every part and join what they propose; see `Optimizer.ask`."""
        self._guard.require_ask(first_id, n)
        if not self._started:
            return self._guard.open(self._first_codes, first_id)
        streams = part_streams(rng, len(self._parts))
        asked = [
            part.ask(stream, first_id, n) for part, stream in zip(self._parts, streams, strict=True)
        ]
        return self._guard.open(np.concatenate([one.codes for one in asked], axis=1), first_id)

    def prepare(self, rng: np.random.Generator) -> None:
        """Have every part work ahead; see `WorksAhead`."""
        if self._started:
            streams = part_streams(rng, len(self._parts))
            for part, stream in zip(self._parts, streams, strict=True):
                work_ahead(part, stream)

    def tell(self, ids: Ids, codes: Codes, scores: Floats, n_valid: Ids) -> None:
        """Tell every part its genes and the scores; see `Optimizer.tell`."""
        told = self._guard.close(ids, codes, scores, n_valid)
        if not self._started and not told.valid.any():
            return
        for part, genes in zip(self._parts, self._split(told.codes), strict=True):
            if not self._started:
                # The initial codes were shown without asking it; no randomness is used.
                part.ask(np.random.default_rng(0), int(told.ids[0]))
            part.tell(told.ids, genes, told.scores, told.n_valid)
        self._started = True

    def summary(self) -> dict[str, float]:
        """Figures of whole codes, and norms over all parts; see `Optimizer.summary`."""
        inside = [part.summary() for part in self._parts]
        norms = ("mean_norm", "step_norm")
        joined = {
            key: float(np.linalg.norm([figures[key] for figures in inside]))
            for key in norms
            if all(key in figures for figures in inside)
        }
        return joined | self._guard.summary()

    def stop_reasons(self) -> tuple[str, ...]:
        """Sentences of all parts, each with its number; see `Optimizer.stop_reasons`."""
        return tuple(
            f"part {number}: {reason}"
            for number, part in enumerate(self._parts)
            for reason in part.stop_reasons()
        )

    def state_dict(self) -> State:
        """Guard and all parts; see `Optimizer.state_dict`."""
        state = self._guard.state.as_arrays() | {"started": np.array(int(self._started))}
        for number, part in enumerate(self._parts):
            state |= with_prefix(f"{number}.", part.state_dict())
        return state

    def load_state_dict(self, state: State) -> None:
        """Continue from a saved state; see `Optimizer.load_state_dict`."""
        own, inside = parts_of(state, [f"{number}." for number in range(len(self._parts))])
        reader = StateReader(own)
        guard_state, started = GuardState.read(reader), bool(reader.count("started"))
        reader.finish()
        before = [part.state_dict() for part in self._parts]
        try:
            for part, saved in zip(self._parts, inside, strict=True):
                part.load_state_dict(saved)
        except OptimizerStateError:
            for part, saved in zip(self._parts, before, strict=True):
                part.load_state_dict(saved)
            raise
        self._guard.state, self._started = guard_state, started

    def _split(self, codes: Codes) -> list[Codes]:
        return [np.ascontiguousarray(part) for part in np.split(codes, self._splits, axis=1)]


def part_streams(rng: np.random.Generator, n_parts: int) -> list[np.random.Generator]:
    """Return a stream of random numbers for each part; they follow from `rng`."""
    return [np.random.default_rng(int(seed)) for seed in rng.integers(2**63, size=n_parts)]


def _first_codes(part: Optimizer) -> Codes:
    return part.ask(np.random.default_rng(0), 0).codes


def _require_fit(sizes: tuple[int, ...], n_parts: int, code_dim: int) -> None:
    if len(sizes) != n_parts:
        raise refusal("sizes", list(sizes), f"must have one number for each of {n_parts} parts")
    if sum(sizes) != code_dim:
        raise refusal("sizes", list(sizes), f"must add up to the {code_dim} genes of a code")
