"""How CMA-ES sets its step size: from the length of a path, or from two opposite codes.

Cumulative step-size adaptation (CSA) compares the path of the mean with that of a random walk.
Two-point adaptation (TPA; Hansen et al. 2014) shows, as the first two codes of a generation, one
step along the mean's last move and one against it, and asks which scored better. Both as in
pycma 4. What is left out: any other rule.
"""

from typing import Literal, TypeAlias

import numpy as np

from controller.optimizers.base import Floats
from controller.optimizers.cma.recombination import CmaConstants
from controller.optimizers.guard import Told
from controller.optimizers.limits import expected_step_deg, exploration_angle_deg

StepSizeRule: TypeAlias = Literal["csa", "tpa"]

_TPA_FROM_DIM = 300
_TPA_MEMORY = 0.7
_LARGEST_CHANGE = 1.0
_SIGMA_GROWTH_LIMIT = 1e3
_SIGMA_DECAY_LIMIT = 1e-6


def usual_rule(code_dim: int) -> StepSizeRule:
    """Return the rule that pycma takes for codes of this length: TPA from 300 genes on."""
    return "tpa" if code_dim >= _TPA_FROM_DIM else "csa"


def csa_growth(path_sigma: Floats, k: CmaConstants) -> float:
    """Logarithm of the factor of sigma, from the step-size path (code_dim,)."""
    excess = float(np.linalg.norm(path_sigma)) / k.chi - 1.0
    return float(np.clip(excess * k.c_sigma / k.damping, -_LARGEST_CHANGE, _LARGEST_CHANGE))


def tpa_signal(signal: float, told: Told) -> float:
    """Return the averaged signal of TPA, positive where going on along the last move was better.

    The signal is the difference between the ranks of the first two codes, with its root taken. It
    stays as it was while one of the two has no score.
    """
    if len(told.ids) < 2 or not told.valid[:2].all():
        return signal
    scores = told.scores[told.valid]
    difference = (np.sum(scores > scores[1]) - np.sum(scores > scores[0])) / (len(scores) - 1)
    news = float(np.sign(difference) * np.sqrt(np.abs(difference)))
    return _TPA_MEMORY * signal + (1.0 - _TPA_MEMORY) * news


def tpa_growth(signal: float, k: CmaConstants) -> float:
    """Logarithm of the factor of sigma, from the signal."""
    return signal / k.tpa_damping


def growth(rule: StepSizeRule, path_sigma: Floats, signal: float, k: CmaConstants) -> float:
    """Logarithm of the factor of sigma, by the rule."""
    return csa_growth(path_sigma, k) if rule == "csa" else tpa_growth(signal, k)


def show_two_points(codes: Floats, mean: Floats, step: Floats) -> None:
    """Put two opposite codes in the place of the first two of codes (n, d), for TPA."""
    codes[0], codes[1] = mean + step, mean - step


def path_is_calm(path_sigma: Floats, c_sigma: float, n_updates: int) -> bool:
    """Whether the covariance path may follow the mean (h_sigma): not while sigma is far too small.

    Args:
        path_sigma: (code_dim,) the path after update `n_updates`, counted from 1.
        c_sigma: its learning rate.
        n_updates: corrects for the path's start at zero.

    """
    d = path_sigma.size
    expected = 1.0 - (1.0 - c_sigma) ** (2 * n_updates)
    return bool(path_sigma @ path_sigma / expected / d < 2.0 + 4.0 / (d + 1.0))


def at_most(sigma: float, ceiling: float | None) -> float:
    """Keep a step size below its ceiling, if there is one."""
    return sigma if ceiling is None else min(sigma, ceiling)


def sigma_figures(
    sigma: float, spread: float, mean_norm: float, weights: Floats
) -> dict[str, float]:
    """Figures for `Optimizer.summary` of a Gaussian around a mean.

    Args:
        sigma: step size.
        spread: root mean square of the distance between the mean and a proposal.
        mean_norm: Euclidean norm of the mean.
        weights: of the parents, when all scores are there.

    """
    angle = exploration_angle_deg(spread, mean_norm)
    return {
        "sigma": sigma,
        "exploration_angle_deg": angle,
        "expected_step_deg": expected_step_deg(angle, weights),
    }


def sigma_reasons(sigma: float, sigma0: float) -> tuple[str, ...]:
    """Sentences for `Optimizer.stop_reasons` when the step size exploded or vanished."""
    growth = sigma / sigma0
    if growth > _SIGMA_GROWTH_LIMIT:
        return (f"sigma has grown to {sigma:.3g}: the codes run away; start again",)
    if growth < _SIGMA_DECAY_LIMIT:
        return (f"sigma has shrunk to {sigma:.3g}: all codes look the same; start again",)
    return ()
