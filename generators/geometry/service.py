"""The geometry of a generator, computed once for each distance and set of reference codes.

From the metrics at reference codes: their mean, whose axes searches and walks use; how many
directions hold most of it; how alike the metrics are. Codes of up to `FULL_UP_TO` numbers are
treated exactly; of longer ones the largest eigenvalues are found. Left out: files (`cache`).
"""

from dataclasses import dataclass

import numpy as np

from generators.base import Generator, checked_codes
from generators.differentiable import DifferentiableGenerator
from generators.errors import SettingsError
from generators.geometry.distances import Distance
from generators.geometry.metric import Axes, Tell, all_axes, full_matrix, top_axes
from generators.geometry.products import Codes, Floats, Products, Route
from generators.geometry.rendered import RenderedChanges
from generators.geometry.spectrum import Homogeneity, homogeneity

FULL_UP_TO = 1024
"""Elements of a code up to which all eigenvalues are computed unless fewer are asked for."""
USUAL_AXES = 200
"""Axes of longer codes."""


@dataclass(frozen=True, eq=False)
class Geometry:
    """What the metrics at reference codes say of a generator.

    Attributes:
        axes: of the mean metric over all reference codes.
        local_values: ``(m, k)``, falling eigenvalues of the metric at each reference code.
        local_totals: ``(m,)``, sums of all eigenvalues there.
        homogeneity: how alike the metrics are; of one reference code it is not a number.
        codes: ``(m, code_dim)`` float32, the reference codes.
        route: how derivatives were taken: a route of `products`, or ``rendered``.

    """

    axes: Axes
    local_values: Floats
    local_totals: Floats
    homogeneity: Homogeneity
    codes: Codes
    route: str

    @property
    def complete(self) -> bool:
        """Whether every axis is there."""
        n_axes, code_dim = self.axes.vectors.shape
        return bool(n_axes == code_dim)

    @property
    def n_negative(self) -> int:
        """Negative eigenvalues of the mean metric and the local ones together."""
        return self.axes.n_negative + int((self.local_values < 0).sum())

    @property
    def usual_values(self) -> Floats:
        """Eigenvalues ``(k,)`` by rank, as the mean over the reference codes."""
        mean: Floats = self.local_values.mean(axis=0)
        return mean


def metric_source(
    generator: Generator, distance: Distance, route: Route | None = None
) -> Products | RenderedChanges:
    """Return where metrics of a generator come from: its gradients, or its pictures."""
    if isinstance(generator, DifferentiableGenerator):
        return Products(generator, distance, route)
    return RenderedChanges(generator, distance)


def measure(
    generator: Generator,
    distance: Distance,
    codes: Codes,
    n_axes: int | None = None,
    tell: Tell = lambda _: None,
) -> Geometry:
    """Compute the geometry of a generator.

    Args:
        generator: any; see `generators.differentiable` for what makes this fast and exact.
        distance: between pictures.
        codes: ``(m, code_dim)`` reference codes, usually random ones of natural contrast.
        n_axes: the largest eigenvalues to find; without it all, or `USUAL_AXES` of long codes.
        tell: is told how far work has come.

    Raises:
        SettingsError: a metric is not finite, or more axes were asked for than there are.
        CodesError: as `Generator.render`.

    """
    checked = checked_codes(codes, generator.code_dim)
    if not len(checked):
        raise SettingsError("no reference codes were given: give one or more")
    d = generator.code_dim
    wanted = n_axes or (d if d <= FULL_UP_TO else USUAL_AXES)
    if not 1 <= wanted <= d:
        raise SettingsError(f"{wanted} axes were asked for: ask for 1 to {d}")
    source = metric_source(generator, distance)
    if isinstance(source, Products) and wanted < d:
        return _by_lanczos(source, checked, wanted, tell)
    return _in_full(source, checked, wanted, tell)


def _in_full(source: Products | RenderedChanges, codes: Codes, k: int, tell: Tell) -> Geometry:
    matrices = [
        full_matrix(source, code, _of(tell, index, len(codes))) for index, code in enumerate(codes)
    ]
    local = [all_axes(matrix) for matrix in matrices]
    mean = all_axes(np.mean(matrices, axis=0))
    pairs = [
        (np.einsum("kd,de,ke->k", one.vectors, matrix, one.vectors, optimize=True), other.values)
        for i, one in enumerate(local)
        for j, (matrix, other) in enumerate(zip(matrices, local, strict=True))
        if i != j
    ]
    return Geometry(
        axes=Axes(mean.values[:k], mean.vectors[:k], mean.total),
        local_values=np.stack([axes.values[:k] for axes in local]),
        local_totals=np.array([axes.total for axes in local]),
        homogeneity=homogeneity(pairs),
        codes=codes,
        route=source.route if isinstance(source, Products) else "rendered",
    )


def _by_lanczos(source: Products, codes: Codes, k: int, tell: Tell) -> Geometry:
    local = [
        top_axes(source, code[np.newaxis], k, _of(tell, index, len(codes)))
        for index, code in enumerate(codes)
    ]
    mean = local[0]
    if len(codes) > 1:
        mean = top_axes(source, codes, k, lambda told: tell(f"mean metric: {told}"))
    # Each code beside the next: all pairs would take as many products again as codes.
    pairs = []
    for index, one in enumerate(local[: len(codes) if len(codes) > 1 else 0]):
        after = (index + 1) % len(codes)
        tell(f"axes of code {index + 1} at code {after + 1}")
        there = np.broadcast_to(codes[after], one.vectors.shape)
        found = (source.of(there, one.vectors) * one.vectors).sum(axis=1)
        pairs.append((found, local[after].values))
    return Geometry(
        axes=mean,
        local_values=np.stack([axes.values for axes in local]),
        local_totals=np.array([axes.total for axes in local]),
        homogeneity=homogeneity(pairs),
        codes=codes,
        route=source.route,
    )


def _of(tell: Tell, index: int, n: int) -> Tell:
    return lambda told: tell(f"code {index + 1} of {n}: {told}")
