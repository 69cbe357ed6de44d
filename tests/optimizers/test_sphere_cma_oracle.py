"""SphereCMA against a second implementation, written slowly, one code and one formula at a time.

The oracle follows Wang & Ponce 2022: Euclidean weighted mean, put back on the sphere, then
spherical extrapolation by sines. It shares no code with the optimizer.
"""

from itertools import combinations
from math import acos, cos, exp, log, pi, sin, sqrt

import numpy as np
import pytest
from numpy.typing import NDArray

from controller.optimizers.ranking import rank_weights, weights_with_gaps
from controller.optimizers.sphere.schedules import ScheduleKind
from controller.optimizers.sphere.sphere_cma import SphereCma, SphereCmaOptions
from controller.testing.optimizer_runs import rng_of, tell_all

Matrix = NDArray[np.float64]

R = 300.0
ETA = 1.5


def _angle(a: Matrix, b: Matrix) -> float:
    return acos(min(1.0, max(-1.0, float(a @ b) / sqrt(a @ a) / sqrt(b @ b))))


def _put_on_sphere(x: Matrix) -> Matrix:
    return R * x / sqrt(x @ x)


def _rank_mean(codes: list[Matrix], scores: list[float], mu: int) -> Matrix:
    w = [log(mu + 0.5) - log(i + 1) for i in range(mu)]
    order = sorted(range(len(codes)), key=lambda i: -scores[i])
    total = np.zeros_like(codes[0])
    for wi, i in zip(w, order, strict=False):
        total = total + wi / sum(w) * codes[i]
    return total


def _angle_deg(schedule: str, t: int, length: int) -> float:
    if schedule == "exp":
        return 50.0 * exp(log(7.33 / 50.0) * (t - 1) / (length - 1))
    if schedule == "inv":
        return 15.0 + 1.0 / (0.0017 * t + 0.0146)
    return 50.0 - (50.0 - 7.33) * (t - 1) / (length - 1)


class Oracle:
    """The slow search; told a generation, it returns the new centre."""

    def __init__(self, *, rank_centre: bool, raw: bool, tangent: bool) -> None:
        self.rank_centre, self.raw, self.tangent = rank_centre, raw, tangent
        self.x: Matrix | None = None

    def tell(self, shown: Matrix, scores: Matrix) -> Matrix:
        codes = [_put_on_sphere(row) for row in shown]
        if self.x is None:
            self.x = _put_on_sphere(_rank_mean(codes, list(scores), len(codes) // 2))
        elif self.tangent:
            self._tangent_step(codes, scores)
        else:
            self._euclidean_step(codes, scores)
        assert self.x is not None
        return self.x

    def _euclidean_step(self, codes: list[Matrix], scores: Matrix) -> None:
        x, lam = codes[0], len(codes) - 1
        if self.raw:
            m = sum(
                ((s - scores[0]) / lam * c for s, c in zip(scores, codes, strict=True)), 0.0 * x
            )
        elif self.rank_centre:
            m = _rank_mean(codes, list(scores), lam // 2)
        else:
            m = _rank_mean(codes[1:], list(scores[1:]), lam // 2)
        m = _put_on_sphere(m)
        theta = _angle(x, m)
        self.x = (sin((1 - ETA) * theta) * x + sin(ETA * theta) * m) / sin(theta)

    def _tangent_step(self, codes: list[Matrix], scores: Matrix) -> None:
        x, lam = codes[0], len(codes) - 1
        tangents = []
        for code in codes:
            across = code - (code @ x) / (x @ x) * x
            length = sqrt(across @ across)
            tangents.append(across * (_angle(x, code) / length) if length > 1e-9 else 0.0 * x)
        if self.raw:
            g = sum(
                ((s - scores[0]) / lam * v for s, v in zip(scores, tangents, strict=True)), 0.0 * x
            )
        else:
            g = _rank_mean(tangents[1:], list(scores[1:]), lam // 2)
        v = ETA * g
        length = sqrt(v @ v)
        self.x = R * (cos(length) * x / R + sin(length) * v / length)


def _hill(codes: Matrix) -> Matrix:
    """Score (n,) of the codes, rising towards a fixed direction, with a bend."""
    d = codes.shape[1]
    target = np.linspace(-1.0, 2.0, d)
    along: Matrix = codes @ target / R / np.linalg.norm(target)
    return along + 0.3 * np.sin(3.0 * codes[:, 0] / R)


@pytest.mark.parametrize("schedule", ["exp", "inv", "lin"])
@pytest.mark.parametrize(
    ("rank_centre", "raw", "tangent"),
    [
        (False, False, False),
        (True, False, False),
        (False, True, False),
        (False, False, True),
        (False, True, True),
    ],
    ids=["published", "centre ranked", "raw scores", "tangent mean", "raw tangent mean"],
)
@pytest.mark.parametrize(("d", "n_initial"), [(5, 40), (64, 7)])
def test_every_step_equals_the_slow_oracle(
    schedule: ScheduleKind, rank_centre: bool, raw: bool, tangent: bool, d: int, n_initial: int
) -> None:
    options = SphereCmaOptions(
        schedule=schedule,
        rank_centre=rank_centre,
        weights="score" if raw else "rank",
        mean="tangent" if tangent else "euclidean",
        schedule_length=30,
    )
    first = rng_of(0).standard_normal((n_initial, d)).astype(np.float32)
    optimizer = SphereCma(first, options)
    oracle = Oracle(rank_centre=rank_centre, raw=raw, tangent=tangent)
    for generation in range(25):
        shown = optimizer.ask(rng_of(generation), first_id=0)
        scores = _hill(shown.codes.astype(float))
        if generation:
            angle = optimizer.summary()["exploration_angle_deg"]
            assert angle == pytest.approx(_angle_deg(schedule, generation, 30), rel=1e-12)
            assert oracle.x is not None
            _assert_sampled(shown.codes, oracle.x, angle, rng_of(generation))
        tell_all(optimizer, shown, scores)
        centre = oracle.tell(shown.codes.astype(float), scores)

        np.testing.assert_allclose(optimizer.state_dict()["centre"] * R, centre, atol=1e-9 * R)


def _assert_sampled(
    shown: NDArray[np.float32], centre: Matrix, angle_deg: float, rng: np.random.Generator
) -> None:
    """Check that the codes are the centre, then the exponential map of projected normal steps."""
    x = centre / sqrt(centre @ centre)
    mu = angle_deg * pi / 180 / sqrt(len(x))
    expected = [centre]
    for u in rng.standard_normal((len(shown) - 1, len(x))):
        v = mu * (u - (u @ x) * x)
        length = sqrt(v @ v)
        expected.append(R * (cos(length) * x + sin(length) * v / length))
    np.testing.assert_allclose(shown, np.array(expected), atol=1e-4)


@pytest.mark.parametrize("n_valid", [1, 2, 4, 6])
def test_weights_with_gaps_are_the_average_over_all_places_of_the_gaps(n_valid: int) -> None:
    n, weights = 6, rank_weights(4)
    of_rank = [*weights, 0.0, 0.0]
    choices = list(combinations(range(n), n_valid))
    average = [sum(of_rank[kept[k]] for kept in choices) / len(choices) for k in range(n_valid)]

    np.testing.assert_allclose(weights_with_gaps(weights, n_valid, n), average, rtol=1e-12)
