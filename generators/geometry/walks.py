"""Pictures along an axis of the metric, at distances that were asked for.

From a code z and an axis u, to both sides: steps s with d(s) = d(G(z), G(z + s u)) equal to given
targets. d is measured at a few steps around what the metric says, interpolated without overshoot
(PCHIP), solved for each target in the first bracket, and measured there, until what is measured is
what was asked for. What cannot be reached is not filled in, and a d(s) that does not rise is told.

Distances are those of the pictures as they are shown, cut to 0..1. Left out: drawing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.optimize import brentq

from generators.base import Generator
from generators.differentiable import DifferentiableGenerator
from generators.errors import SettingsError
from generators.geometry.distances import Distance
from generators.geometry.products import Codes, Floats
from generators.geometry.rendered import shown_pixels
from generators.network import exact_convolutions

TOLERANCE = 5e-4
"""Of what is measured from what was asked for; in the unit of the distance, and at most 1 %."""
MAX_ROUNDS = 20
_FACTORS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 2.0, 3.0)
_FURTHER = 1.5
_FALL = 0.01
"""Share of a distance by which a later one is smaller where d(s) is said to fall."""

Measure: TypeAlias = Callable[[Floats], Floats]
"""Distances ``(n,)`` at steps ``(n,)``."""


@dataclass(frozen=True, eq=False)
class Side:
    """One side of an axis.

    Attributes:
        targets: ``(t,)`` distances asked for, rising.
        steps: ``(t,)`` steps in units of the code, 0 or more; NaN where a target is out of reach.
        distances: ``(t,)`` measured there; NaN where a target is out of reach.
        rising: whether d(s) rises all along, so that each target has one step only.
        furthest: largest distance found within reach.

    """

    targets: Floats
    steps: Floats
    distances: Floats
    rising: bool
    furthest: float

    @property
    def reached(self) -> NDArray[np.bool_]:
        """Which targets have a step, ``(t,)``."""
        reached: NDArray[np.bool_] = ~np.isnan(self.steps)
        return reached


@dataclass(frozen=True, eq=False)
class Walk:
    """Both sides of one axis through a code.

    Attributes:
        code: ``(code_dim,)`` float32, the middle.
        axis: ``(code_dim,)`` of length 1.
        behind: the side of negative steps, whose `steps` are positive numbers.
        ahead: the other.

    """

    code: Codes
    axis: Floats
    behind: Side
    ahead: Side

    def codes(self) -> Codes:
        """Codes ``(2 t + 1, code_dim)`` from the furthest behind to the furthest ahead.

        Rows of targets out of reach are NaN: no picture stands for them.
        """
        steps = np.concatenate([-self.behind.steps[::-1], [0.0], self.ahead.steps])
        found: Codes = (self.code + steps[:, np.newaxis] * self.axis).astype(np.float32)
        return found


def walk(
    generator: Generator,
    distance: Distance,
    code: Codes,
    axis: Floats,
    targets: Sequence[float],
    eigenvalue: float,
    reach: float | None = None,
) -> Walk:
    """Find the steps along an axis, to both sides, at which pictures differ as asked for.

    Args:
        generator: paints.
        distance: between pictures; targets are roots, d.
        code: ``(code_dim,)`` where the axis goes through.
        axis: ``(code_dim,)``, of any length but 0.
        targets: distances, above 0 and rising.
        eigenvalue: of the metric along the axis, for a first guess; 0 or less if unknown.
        reach: longest step; twice the generator's natural norm if None.

    Raises:
        SettingsError: targets that cannot be, or an axis of no length or of another.

    """
    wanted = np.array(targets, dtype=np.float64)
    if not wanted.size or not (wanted > 0).all() or not (np.diff(wanted) > 0).all():
        raise SettingsError(
            f"distances {list(targets)} were asked for: they must be above 0 and rise"
        )
    length = float(np.linalg.norm(axis))
    if axis.shape != (generator.code_dim,) or not length > 0:
        raise SettingsError(f"an axis must be {generator.code_dim} numbers, and not all 0")
    unit = axis / length
    limit = 2.0 * generator.norm_hint if reach is None else reach
    pixels = pixels_shown(generator)

    def side(sign: float) -> Side:
        here = pixels(code[np.newaxis])

        def measured(steps: Floats) -> Floats:
            codes = (code + sign * steps[:, np.newaxis] * unit).astype(np.float32)
            with torch.no_grad():
                squared = distance.squared(pixels(codes), here.expand(len(codes), -1, -1, -1))
            found: Floats = squared.clamp(min=0.0).sqrt().cpu().numpy().astype(np.float64)
            return found

        # To second order d² = ½ λ s².
        guess = wanted[-1] / (0.5 * eigenvalue) ** 0.5 if eigenvalue > 0 else limit / 3.0
        return matched_steps(measured, wanted, min(guess, limit / 3.0), limit)

    return Walk(code, unit, side(-1.0), side(1.0))


def matched_steps(measure: Measure, targets: Floats, guess: float, reach: float) -> Side:
    """Solve d(s) = target for each target ``(t,)``.

    Args:
        measure: d at steps; it is 0 at 0.
        targets: rising, above 0.
        guess: about the step of the largest target.
        reach: longest step that is tried.

    """
    steps = np.array([factor * guess for factor in _FACTORS])
    known = {0.0: 0.0} | dict(zip(steps, measure(steps), strict=True))
    while max(known.values()) < targets[-1] and max(known) < reach:
        further = np.minimum(max(known) * _FURTHER ** np.arange(1, 4), reach)
        known |= dict(zip(further, measure(further), strict=True))
    found = np.full(targets.shape, np.nan)
    distances = np.full(targets.shape, np.nan)
    for _ in range(MAX_ROUNDS):
        found = np.array([_crossing(known, target) for target in targets])
        asked = np.unique(found[~np.isnan(found)])
        known |= dict(zip(asked, measure(asked), strict=True)) if asked.size else {}
        distances = np.array([known.get(step, np.nan) for step in found])
        off = np.abs(distances - targets)
        if not (off > np.minimum(TOLERANCE, 0.01 * targets)).any():
            break
    furthest = max(known.values())
    return Side(targets, found, distances, _rises(known, found), furthest)


def _crossing(known: dict[float, float], target: float) -> float:
    """Return the first step at which the interpolated distance is the target; NaN if none is."""
    steps = np.array(sorted(known))
    distances = np.array([known[step] for step in steps])
    above = np.flatnonzero(distances >= target)
    if not above.size:
        return float("nan")
    last = int(above[0])
    if distances[last] == target:
        return float(steps[last])
    curve = PchipInterpolator(steps, distances)
    crossing: float = brentq(
        lambda step: float(curve(step)) - target, steps[last - 1], steps[last], xtol=1e-12
    )
    return crossing


def _rises(known: dict[float, float], found: Floats) -> bool:
    """Whether d(s) rises up to the last step that was found, or as far as it was measured."""
    used = max(known) if np.isnan(found).any() else float(found.max())
    distances = np.array([known[step] for step in sorted(known) if step <= used])
    highest = np.maximum.accumulate(distances)
    return bool((distances >= (1.0 - _FALL) * highest).all())


def pixels_shown(generator: Generator) -> Callable[[NDArray[np.floating]], torch.Tensor]:
    """Return what paints codes ``(n, code_dim)`` as pixels ``(n, 3, h, w)`` cut to 0..1.

    Before rounding where the generator has such pixels, so that small steps have their distance.
    """
    if not isinstance(generator, DifferentiableGenerator):
        return lambda codes: shown_pixels(generator, codes)
    paints = generator

    def pixels(codes: NDArray[np.floating]) -> torch.Tensor:
        on_device = torch.from_numpy(np.array(codes, np.float32)).to(paints.device)
        with torch.no_grad(), exact_convolutions():
            return paints.torch_pixels(on_device).clamp(0.0, 1.0)

    return pixels
