"""Keeps the conversation with an optimizer in order, once for all optimizers.

Checks that ask and tell alternate, matches rows by id, refuses nonsense, turns "minimise" into
"maximise", and marks missing scores. What is left out: any idea of how to search.
"""

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from controller.optimizers.base import Codes, Direction, Floats, Ids, Population, State
from controller.optimizers.errors import AskTellError, DivergedError, OptimizerOptionError
from controller.optimizers.in_place import row_norms
from controller.optimizers.limits import angle_deg
from controller.optimizers.saved_state import StateReader

Scalar = TypeVar("Scalar", bound=np.generic)

_MAX_NAMED_IDS = 8
_NUMBERS = ("best_score", "code_norm", "mean_norm", "step_norm", "step_angle_deg")


@dataclass(frozen=True, eq=False)
class Told:
    """One generation as an optimizer learns from it: rows by rising id, larger scores better.

    ids: (n,) int64.
    codes: (n, code_dim) float32, read-only.
    scores: (n,) float64, read-only, NaN where missing.
    norms: (n,) float64, read-only, Euclidean norm of each code.
    valid: (n,) bool, read-only, False where missing.
    n_valid: (n,) int64, read-only, presentations behind each score; 0 where missing.
    """

    ids: Ids
    codes: Codes
    scores: Floats
    norms: Floats
    valid: NDArray[np.bool_]
    n_valid: Ids


@dataclass(frozen=True, eq=False)
class GuardState:
    """What the guard remembers; `open_ids` is empty while nothing waits for its scores.

    Numbers that are not known yet are NaN; the optimizer's mean code is told with `moved`.
    """

    generation: int
    open_ids: Ids
    n_missing: int
    best_score: float = np.nan
    code_norm: float = np.nan
    mean_norm: float = np.nan
    step_norm: float = np.nan
    step_angle_deg: float = np.nan

    @classmethod
    def read(cls, reader: StateReader) -> "GuardState":
        """Take the guard's fields out of a saved state; raises OptimizerStateError."""
        return cls(
            generation=reader.count("generation"),
            open_ids=reader.array("open_ids", (None,), np.int64),
            n_missing=reader.count("n_missing"),
            **{name: reader.number(name) for name in _NUMBERS},
        )

    def as_arrays(self) -> State:
        """Fields as arrays, the inverse of `read`."""
        counts = {"generation": self.generation, "n_missing": self.n_missing}
        return {
            "open_ids": self.open_ids.copy(),
            **{name: np.array(count, dtype=np.int64) for name, count in counts.items()},
            **{name: np.array(getattr(self, name)) for name in _NUMBERS},
        }


class AskTellGuard:
    """The book-keeping that an optimizer holds and consults first in `ask` and in `tell`.

    state: saved and loaded together with the rest of the optimizer's state.
    """

    def __init__(self, code_dim: int, direction: Direction) -> None:
        if direction not in ("maximise", "minimise"):
            raise OptimizerOptionError(
                f"direction is {direction!r}; write 'maximise' or 'minimise' in the configuration"
            )
        self._code_dim = code_dim
        self._sign = 1.0 if direction == "maximise" else -1.0
        self.state = GuardState(0, np.empty(0, dtype=np.int64), 0)

    @property
    def generation(self) -> int:
        """Number of completed tells."""
        return self.state.generation

    def require_ask(self, first_id: int, n: int | None = None) -> None:
        """Check that an ask is due, of `n` codes.

        Raises:
            AskTellError: the last population waits for its scores, `first_id` is negative, or `n`
                is below 1.

        """
        waiting = self.state.open_ids
        if waiting.size:
            raise AskTellError(
                f"ask was called again while {waiting.size} codes (ids {_named(waiting)}) wait for "
                "their scores; call tell first, with NaN for what was not measured"
            )
        if first_id < 0:
            raise AskTellError(f"ask was called with first_id {first_id}; ids start at 0")
        if n is not None and n < 1:
            raise AskTellError(f"ask was called for {n} codes; ask for 1 or more")

    def open(self, codes: NDArray[np.floating], first_id: int) -> Population:
        """Hand out proposals and remember their ids.

        Args:
            codes: (n, code_dim) proposals in any float type.
            first_id: id of row 0.

        Returns:
            Read-only copies, as float32.

        Raises:
            DivergedError: a code is not finite in float32.

        """
        with np.errstate(over="ignore"):
            shown = np.array(codes, dtype=np.float32)
        if not np.isfinite(shown).all():
            raise DivergedError(
                "the optimizer proposed codes outside float32: the search has diverged; end this "
                "evolution thread and start it again with a smaller step or with max_norm"
            )
        ids = np.arange(first_id, first_id + len(shown), dtype=np.int64)
        self.state = replace(self.state, open_ids=_frozen(ids))
        return Population(ids=_frozen(ids), codes=_frozen(shown))

    def close(self, ids: Ids, codes: Codes, scores: Floats, n_valid: Ids) -> Told:
        """Check one told generation, sort it by id and end it. Arguments as in `Optimizer.tell`.

        Raises:
            AskTellError: as in `Optimizer.tell`; the generation then stays open.

        """
        if not self.state.open_ids.size:
            raise AskTellError("tell was called before ask; ask for a population first")
        self._check_rows(ids, codes, scores, n_valid)
        # In float64 no square of a float32 overflows: a norm is finite where its code is.
        norms = row_norms(codes)
        self._refuse("codes that are not finite", "pass them as shown", ids[~np.isfinite(norms)])
        order = np.argsort(ids)
        if not np.array_equal(ids[order], self.state.open_ids):
            self._refuse_ids(ids)
        valid = (n_valid[order] > 0) & ~np.isnan(scores[order])
        signed = np.where(valid, self._sign * scores[order].astype(np.float64), np.nan)
        told = Told(
            _frozen(ids[order].astype(np.int64)),
            _frozen(codes[order]),
            _frozen(signed),
            _frozen(norms[order]),
            _frozen(valid),
            _frozen(np.where(valid, n_valid[order], 0).astype(np.int64)),
        )
        self._remember(told)
        return told

    def moved(self, before: Floats | None, mean: Floats) -> None:
        """Note where the optimizer's mean code is after a tell, for the summary.

        Args:
            before: (code_dim,) the mean code until now; None where there was none.
            mean: (code_dim,) the mean code from now on.

        """
        self.state = replace(
            self.state,
            mean_norm=float(np.linalg.norm(mean)),
            step_norm=0.0 if before is None else float(np.linalg.norm(mean - before)),
            step_angle_deg=0.0 if before is None else angle_deg(before, mean),
        )

    def summary(self) -> dict[str, float]:
        """Report what every optimizer can; see `Optimizer.summary`."""
        if self.state.generation == 0:
            return {}
        figures = {name: getattr(self.state, name) for name in _NUMBERS}
        figures["best_score"] *= self._sign
        known = {name: number for name, number in figures.items() if not np.isnan(number)}
        return known | {"n_missing": float(self.state.n_missing)}

    def _check_rows(self, ids: Ids, codes: Codes, scores: Floats, n_valid: Ids) -> None:
        n = len(self.state.open_ids)
        rows = {"ids": ids, "scores": scores, "n_valid": n_valid}
        for name, row in rows.items():
            if row.ndim != 1 or len(row) != len(ids):
                raise AskTellError(
                    f"tell got {name} of shape {row.shape}; pass one per code, shape (n,) = ({n},)"
                )
        if codes.shape != (len(ids), self._code_dim) or codes.dtype != np.float32:
            raise AskTellError(
                f"tell got codes of shape {codes.shape} and type {codes.dtype}; pass the codes as "
                f"shown, float32 of shape (n, code_dim) = ({len(ids)}, {self._code_dim})"
            )
        for name, counts in (("ids", ids), ("n_valid", n_valid)):
            if not np.issubdtype(counts.dtype, np.integer):
                raise AskTellError(f"tell got {name} of type {counts.dtype}; pass integers")
        self._refuse("infinite scores", "missing scores are NaN", ids[np.isinf(scores)])
        self._refuse("negative n_valid", "a missing score has 0", ids[n_valid < 0])

    def _refuse_ids(self, ids: Ids) -> None:
        asked = self.state.open_ids
        known, counts = np.unique(ids, return_counts=True)
        hint = "tell each id of the last ask exactly once"
        self._refuse("unknown ids", hint, np.setdiff1d(known, asked))
        self._refuse("repeated ids", hint, known[counts > 1])
        missing = np.setdiff1d(asked, known)
        self._refuse("no row for some ids", f"{hint}, with NaN where nothing was measured", missing)

    @staticmethod
    def _refuse(what: str, hint: str, ids: Ids) -> None:
        if ids.size:
            raise AskTellError(f"tell got {what} (ids {_named(ids)}); {hint}")

    def _remember(self, told: Told) -> None:
        best = self.state.best_score
        if told.valid.any():
            best = float(np.fmax(best, np.nanmax(told.scores)))
        # Until the optimizer says otherwise, its mean code stays where it is.
        still = 0.0 * self.state.mean_norm
        self.state = replace(
            self.state,
            generation=self.state.generation + 1,
            open_ids=_frozen(np.empty(0, dtype=np.int64)),
            n_missing=int((~told.valid).sum()),
            best_score=best,
            code_norm=float(told.norms.mean()),
            step_norm=still,
            step_angle_deg=still,
        )


def checked_initial_codes(initial_codes: NDArray[np.floating]) -> Codes:
    """Read-only float32 copy of the codes of the first generation.

    Args:
        initial_codes: (m, code_dim) with m and code_dim at least 1.

    Raises:
        OptimizerOptionError: another shape, or numbers that are not finite.

    """
    codes = np.array(initial_codes, dtype=np.float32)
    if codes.ndim != 2 or 0 in codes.shape:
        raise OptimizerOptionError(
            f"the initial codes have shape {codes.shape}; pass at least one code, as (m, code_dim)"
        )
    if not np.isfinite(codes).all():
        raise OptimizerOptionError("an initial code is not finite; check where the codes come from")
    return _frozen(codes)


def _frozen(array: NDArray[Scalar]) -> NDArray[Scalar]:
    array.setflags(write=False)
    return array


def _named(ids: Ids) -> str:
    named = ", ".join(str(one) for one in ids[:_MAX_NAMED_IDS])
    return named if ids.size <= _MAX_NAMED_IDS else f"{named}, … {ids.size} in all"
