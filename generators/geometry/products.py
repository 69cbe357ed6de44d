"""The metric of a generator at a code, times vectors: H v, without making H.

    H(z₀) = ∂² d²(G(z₀), G(z)) / ∂z²   at z = z₀

In three ways, which agree (the tests say how well):

    jacobian      2 Jᵀ(J v), J = ∂φ(G(z))/∂z: for distances of features; never negative
    second        the gradient of (gradient · v): for any distance
    differences   (g(z₀ + εv) - g(z₀ - εv)) / 2ε, g the gradient of the *sum* over both: where a
                  network cannot be differentiated twice

A row of codes goes with a row of vectors, so that many products are computed in one pass. Left
out: eigenvalues (`metric`), and generators without gradients (`rendered`).
"""

from collections.abc import Callable
from typing import Literal, TypeAlias, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from generators.differentiable import DifferentiableGenerator
from generators.errors import SettingsError
from generators.geometry.distances import Distance, FeatureDistance
from generators.network import exact_convolutions

Floats: TypeAlias = NDArray[np.float64]
Codes: TypeAlias = NDArray[np.float32]
Route: TypeAlias = Literal["jacobian", "second", "differences"]
ROUTES: tuple[Route, ...] = get_args(Route)

RELATIVE_STEP = 1e-3
"""ε‖v‖ as a share of ‖z₀‖. Larger steps see bends of the network, smaller ones float32."""
_FLOOR = 0.1
"""Share of the natural norm that stands in for ‖z₀‖ where the code is shorter, as at 0."""
_AT_ONCE = 16
_AGREEMENT = 0.3
"""Relative difference between routes above which one of them is wrong, not just rounded."""


class Products:
    """H v of one generator and distance.

    Args:
        generator: its map.
        distance: between pictures.
        route: see the module; without it the first that the network takes part in.
        relative_step: of the route by differences.

    """

    def __init__(
        self,
        generator: DifferentiableGenerator,
        distance: Distance,
        route: Route | None = None,
        relative_step: float = RELATIVE_STEP,
    ) -> None:
        if not relative_step > 0:
            raise SettingsError(f"the relative step is {relative_step}: it must be above 0")
        self._generator, self._distance = generator, distance
        self._of_features = distance if isinstance(distance, FeatureDistance) else None
        self._relative_step = relative_step
        self._by: dict[Route, Callable[[Tensor, Tensor], Tensor]] = {
            "jacobian": self._by_jacobian,
            "second": self._by_second_derivatives,
            "differences": self._by_differences,
        }
        self.route: Route = self._first_that_works() if route is None else route

    @property
    def code_dim(self) -> int:
        """Length of codes and vectors."""
        return self._generator.code_dim

    def of(self, codes: Codes, vectors: NDArray[np.floating]) -> Floats:
        """Return products ``(m, code_dim)`` of the metrics at codes and as many vectors.

        Raises:
            SettingsError: the metric is not finite at a code.

        """
        found = np.empty(vectors.shape)
        for start in range(0, len(codes), _AT_ONCE):
            rows = slice(start, start + _AT_ONCE)
            found[rows] = self._part(codes[rows], vectors[rows])
        if not np.isfinite(found).all():
            raise SettingsError(
                f"the metric of {self._generator.name} by the distance {self._distance.name} is "
                "not finite: take codes of natural contrast"
            )
        return found

    def changes(self, codes: Codes, vectors: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return changes of the features J v ``(m, n_features)``; by the route jacobian only."""
        parts = []
        for start in range(0, len(codes), _AT_ONCE):
            rows = slice(start, start + _AT_ONCE)
            here = self._tensor(codes[rows]).requires_grad_()
            with exact_convolutions(), torch.enable_grad():
                part = _forward(self._features(here), here, self._tensor(vectors[rows]))
            parts.append(part.cpu().numpy())
        return np.concatenate(parts)

    def _part(self, codes: Codes, vectors: NDArray[np.floating]) -> Floats:
        # Products are linear in the vector, so float32 need not hold its length.
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        units = vectors / np.where(lengths > 0, lengths, 1.0)
        with exact_convolutions(), torch.enable_grad():
            found = self._by[self.route](self._tensor(codes), self._tensor(units))
        products: Floats = found.detach().cpu().numpy().astype(np.float64) * lengths
        return products

    def _by_jacobian(self, codes: Tensor, vectors: Tensor) -> Tensor:
        codes = codes.clone().requires_grad_()
        features = self._features(codes)
        changes = _forward(features, codes, vectors)
        (product,) = torch.autograd.grad(features, codes, 2.0 * changes)
        return product

    def _by_second_derivatives(self, codes: Tensor, vectors: Tensor) -> Tensor:
        with torch.no_grad():
            here = self._generator.torch_pixels(codes)
        codes = codes.clone().requires_grad_()
        squared = self._distance.squared(self._generator.torch_pixels(codes), here)
        (slope,) = torch.autograd.grad(squared.sum(), codes, create_graph=True)
        (product,) = torch.autograd.grad((slope * vectors).sum(), codes)
        return product

    def _by_differences(self, codes: Tensor, vectors: Tensor) -> Tensor:
        floor = _FLOOR * self._generator.norm_hint
        norms = codes.norm(dim=1, keepdim=True).clamp(min=floor)
        steps = self._relative_step * norms * vectors
        with torch.no_grad():
            here = self._generator.torch_pixels(codes)
        both = torch.cat([codes + steps, codes - steps]).requires_grad_()
        squared = self._distance.squared(
            self._generator.torch_pixels(both), here.repeat(2, 1, 1, 1)
        )
        (slopes,) = torch.autograd.grad(squared.sum(), both)
        ahead, behind = slopes[: len(codes)], slopes[len(codes) :]
        product: Tensor = (ahead - behind) / (2.0 * self._relative_step * norms)
        return product

    def _features(self, codes: Tensor) -> Tensor:
        if self._of_features is None:
            raise SettingsError(
                f"the distance {self._distance.name} has no features, so it has no Jacobian: take "
                "the route second"
            )
        return self._of_features.features(self._generator.torch_pixels(codes))

    def _tensor(self, array: NDArray[np.floating]) -> Tensor:
        return torch.from_numpy(np.array(array, np.float32)).to(self._generator.device)

    def _first_that_works(self) -> Route:
        """Try on one code what torch can do, and whether it agrees with differences.

        Torch refuses what it has no derivative for, but not always: where a function can be
        differentiated only once, a second derivative may come out without that part.
        """
        possible = ROUTES[1:] if self._of_features is None else ROUTES
        code = self._generator.initial_codes(1, np.random.default_rng(0))
        self.route = "differences"
        expected = self._part(code, code)
        for route in possible[:-1]:
            self.route = route
            try:
                found = self._part(code, code)
            except (NotImplementedError, RuntimeError):
                continue
            if np.linalg.norm(found - expected) < _AGREEMENT * np.linalg.norm(expected):
                return route
        return "differences"


def _forward(features: Tensor, codes: Tensor, vectors: Tensor) -> Tensor:
    """Return J v, as the derivative of Jᵀ u with respect to u; the graph is kept.

    So it takes what every network for training has. Differentiating forwards would need less
    memory, but fewer functions can, and torch takes seconds to make itself ready for it.
    """
    towards = torch.zeros_like(features, requires_grad=True)
    (backwards,) = torch.autograd.grad(features, codes, towards, create_graph=True)
    (changes,) = torch.autograd.grad(backwards, towards, vectors, retain_graph=True)
    return changes
