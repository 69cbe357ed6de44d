"""Axes of their own length, in which an evolution strategy samples instead of those of the code.

A generator's metric tells how fast an image changes along each of its eigenvectors. Axes that are
long where it changes slowly make steps that are alike to the eye (Wang & Ponce 2021, ICLR). What is
left out: computing a metric, and files.
"""

from dataclasses import dataclass

import numpy as np

from controller.optimizers.base import Floats
from controller.optimizers.basis import Basis
from controller.optimizers.options import refusal


@dataclass(frozen=True, eq=False)
class Frame:
    """Coordinates z of k axes: a step from the mean is z · diag(lengths) · axes.

    axes: (k, d) float64, orthonormal rows.
    lengths: (k,) float64, positive.
    """

    axes: Floats
    lengths: Floats

    @property
    def spread(self) -> float:
        """Expected distance of a sample from the mean, for a sigma of 1."""
        return float(np.linalg.norm(self.lengths))

    def steps(self, coordinates: Floats) -> Floats:
        """Return the steps (…, d) at coordinates (…, k)."""
        along: Floats = (coordinates * self.lengths) @ self.axes
        return along

    def coordinates(self, steps: Floats) -> Floats:
        """Return the coordinates (…, k) of steps (…, d); what lies along no axis is lost."""
        found: Floats = (steps @ self.axes.T) / self.lengths
        return found


def metric_frame(
    metric: Basis, exponent: float, n_axes: int | None = None, unit_lengths: bool = False
) -> Frame:
    """Frame of the strongest eigenvectors, with lengths eigenvalue^(-exponent).

    Args:
        metric: eigenvectors and eigenvalues.
        exponent: p; 0 makes all axes alike, 1/2 makes steps alike in the metric.
        n_axes: how many; None for all.
        unit_lengths: whether lengths are divided by their root mean square.

    Raises:
        OptimizerOptionError: there are no eigenvalues, too few, or some that are not positive.

    """
    if metric.values is None:
        raise refusal("metric", "without eigenvalues", "must hold an eigenvalue for each direction")
    if n_axes is not None and n_axes > metric.n_dims:
        raise refusal("n_axes", n_axes, f"must not exceed the {metric.n_dims} directions of metric")
    used = metric if n_axes is None else metric.first(n_axes)
    values = np.asarray(used.values)
    if values[-1] <= 0.0:
        n_positive = int((values > 0.0).sum())
        told = f"must not exceed the {n_positive} directions of metric with a positive eigenvalue"
        raise refusal("n_axes", used.n_dims, told)
    lengths = values**-exponent
    if unit_lengths:
        lengths = lengths / np.sqrt(np.square(lengths).mean())
    return Frame(used.vectors, lengths)
