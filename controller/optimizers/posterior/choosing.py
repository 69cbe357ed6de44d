"""Chooses the settings of the regression by the evidence, a few in each generation.

What is left out: what the evidence is (`regression`).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from controller.optimizers.posterior.kernel import Features
from controller.optimizers.posterior.regression import Responses, Settings, evidence

CHOICES: Mapping[str, tuple[float, ...]] = MappingProxyType(
    {
        "saturation": (0.3, 3.0),
        "length": (0.1, 0.3, 1.0, 10.0),
        "noise_power": (0.0, 1.0, 2.0),
    }
)
NOISES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
_BELIEF = 8.0
"""Log odds for the metric before anything was measured: evidence against it must be clear."""
_N_FIRST = 5
"""Generations in which every setting is chosen anew."""


def rows_for_evidence(n: int, most: int) -> NDArray[np.int64]:
    """Return rows, spread evenly over all n, that settings are chosen by."""
    return np.linspace(0, n - 1, min(n, most)).astype(np.int64)


def choose(
    old: Settings,
    generation: int,
    exponents: tuple[float, ...],
    responses: Responses,
    products_of: Callable[[float], Features],
) -> Settings:
    """Choose one of the settings anew; all of them after each of the first generations.

    Args:
        old: settings until now.
        generation: generations that are told.
        exponents: powers of the metric to choose from.
        responses: n that the evidence is taken from.
        products_of: an exponent to the inner products (n, n) of their coordinates.

    """
    choices = {"exponent": exponents, **CHOICES}
    names = [name for name in choices if len(choices[name]) > 1]
    due = names if generation <= _N_FIRST else [names[generation % len(names)]]
    products: dict[float, Features] = {}
    new = old
    for name in due:
        found = []
        for value in choices[name]:
            tried = replace(new, **{name: value})
            if tried.exponent not in products:
                products[tried.exponent] = products_of(tried.exponent)
            scaled = tried.saturation * products[tried.exponent]
            likelihood, noise = evidence(scaled, responses, tried, NOISES)
            if tried.exponent > 0:
                likelihood += _BELIEF
            found.append((likelihood, replace(tried, noise=noise)))
        new = max(found, key=lambda pair: pair[0])[1]
    return new
