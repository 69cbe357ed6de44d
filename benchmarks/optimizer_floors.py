"""What a generation of each optimizer cannot do without: its random numbers and linear algebra.

A floor leaves out all that a method could do in another way or that is small: checks, ranks, paths,
norms, turning on a sphere, new arrays. So it is lower than what any program could reach, and a
ratio to it is never flattering. It is measured between the generations of the optimizer itself,
since a busy or throttled processor slows both alike.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from scipy.linalg import blas


@dataclass(frozen=True)
class Size:
    """How large the problem is."""

    code_dim: int
    population_size: int
    n_generations: int


Floor: TypeAlias = Callable[[int], None]
"""Does the work of one generation, counted from 0."""


def population(size: Size) -> Floor:
    """Draw a population in float64, show it in float32, and recombine it."""
    draws, codes, weights, rng = _arrays(size)

    def work(_generation: int) -> None:
        rng.standard_normal(out=draws)
        np.copyto(codes, draws, casting="same_kind")
        np.dot(weights, codes)

    return work


def pairs(size: Size) -> Floor:
    """Draw half of a population, the other half being opposite; show and recombine it."""
    draws, codes, weights, rng = _arrays(size)
    n_pairs = len(codes) // 2
    half = draws[:n_pairs]

    def work(_generation: int) -> None:
        rng.standard_normal(out=half)
        np.copyto(codes[:n_pairs], half, casting="same_kind")
        np.negative(codes[:n_pairs], out=codes[n_pairs:])
        np.dot(weights, codes)

    return work


def with_terms(every: int) -> Callable[[Size], Floor]:
    """Do the same as `population`, shaped by a rank-one term for `every` so many generations."""

    def of(size: Size) -> Floor:
        draws, codes, weights, rng = _arrays(size)
        terms = rng.standard_normal((size.n_generations + 1, size.code_dim))
        shaped = np.empty_like(draws)

        def work(generation: int) -> None:
            rng.standard_normal(out=draws)
            known = terms[: (generation + 1) // every]
            np.matmul(draws @ known.T, known, out=shaped)
            np.copyto(codes, draws, casting="same_kind")
            np.dot(weights, codes)

        return work

    return of


def children(mutated: float, n_elites: int) -> Callable[[Size], Floor]:
    """Breed a population: two draws for each gene, and one more where it mutates."""

    def of(size: Size) -> Floor:
        genes = (size.population_size - n_elites, size.code_dim)
        rng, parents = np.random.default_rng(0), np.ones((2, *genes), np.float32)

        def work(_generation: int) -> None:
            from_first = rng.random(genes, dtype=np.float32) < 0.5
            bred = np.where(from_first, parents[0], parents[1])
            places = np.flatnonzero(rng.random(genes, dtype=np.float32) < mutated)
            bred.reshape(-1)[places] += rng.standard_normal(places.size, dtype=np.float32)

        return work

    return of


def matrix(precision: type) -> Callable[[Size], Floor]:
    """Shape a population by a full matrix, and update that in place by the population."""

    def of(size: Size) -> Floor:
        draws, codes, weights, rng = _arrays(size)
        d = size.code_dim
        covariance = np.full((d, d), 1e-9, precision, order="F")
        shaped, rows = draws.astype(precision), draws[: len(draws) // 2].astype(precision)
        update = blas.dsyr2k if precision is np.float64 else blas.ssyr2k

        def work(_generation: int) -> None:
            rng.standard_normal(out=draws)
            np.matmul(draws.astype(precision, copy=False), covariance, out=shaped)
            update(0.5, rows.T, rows.T, beta=1.0, c=covariance, lower=1, overwrite_c=1)
            np.copyto(codes, shaped, casting="same_kind")
            np.dot(weights, codes)

        return work

    return of


def _arrays(size: Size) -> tuple[Any, Any, Any, np.random.Generator]:
    """Return arrays of a population in float64 and in float32, its weights, and what draws it."""
    genes, n = (size.population_size, size.code_dim), size.population_size
    return np.ones(genes), np.ones(genes, np.float32), np.full(n, 1 / n), np.random.default_rng(0)


FLOORS: dict[str, Callable[[Size], Floor]] = {
    "cma": matrix(np.float64),
    "cma float32": matrix(np.float32),
    "pycma full": matrix(np.float64),
    "nevergrad CMA": matrix(np.float64),
    "cholesky_cma": with_terms(every=11),
    "cholesky_cma every generation": with_terms(every=1),
    "sphere_cholesky_cma": with_terms(every=11),
    "finite_difference": pairs,
    "natural_gradient": pairs,
    "genetic": children(mutated=0.25, n_elites=10),
    "xdream_genetic": children(mutated=0.5, n_elites=0),
}
"""Floors by the name of an optimizer and its variant; for all others it is `population`."""
