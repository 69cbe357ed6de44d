"""SphereCMA: published schedules and figures, first generation, missing scores, refusals."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.optimizers import Codes, Floats, OptimizerOptionError
from controller.optimizers.sphere.schedules import AngleSchedule, ScheduleKind
from controller.optimizers.sphere.sphere_cma import SphereCma, SphereCmaOptions
from controller.testing.optimizer_contract import LearningOptimizerContract, OptimizerFactory
from controller.testing.optimizer_runs import advance, initial_codes, rng_of, tell_all

# The norm of the code that the contract's objective rewards most.
TARGET_NORM = 4.35


def _on_sphere(codes: Codes, radius: float) -> Codes:
    wide = codes.astype(float)
    projected: Codes = (radius * wide / np.linalg.norm(wide, axis=1, keepdims=True)).astype("f4")
    return projected


class TestSphereCma(LearningOptimizerContract):
    @pytest.fixture(
        params=[
            SphereCmaOptions(radius=TARGET_NORM),
            SphereCmaOptions(radius=TARGET_NORM, schedule="inv", rank_centre=True),
            SphereCmaOptions(
                radius=TARGET_NORM, mean="tangent", weights="score", schedule="lin", eta=0.5
            ),
        ],
        ids=["exp", "inv, centre ranked", "lin, mean tangent by score"],
    )
    def make_optimizer(self, request: pytest.FixtureRequest) -> OptimizerFactory:
        return lambda codes, direction: SphereCma(codes, request.param, direction)

    @pytest.mark.parametrize("n_initial", [1, 2, 5, 70])
    def test_the_first_generation_shows_the_initial_codes(
        self, make_optimizer: OptimizerFactory, n_initial: int
    ) -> None:
        optimizer = make_optimizer(initial_codes(n_initial), "maximise")
        first, second = advance(optimizer, 2)

        expected = _on_sphere(initial_codes(n_initial), TARGET_NORM)
        np.testing.assert_allclose(first.codes, expected, rtol=1e-6)
        assert len(second.ids) == optimizer.population_size

    def test_the_callers_initial_codes_can_change_afterwards(
        self, make_optimizer: OptimizerFactory
    ) -> None:
        codes = _on_sphere(initial_codes(5), TARGET_NORM)
        optimizer = make_optimizer(codes, "maximise")
        shown_if_kept = make_optimizer(codes.copy(), "maximise").ask(rng_of(0), first_id=0)
        codes[:] = 1.0

        shown = optimizer.ask(rng_of(0), first_id=0)
        np.testing.assert_array_equal(shown.codes, shown_if_kept.codes)


def _schedule(kind: ScheduleKind, **changes: Any) -> AngleSchedule:
    published: dict[str, Any] = {
        "first_angle_deg": 50.0,
        "last_angle_deg": 7.33,
        "schedule_length": 75,
        "after_schedule": "hold",
    }
    return AngleSchedule(kind, **(published | changes))


def _ready(options: SphereCmaOptions | None = None, d: int = 16) -> SphereCma:
    """Optimizer that has recombined its initial codes."""
    optimizer = SphereCma(initial_codes(40, d), options)
    advance(optimizer, 1, objective=_rising)
    return optimizer


def _rising(codes: Codes) -> Floats:
    return codes.astype(float).sum(axis=1)


def _degrees(a: Floats, b: Floats) -> float:
    cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    return float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))


@pytest.mark.parametrize(
    ("kind", "published"),
    [("exp", [50.0, 39.6, 26.8, 14.0, 7.33]), ("inv", [76.3, 46.6, 32.5, 25.0, 22.0])],
)
def test_the_schedules_are_the_published_ones(kind: ScheduleKind, published: list[float]) -> None:
    angles = [_schedule(kind).angle_deg(t) for t in (1, 10, 25, 50, 75)]

    np.testing.assert_allclose(angles, published, atol=0.055)


def test_the_exponential_schedule_falls_by_the_published_factor() -> None:
    schedule = _schedule("exp")

    assert schedule.angle_deg(31) / schedule.angle_deg(30) == pytest.approx(0.9744, abs=5e-5)


def test_the_linear_schedule_joins_its_limits_by_a_line() -> None:
    schedule = _schedule("lin")

    angles = [schedule.angle_deg(t) for t in (1, 38, 75)]
    np.testing.assert_allclose(angles, [50.0, (50.0 + 7.33) / 2.0, 7.33])


@pytest.mark.parametrize("kind", ["exp", "inv", "lin", "constant"])
def test_the_last_angle_is_held_when_a_session_outlasts_the_schedule(kind: ScheduleKind) -> None:
    schedule = _schedule(kind)

    assert schedule.angle_deg(76) == schedule.angle_deg(500) == schedule.angle_deg(75)


def test_the_formula_can_continue_instead() -> None:
    schedule = _schedule("exp", after_schedule="continue")

    assert schedule.angle_deg(76) == pytest.approx(7.33 * (7.33 / 50.0) ** (1 / 74))


def test_the_expected_step_is_the_published_one() -> None:
    assert SphereCmaOptions().expected_step_deg(50.0) == pytest.approx(29.3, abs=0.05)
    assert SphereCmaOptions().expected_step_deg(7.33) == pytest.approx(3.3, abs=0.05)


@pytest.mark.parametrize("mean", ["euclidean", "tangent"])
def test_noise_moves_the_centre_by_the_expected_step(mean: Any) -> None:
    optimizer = _ready(SphereCmaOptions(mean=mean), d=4096)
    for generation in range(1, 4):
        shown = optimizer.ask(rng_of(generation), first_id=0)
        expected = optimizer.summary()["expected_step_deg"]
        tell_all(optimizer, shown, rng_of(generation, seed=9).standard_normal(41))

        assert optimizer.summary()["step_angle_deg"] == pytest.approx(expected, rel=0.05)


def test_with_a_tangent_mean_it_has_the_angles_of_the_earlier_searches() -> None:
    # Their mu is an angle along one axis of 4096: 0.005, or from 0.01 to 0.002.
    constant = SphereCmaOptions(
        mean="tangent", eta=2.0, schedule="constant", first_angle_deg=np.degrees(0.005 * 64)
    )
    falling = SphereCmaOptions(mean="tangent", eta=2.0, first_angle_deg=np.degrees(0.01 * 64))

    for options, first, last in ((constant, 18.33, 18.33), (falling, 36.67, 7.33)):
        optimizer = SphereCma(initial_codes(40, 16), options)
        told = []
        for _ in range(75):
            advance(optimizer, 1, objective=_rising)
            told.append(optimizer.summary()["exploration_angle_deg"])
        assert (told[0], told[-1]) == pytest.approx((first, last), abs=0.005)


def test_samples_lie_at_the_scheduled_angle_from_their_centre() -> None:
    optimizer = _ready(d=4096)
    centre, *samples = optimizer.ask(rng_of(1), first_id=0).codes.astype(float)

    np.testing.assert_allclose([_degrees(centre, one) for one in samples], 50.0, atol=3.0)


def test_every_code_has_the_norm_of_the_sphere() -> None:
    for shown in advance(SphereCma(initial_codes(7, 64)), 4, objective=_rising):
        np.testing.assert_allclose(np.linalg.norm(shown.codes, axis=1), 300.0, rtol=1e-6)


def test_the_first_code_of_a_generation_is_its_centre() -> None:
    optimizer = _ready()
    shown = optimizer.ask(rng_of(1), first_id=0)

    np.testing.assert_allclose(shown.codes[0], 300.0 * optimizer.state_dict()["centre"], rtol=1e-6)


def test_seventy_five_generations_show_3074_images() -> None:
    history = advance(SphereCma(initial_codes(40)), 75, objective=_rising)

    assert sum(len(shown.ids) for shown in history) == 3074


def test_one_initial_code_becomes_the_centre_even_without_a_score() -> None:
    code = np.array([[3.0, -4.0]], np.float32)
    optimizer = SphereCma(code)
    tell_all(optimizer, optimizer.ask(rng_of(0), first_id=0), np.array([np.nan]))

    np.testing.assert_allclose(optimizer.state_dict()["centre"], [0.6, -0.8], rtol=1e-6)


def test_opposite_codes_that_tie_still_give_a_centre() -> None:
    codes = np.array([[3.0, 4.0], [-3.0, -4.0]], np.float32)
    optimizer = SphereCma(codes)
    tell_all(optimizer, optimizer.ask(rng_of(0), first_id=0), np.zeros(2))

    np.testing.assert_allclose(optimizer.state_dict()["centre"], [0.6, 0.8], rtol=1e-6)


def test_an_initial_code_of_zeros_is_refused_by_its_number() -> None:
    codes = initial_codes(3)
    codes[1] = 0.0
    with pytest.raises(OptimizerOptionError, match="initial code 1 is all zeros"):
        SphereCma(codes)


def test_codes_of_one_gene_are_refused() -> None:
    with pytest.raises(OptimizerOptionError, match="two genes"):
        SphereCma(np.ones((3, 1), np.float32))


def _step_with_missing(n_missing: int, options: SphereCmaOptions | None = None) -> float:
    optimizer = _ready(options, d=256)
    shown = optimizer.ask(rng_of(1), first_id=0)
    scores = rng_of(1, seed=5).standard_normal(41)
    scores[1 : 1 + n_missing] = np.nan
    tell_all(optimizer, shown, scores)
    return optimizer.summary()["step_angle_deg"]


def test_the_fewer_scores_the_smaller_the_step() -> None:
    steps = [_step_with_missing(n_missing) for n_missing in (0, 20, 30, 39)]

    assert steps == sorted(steps, reverse=True)
    # One score alone says nothing.
    assert steps[-1] == 0.0


def test_a_missing_score_of_the_centre_changes_nothing_while_it_does_not_compete() -> None:
    optimizer = _ready()
    shown = optimizer.ask(rng_of(1), first_id=0)
    state, scores = optimizer.state_dict(), _rising(shown.codes)
    centres = []
    for of_centre in (scores[0], np.nan):
        optimizer.load_state_dict(state)
        scores[0] = of_centre
        tell_all(optimizer, shown, scores)
        centres.append(optimizer.state_dict()["centre"])

    np.testing.assert_array_equal(*centres)


@pytest.mark.parametrize("mean", ["euclidean", "tangent"])
def test_scores_without_that_of_the_centre_are_compared_with_their_mean_or_not_at_all(
    mean: Any,
) -> None:
    optimizer = _ready(SphereCmaOptions(weights="score", mean=mean, eta=0.001))
    shown = optimizer.ask(rng_of(1), first_id=0)
    scores = _rising(shown.codes)
    scores[0] = np.nan
    before = optimizer.state_dict()
    tell_all(optimizer, shown, scores)
    after = optimizer.state_dict()

    if mean == "euclidean":
        np.testing.assert_array_equal(after["centre"], before["centre"])
        assert after["n_steps"] == before["n_steps"]
    else:
        assert after["centre"].sum() > before["centre"].sum()


def test_generations_without_scores_leave_centre_and_schedule_where_they_were() -> None:
    optimizer = _ready()
    advance(optimizer, 3, objective=_rising)
    before = optimizer.state_dict()
    for generation in range(4, 8):
        shown = optimizer.ask(rng_of(generation), first_id=0)
        tell_all(optimizer, shown, np.full(41, np.nan))
    after = optimizer.state_dict()

    for name in ("centre", "n_steps"):
        np.testing.assert_array_equal(before[name], after[name])


def test_a_code_of_zeros_in_a_told_generation_is_worth_no_more_than_a_missing_score() -> None:
    optimizer = _ready()
    shown = optimizer.ask(rng_of(1), first_id=0)
    state, centres = optimizer.state_dict(), []
    for lost in (np.nan, 1e6):
        optimizer.load_state_dict(state)
        codes, scores = shown.codes.copy(), _rising(shown.codes)
        codes[[0, 3]], scores[[0, 3]] = 0.0, lost
        optimizer.tell(shown.ids, codes, scores, np.ones(41, np.int64))
        centres.append(optimizer.state_dict()["centre"])

    np.testing.assert_array_equal(*centres)
    assert np.isfinite(centres[0]).all()


@pytest.mark.parametrize("weights", ["rank", "score"])
def test_a_silent_unit_moves_neither_the_centre_nor_the_schedule(weights: Any) -> None:
    optimizer = _ready(SphereCmaOptions(weights=weights))
    before = optimizer.state_dict()
    advance(optimizer, 3, objective=lambda codes: np.full(len(codes), 2.0))
    after = optimizer.state_dict()

    for name in ("centre", "n_steps"):
        np.testing.assert_array_equal(before[name], after[name])


@pytest.mark.parametrize(
    "options", [{"first_angle_deg": 85.0}, {"schedule": "inv", "eta": 2.0}, {"eta": 5.0}]
)
def test_options_under_which_noise_steps_beyond_ninety_degrees_are_refused(
    options: dict[str, Any],
) -> None:
    with pytest.raises(OptimizerOptionError, match="eta"):
        SphereCmaOptions(**options)


def test_a_step_beyond_ninety_degrees_is_a_reason_to_stop() -> None:
    optimizer = _ready(SphereCmaOptions(weights="score"))
    assert optimizer.stop_reasons() == ()
    shown = optimizer.ask(rng_of(1), first_id=0)
    # Where all samples score less than the centre, their mean by score points away from it.
    scores = np.append(5.0, rng_of(1).standard_normal(40))
    tell_all(optimizer, shown, scores)

    (reason,) = optimizer.stop_reasons()
    assert "eta" in reason


def test_a_smaller_generation_makes_a_smaller_step() -> None:
    steps = []
    for n in (1, 2, 11, 41):
        optimizer = _ready(d=256)
        shown = optimizer.ask(rng_of(1), first_id=0, n=n)
        tell_all(optimizer, shown, rng_of(1, seed=5).standard_normal(n))
        steps.append(optimizer.summary()["step_angle_deg"])

    assert steps == sorted(steps)
    assert steps[:2] == [0.0, 0.0]
    assert 0.0 < steps[2] < steps[3]


def test_the_summary_tells_the_angles_and_the_chord_of_the_step() -> None:
    optimizer = _ready()
    before = optimizer.state_dict()["centre"]
    advance(optimizer, 1, objective=_rising)
    after, figures = optimizer.state_dict()["centre"], optimizer.summary()

    assert figures["mean_norm"] == pytest.approx(300.0, rel=1e-12)
    assert figures["step_angle_deg"] == pytest.approx(_degrees(before, after), rel=1e-5)
    assert figures["step_norm"] == pytest.approx(300.0 * np.linalg.norm(after - before), rel=1e-5)
    assert figures["exploration_angle_deg"] == pytest.approx(50.0 * (7.33 / 50.0) ** (1 / 74))


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**16), change=st.sampled_from([np.exp, np.arctan, lambda s: 7 * s - 3]))
def test_only_the_order_of_the_scores_counts(seed: int, change: Any) -> None:
    searches = [_ready(), _ready()]
    for generation in range(1, 6):
        shown, _ = (one.ask(rng_of(generation, seed), first_id=0) for one in searches)
        scores = rng_of(generation, seed + 1).standard_normal(41)
        tell_all(searches[0], shown, scores)
        tell_all(searches[1], shown, change(scores))

    np.testing.assert_array_equal(*(one.state_dict()["centre"] for one in searches))


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**16), mean=st.sampled_from(["euclidean", "tangent"]))
def test_a_rotated_problem_gives_the_rotated_search(seed: int, mean: Any) -> None:
    d = 16
    rotation, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((d, d)))
    plain, rotated = (SphereCma(initial_codes(40, d), SphereCmaOptions(mean=mean)) for _ in "ab")
    for generation in range(6):
        shown, _ = (one.ask(rng_of(generation, seed), first_id=0) for one in (plain, rotated))
        scores = rng_of(generation, seed + 1).standard_normal(len(shown.ids))
        tell_all(plain, shown, scores)
        turned = (shown.codes @ rotation).astype(np.float32)
        rotated.tell(shown.ids, turned, scores, np.ones(len(scores), np.int64))

    expected = plain.state_dict()["centre"] @ rotation
    np.testing.assert_allclose(rotated.state_dict()["centre"], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("radius", 0.0),
        ("population_size", 2),
        ("n_parents", 41),
        ("eta", 0.0),
        ("schedule", "cosine"),
        ("first_angle_deg", 90.5),
        ("last_angle_deg", 0.0),
        ("schedule_length", 1),
        ("after_schedule", "stop"),
        ("weights", "raw"),
        ("mean", "median"),
    ],
)
def test_an_impossible_option_is_refused_by_name(option: str, value: Any) -> None:
    with pytest.raises(OptimizerOptionError, match=option):
        SphereCmaOptions(**{option: value})


def test_a_line_cannot_go_on_below_zero() -> None:
    with pytest.raises(OptimizerOptionError, match="hold"):
        SphereCmaOptions(schedule="lin", after_schedule="continue")
