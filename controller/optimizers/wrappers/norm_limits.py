"""Keeps the norm of every code that any optimizer proposes between two limits.

The norm of a code sets the contrast of its image, and for some methods it grows without bound. The
optimizer inside learns from the codes that were shown, as it always does, and so from the scaled
ones. What is left out: bounds of single genes.
"""

import numpy as np

from controller.optimizers.base import Codes, Floats, Ids, Optimizer, Population, State, work_ahead
from controller.optimizers.options import refusal

_ROUNDING = 1e-6


def refuse_crossed_norms(min_norm: float | None, max_norm: float | None) -> None:
    """Check that the limits leave something between them; raises OptimizerOptionError."""
    if min_norm is not None and max_norm is not None and min_norm > max_norm:
        raise refusal("min_norm", min_norm, f"must not exceed max_norm, which is {max_norm:g}")


def within_norms(codes: Codes, min_norm: float | None, max_norm: float | None) -> Codes:
    """Scale codes (n, d) whose norm is beyond a limit to that limit; the others stay bit for bit.

    A code of zeros has no direction and stays.
    """
    norms = np.linalg.norm(codes.astype(np.float64), axis=1)
    wanted = np.clip(norms, min_norm or 0.0, np.inf if max_norm is None else max_norm)
    # What was scaled before is a rounding error off its limit, and must not change again.
    beyond = (np.abs(wanted - norms) > _ROUNDING * wanted) & (norms > 0.0)
    factors = np.where(beyond, wanted / np.where(beyond, norms, 1.0), 1.0)
    scaled: Codes = np.where(beyond[:, np.newaxis], codes * factors[:, np.newaxis], codes).astype(
        np.float32
    )
    return scaled


class NormLimits:
    """An optimizer around `inner`; see `Optimizer` for what it promises.

    min_norm, max_norm: Euclidean norms; None for no limit.
    """

    def __init__(
        self, inner: Optimizer, min_norm: float | None = None, max_norm: float | None = None
    ) -> None:
        refuse_crossed_norms(min_norm, max_norm)
        self._inner = inner
        self._limits = (min_norm, max_norm)

    @property
    def inner(self) -> Optimizer:
        """The optimizer whose codes are kept within the limits."""
        return self._inner

    @property
    def code_dim(self) -> int:
        """Length of a code."""
        return self._inner.code_dim

    @property
    def population_size(self) -> int:
        """Number of codes per generation after the first."""
        return self._inner.population_size

    @property
    def generation(self) -> int:
        """Number of completed `tell` calls."""
        return self._inner.generation

    def ask(self, rng: np.random.Generator, first_id: int, n: int | None = None) -> Population:
        """Ask the optimizer inside and scale what is beyond the limits; see `Optimizer.ask`."""
        asked = self._inner.ask(rng, first_id, n)
        codes = within_norms(asked.codes, *self._limits)
        codes.setflags(write=False)
        return Population(asked.ids, codes)

    def prepare(self, rng: np.random.Generator) -> None:
        """Have the optimizer inside work ahead; see `WorksAhead`."""
        work_ahead(self._inner, rng)

    def tell(self, ids: Ids, codes: Codes, scores: Floats, n_valid: Ids) -> None:
        """Tell the optimizer inside; see `Optimizer.tell`."""
        self._inner.tell(ids, codes, scores, n_valid)

    def summary(self) -> dict[str, float]:
        """Figures of the optimizer inside; see `Optimizer.summary`."""
        return self._inner.summary()

    def stop_reasons(self) -> tuple[str, ...]:
        """Sentences of the optimizer inside; see `Optimizer.stop_reasons`."""
        return self._inner.stop_reasons()

    def state_dict(self) -> State:
        """State of the optimizer inside; see `Optimizer.state_dict`."""
        return self._inner.state_dict()

    def load_state_dict(self, state: State) -> None:
        """Load the optimizer inside; see `Optimizer.load_state_dict`."""
        self._inner.load_state_dict(state)
