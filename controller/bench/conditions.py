"""The named conditions of a race: noise levels, and violations of what optimizers take for granted.

The names stand in saved results.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from controller.bench.responses import NOISES, Conditions, Noise

NOISE_LEVELS: Mapping[str, Conditions] = MappingProxyType(
    {noise: Conditions(noise=noise) for noise in NOISES}
)
VIOLATIONS: Mapping[str, Mapping[str, float | str]] = MappingProxyType(
    {
        "gaps": {"p_missing": 0.30, "p_silent": 0.05},
        "drift": {"final_gain": 0.8, "gain_cv": 0.11},
        "outliers": {"p_outlier": 0.02},
        "wrong_metric": {"metric": "wrong"},
    }
)
"""gaps: 30 % of the responses are lost, and to 5 % of the images there is none at all. drift: rates
fall by 20 % in a straight line, and scatter by 11 % from generation to generation. outliers: 2 % of
the responses hold an artefact. wrong_metric: what is known of the code space is unrelated to it."""


def condition_of(name: str) -> Conditions:
    """Return the condition with this name: a noise level, or `noise+violation`."""
    noise, _, violation = name.partition("+")
    conditions = NOISE_LEVELS[noise]
    return replace(conditions, **VIOLATIONS[violation]) if violation else conditions  # type: ignore[arg-type]  # the table is tested


def violated(noise: Noise, violation: str) -> str:
    """Return the name of a condition in which an assumption does not hold."""
    return f"{noise}+{violation}"
