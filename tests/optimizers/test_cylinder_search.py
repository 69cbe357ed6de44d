"""The cylindrical search: every step against a slow second implementation, norms, refusals."""

from math import acos, cos, log, pi, sin, sqrt
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from controller.optimizers import Codes, Floats, OptimizerOptionError
from controller.optimizers.sphere.cylinder import CylinderSearch, CylinderSearchOptions
from controller.testing.optimizer_contract import LearningOptimizerContract, OptimizerFactory
from controller.testing.optimizer_runs import advance, initial_codes, rng_of, tell_all

Matrix = NDArray[np.float64]

SMALL = {"min_norm": 0.5, "max_norm": 8.0, "norm_spread": 0.3, "eta": 1.5, "norm_eta": 2.0}


class TestCylinderSearch(LearningOptimizerContract):
    @pytest.fixture(
        params=[
            CylinderSearchOptions(**SMALL, first_angle_deg=30.0),
            CylinderSearchOptions(
                **SMALL,
                first_angle_deg=40.0,
                schedule="exp",
                norm_momentum=0.5,
                rank_centre=False,
                population_size=13,
            ),
        ],
        ids=["constant angle", "schedule and momentum"],
    )
    def make_optimizer(self, request: pytest.FixtureRequest) -> OptimizerFactory:
        return lambda codes, direction: CylinderSearch(codes, request.param, direction)


def _hill(codes: Codes) -> Floats:
    """Score (n,) that rises along a fixed direction, and falls far from the norm 120."""
    wide = codes.astype(float)
    norms = np.linalg.norm(wide, axis=1)
    score: Floats = (
        wide @ np.linspace(-1.0, 2.0, wide.shape[1]) / norms - (norms / 120.0 - 1.0) ** 2
    )
    return score


class _Oracle:
    """The search in loops: `x` is the centre as one vector, `move` that of its norm, smoothed."""

    def __init__(self, x: Matrix, eta: float, norm_eta: float, momentum: float) -> None:
        self.x, self.eta, self.norm_eta, self.momentum = x, eta, norm_eta, momentum
        self.move = 0.0

    def tell(self, codes: Matrix, scores: Matrix) -> None:
        mu = (len(codes) - 1) // 2
        raw = [log(mu + 0.5) - log(i + 1) for i in range(mu)]
        order = sorted(range(len(codes)), key=lambda i: -scores[i])
        x = codes[0]
        r = sqrt(x @ x)
        turn, stretch = np.zeros_like(x), 0.0
        for weight, i in zip(raw, order, strict=False):
            y = codes[i]
            length = sqrt(y @ y)
            across = y / length - (y @ x) / length / r**2 * x
            off = sqrt(across @ across)
            if i != 0:
                angle = acos((y @ x) / length / r)
                turn = turn + weight / sum(raw) * angle / off * across
            stretch += weight / sum(raw) * (length - r)
        self.move = self.momentum * self.move + (1 - self.momentum) * stretch
        angle = self.eta * sqrt(turn @ turn)
        direction = cos(angle) * x / r + sin(angle) * turn / sqrt(turn @ turn)
        self.x = min(300.0, max(50.0, r + self.norm_eta * self.move)) * direction


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("d", [4, 60])
def test_every_step_equals_the_slow_oracle(d: int, momentum: float) -> None:
    start = np.full((1, d), 100.0 / sqrt(d), np.float32)
    optimizer = CylinderSearch(start, CylinderSearchOptions(norm_momentum=momentum))
    advance(optimizer, 1, objective=_hill)
    oracle = _Oracle(start[0].astype(float), 2.0, 5.0, momentum)
    for generation in range(1, 20):
        shown = optimizer.ask(rng_of(generation), first_id=0)
        _assert_sampled(shown.codes, oracle.x, rng_of(generation))
        scores = _hill(shown.codes)
        tell_all(optimizer, shown, scores)
        oracle.tell(shown.codes.astype(float), scores)

        state = optimizer.state_dict()
        np.testing.assert_allclose(state["norm"] * state["direction"], oracle.x, atol=1e-9 * 300)
        assert state["norm_move"] == pytest.approx(oracle.move, abs=1e-9)


def _assert_sampled(shown: Codes, centre: Matrix, rng: np.random.Generator) -> None:
    """Check that codes are the centre, then points at the constant angle with norms around its."""
    d, r = len(centre), sqrt(centre @ centre)
    x, mu = centre / r, 18.33 * pi / 180 / sqrt(d)
    noise = rng.standard_normal((40, d))
    norms = rng.standard_normal(40)
    expected = [centre]
    for u, extra in zip(noise, norms, strict=True):
        v = mu * (u - (u @ x) * x)
        length = sqrt(v @ v)
        point = cos(length) * x + sin(length) / length * v
        expected.append(min(300.0, max(50.0, r + 5.0 * extra)) * point)
    np.testing.assert_allclose(shown, np.array(expected), atol=1e-4)


def test_the_angle_is_the_published_one_at_4096_dimensions() -> None:
    assert CylinderSearchOptions().first_angle_deg == pytest.approx(0.005 * 64 * 180 / pi, abs=0.01)


def test_no_code_leaves_the_norms() -> None:
    options = CylinderSearchOptions(min_norm=90.0, max_norm=110.0, norm_spread=30.0)
    optimizer = CylinderSearch(initial_codes(30, 16), options)
    norms = [
        np.linalg.norm(shown.codes, axis=1) for shown in advance(optimizer, 6, objective=_hill)
    ]

    assert min(map(np.min, norms)) == pytest.approx(90.0)
    assert max(map(np.max, norms)) == pytest.approx(110.0)


def test_the_norm_of_the_centre_goes_where_scores_are_best() -> None:
    optimizer = CylinderSearch(initial_codes(30, 16), CylinderSearchOptions(norm_eta=1.0))
    advance(optimizer, 60, objective=lambda codes: -np.abs(np.linalg.norm(codes, axis=1) - 120.0))

    assert optimizer.summary()["mean_norm"] == pytest.approx(120.0, abs=5.0)


def test_directions_and_norms_of_the_initial_codes_are_recombined_apart() -> None:
    codes = np.array([[100.0, 0.0], [0.0, 200.0], [-60.0, 0.0], [0.0, -60.0]], np.float32)
    optimizer = CylinderSearch(codes)
    tell_all(optimizer, optimizer.ask(rng_of(0), first_id=0), np.array([4.0, 3.0, 2.0, 1.0]))
    state = optimizer.state_dict()
    first, second = log(2.5) / log(2.5**2 / 2), log(2.5 / 2) / log(2.5**2 / 2)

    assert state["norm"] == pytest.approx(100.0 * first + 200.0 * second)
    towards = np.array([first, second]) / np.hypot(first, second)
    np.testing.assert_allclose(state["direction"], towards, rtol=1e-12)


def test_the_fewer_scores_the_smaller_the_steps_of_direction_and_norm() -> None:
    turns, stretches = [], []
    for n_missing in (0, 20, 39):
        optimizer = CylinderSearch(np.full((1, 256), 10.0, np.float32))
        advance(optimizer, 1, objective=_hill)
        shown = optimizer.ask(rng_of(1), first_id=0)
        scores = np.linalg.norm(shown.codes, axis=1)
        scores[1 : 1 + n_missing] = np.nan
        tell_all(optimizer, shown, scores)
        turns.append(optimizer.summary()["step_angle_deg"])
        stretches.append(abs(optimizer.summary()["mean_norm"] - 160.0))

    assert turns == sorted(turns, reverse=True)
    assert stretches == sorted(stretches, reverse=True)
    assert turns[-1] < 2.0


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("population_size", 2),
        ("min_norm", 400.0),
        ("eta", 40.0),
        ("norm_momentum", 1.0),
        ("norm_spread", -1.0),
        ("n_parents", 41),
    ],
)
def test_an_impossible_option_is_refused_by_name(option: str, value: Any) -> None:
    with pytest.raises(OptimizerOptionError, match=option):
        CylinderSearchOptions(**{option: value})
