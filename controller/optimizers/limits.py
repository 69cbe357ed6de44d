"""How far a search looks and steps, as angles, and when that is too far.

On a sphere, and wherever the norm of codes only sets contrast, an image changes with the angle
between codes. A search that looks or steps beyond 90° leaves what it has found: samples lie on the
other side of their centre, and noise alone throws the centre as far. Formulas hold in many
dimensions, where independent directions are orthogonal. What is left out: taking the step.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from controller.optimizers.base import Floats
from controller.optimizers.errors import OptimizerOptionError

LARGEST_ANGLE_DEG = 90.0

_TOO_WIDE = {
    "exploration_angle_deg": (
        "codes lie {angle:.0f}° from their centre, more than 90°: beyond its equator they tell "
        "nothing about it; start again with a smaller angle"
    ),
    "expected_step_deg": (
        "noise alone moves the centre by {angle:.0f}° in each generation, more than 90°: nothing "
        "that was found is kept; start again with a smaller angle or learning rate"
    ),
}


def angle_deg(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Angle between two codes (d,), exact also near 0° and 180°; NaN where one is zero."""
    norms = [float(np.linalg.norm(code)) for code in (a, b)]
    if 0.0 in norms:
        return float("nan")
    left, right = (code.astype(np.float64) / norm for code, norm in zip((a, b), norms, strict=True))
    half = np.arctan2(np.linalg.norm(left - right), np.linalg.norm(left + right))
    return float(2.0 * np.degrees(half))


def exploration_angle_deg(spread: float, norm: float) -> float:
    """Angle expected between a mean code and a sample at distance `spread` from it.

    The distance of a Gaussian sample is sigma sqrt(d), nearly always at a right angle to the mean
    of Euclidean norm `norm`; from a mean at the origin every sample lies at 90°.
    """
    return float(np.degrees(np.arctan2(spread, norm)))


def expected_step_deg(exploration_deg: float, weights: Floats, rate: float = 1.0) -> float:
    """Angle by which scores of pure noise move the centre: rate · atan(√(Σ w²) tan angle).

    The weighted mean of independent samples lies √(Σ w²) times as far off the centre's axis as the
    samples do, and just as far along it. For a small angle that is rate · √(Σ w²) · angle.

    Args:
        exploration_deg: angle between the centre and its samples.
        weights: of the codes that are recombined; they sum to 1.
        rate: how far the centre goes, in units of the arc to the weighted mean.

    """
    angle = np.radians(exploration_deg)
    off_axis = np.linalg.norm(weights) * np.sin(angle)
    return float(rate * np.degrees(np.arctan2(off_axis, np.cos(angle))))


def too_wide(figures: Mapping[str, float]) -> tuple[str, ...]:
    """Return a sentence for each angle of a summary that is beyond 90°, for `stop_reasons`."""
    return tuple(
        sentence.format(angle=figures[key])
        for key, sentence in _TOO_WIDE.items()
        if figures.get(key, 0.0) > LARGEST_ANGLE_DEG
    )


def refuse_wide_angles(option: str, exploration_deg: float, step_deg: float) -> None:
    """Check options before anything starts, at the widest angle that they lead to.

    Args:
        option: the option to blame.
        exploration_deg: largest angle between a centre and its samples.
        step_deg: the step to expect at that angle, see `expected_step_deg`.

    Raises:
        OptimizerOptionError: one of the two is beyond 90°.

    """
    for angle, what in ((exploration_deg, "codes lie"), (step_deg, "noise alone steps")):
        if angle > LARGEST_ANGLE_DEG:
            raise OptimizerOptionError(
                f"{option} leads to angles that are too wide: {what} {angle:.0f}° from the centre, "
                "and beyond 90° the search loses what it has found; make it smaller",
                option,
            )
