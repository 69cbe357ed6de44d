"""Optimizers around optimizers keep the contract, and are exactly the plain ones in disguise."""

import copy
from collections.abc import Callable

import numpy as np
import pytest

from controller.optimizers.base import Codes, Direction, Optimizer, Population, work_ahead
from controller.optimizers.basis import Basis, checked_basis, random_basis
from controller.optimizers.cma.cholesky import CholeskyCmaEs, CholeskyCmaEsOptions
from controller.optimizers.cma.full import CmaEs, CmaEsOptions
from controller.optimizers.errors import OptimizerOptionError, OptimizerStateError
from controller.optimizers.genetic import Genetic, GeneticOptions
from controller.optimizers.wrappers.concatenated import (
    Concatenated,
    ConcatenatedOptions,
    part_streams,
)
from controller.optimizers.wrappers.embedding import Embedded
from controller.optimizers.wrappers.frozen import FrozenOptions, frozen
from controller.optimizers.wrappers.norm_limits import NormLimits
from controller.optimizers.wrappers.subspace import SubspaceOptions, subspace
from controller.testing.optimizer_contract import (
    LearningOptimizerContract,
    OptimizerFactory,
    WorksAheadContract,
    assert_same_state,
)
from controller.testing.optimizer_runs import (
    CODE_DIM,
    advance,
    distance_score,
    initial_codes,
    rng_of,
    tell_all,
)

SIZE = 14


def cma(codes: Codes) -> CholeskyCmaEs:
    return CholeskyCmaEs(codes, CholeskyCmaEsOptions(sigma0=1.0, population_size=SIZE))


def genetic(codes: Codes) -> Genetic:
    return Genetic(codes, GeneticOptions(population_size=SIZE, n_elites=3))


def in_all_directions(codes: Codes, direction: Direction) -> Embedded:
    """Search all directions, turned at random."""
    return subspace(codes, SubspaceOptions(n_dims=codes.shape[-1]), direction, cma)


def in_eight_directions(codes: Codes, direction: Direction) -> Embedded:
    return subspace(codes, SubspaceOptions(n_dims=8, seed=1, through="initial"), direction, genetic)


def with_frozen_genes(codes: Codes, direction: Direction) -> Embedded:
    options = FrozenOptions(first_free=2, n_free=codes.shape[-1] - 2)
    return frozen(codes, options, direction, cma)


def in_two_parts(codes: Codes, direction: Direction) -> Concatenated:
    sizes = (5, codes.shape[-1] - 5)
    return Concatenated(codes, ConcatenatedOptions(sizes), direction, [cma, genetic])


def of_wrappers(codes: Codes, direction: Direction) -> Concatenated:
    def turned(part: Codes) -> Optimizer:
        return subspace(part, SubspaceOptions(n_dims=part.shape[1]), "maximise", cma)

    sizes = (6, codes.shape[-1] - 6)
    return Concatenated(codes, ConcatenatedOptions(sizes), direction, [turned, genetic])


def full(codes: Codes) -> CmaEs:
    return CmaEs(codes, CmaEsOptions(sigma0=1.0, population_size=SIZE, refresh_gap=2.0))


class TestWorkingAhead(WorksAheadContract):
    """Wrappers hand the time while images are shown on to what is inside."""

    @pytest.fixture(params=["limits", "subspace", "frozen", "concatenated"])
    def make_optimizer(self, request: pytest.FixtureRequest) -> OptimizerFactory:
        makers: dict[str, OptimizerFactory] = {
            "limits": lambda codes, _: NormLimits(full(codes), 0.1, 6.5),
            "subspace": lambda codes, to: subspace(codes, SubspaceOptions(n_dims=8), to, full),
            "frozen": lambda codes, to: frozen(codes, FrozenOptions(2, 8), to, full),
            "concatenated": lambda codes, to: Concatenated(
                codes, ConcatenatedOptions((5, codes.shape[-1] - 5)), to, [full, genetic]
            ),
        }
        return makers[request.param]

    def test_what_is_inside_is_given_the_numbers_that_it_will_draw(
        self, make_optimizer: OptimizerFactory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        drawn: dict[str, list[float]] = {"ahead": [], "asked": []}
        prepare, ask = CmaEs.prepare, CmaEs.ask

        def prepared(self: CmaEs, rng: np.random.Generator) -> None:
            drawn["ahead"].append(copy.deepcopy(rng).random())
            prepare(self, rng)

        def asked(
            self: CmaEs, rng: np.random.Generator, first_id: int, n: int | None = None
        ) -> Population:
            drawn["asked"].append(copy.deepcopy(rng).random())
            return ask(self, rng, first_id, n)

        optimizer = make_optimizer(initial_codes(5), "maximise")
        advance(optimizer, 1)
        monkeypatch.setattr(CmaEs, "prepare", prepared)
        monkeypatch.setattr(CmaEs, "ask", asked)
        for generation in (1, 2):
            shown = optimizer.ask(rng_of(generation), first_id=0)
            work_ahead(optimizer, rng_of(generation + 1))
            tell_all(optimizer, shown, distance_score(shown.codes))

        assert drawn["ahead"][0] == drawn["asked"][1]


class TestWholeCodes(LearningOptimizerContract):
    @pytest.fixture(params=[in_all_directions, in_two_parts, of_wrappers])
    def make_optimizer(self, request: pytest.FixtureRequest) -> OptimizerFactory:
        factory: OptimizerFactory = request.param
        return factory


class TestPartsOfCodes(LearningOptimizerContract):
    """Initial codes are shown as the nearest ones that the optimizer can propose."""

    @pytest.fixture(params=[in_eight_directions, with_frozen_genes])
    def make_optimizer(self, request: pytest.FixtureRequest) -> OptimizerFactory:
        factory: OptimizerFactory = request.param
        return factory

    @pytest.mark.parametrize("n_initial", [1, 2, 5, 70])
    def test_the_first_generation_shows_the_initial_codes(
        self, make_optimizer: OptimizerFactory, n_initial: int
    ) -> None:
        given = initial_codes(n_initial)
        first, second = advance(make_optimizer(given, "maximise"), 2)
        again = make_optimizer(first.codes, "maximise").ask(rng_of(0), 0)

        assert first.codes.shape == given.shape
        assert second.codes.shape == (SIZE, CODE_DIM)
        # Who starts where the optimizer can be starts exactly there.
        np.testing.assert_array_equal(again.codes, first.codes)

    def test_the_callers_initial_codes_can_change_afterwards(
        self, make_optimizer: OptimizerFactory
    ) -> None:
        codes = initial_codes(5)
        optimizer = make_optimizer(codes, "maximise")
        codes[:] = 0.0
        untouched = make_optimizer(initial_codes(5), "maximise").ask(rng_of(0), 0).codes

        np.testing.assert_array_equal(optimizer.ask(rng_of(0), first_id=0).codes, untouched)


def same_generations(left: Optimizer, right: Optimizer, n: int = 12, atol: float = 0.0) -> None:
    pairs = zip(advance(left, n), advance(right, n), strict=True)
    for one, other in pairs:
        np.testing.assert_allclose(one.codes, other.codes, rtol=0.0, atol=atol)


@pytest.mark.parametrize("make", [cma, genetic])
def test_a_subspace_of_all_axes_is_the_plain_optimizer_bit_for_bit(
    make: Callable[[Codes], Optimizer],
) -> None:
    axes = SubspaceOptions(basis=Basis(np.eye(CODE_DIM)))
    wrapped = subspace(initial_codes(5), axes, "maximise", make)
    plain = make(initial_codes(5))

    same_generations(wrapped, plain)
    assert_same_state(wrapped.inner.state_dict(), plain.state_dict())
    assert wrapped.summary() == plain.summary()


def test_in_turned_coordinates_the_search_is_the_plain_one_turned() -> None:
    basis = random_basis(CODE_DIM, CODE_DIM, seed=3)
    wrapped = subspace(initial_codes(5), SubspaceOptions(basis=basis), "maximise", cma)
    plain = cma((initial_codes(5) @ basis.vectors.T).astype(np.float32))
    for generation in range(10):
        shown = wrapped.ask(rng_of(generation), first_id=0)
        turned = plain.ask(rng_of(generation), first_id=0)
        np.testing.assert_allclose(turned.codes @ basis.vectors, shown.codes, atol=2e-5)
        for optimizer, codes in ((wrapped, shown), (plain, turned)):
            tell_all(optimizer, codes, distance_score(shown.codes))


@pytest.mark.parametrize("through", ["zero", "initial"])
def test_every_code_lies_in_the_subspace(through: str) -> None:
    codes = 4.0 * initial_codes(9)
    options = SubspaceOptions(n_dims=3, seed=5, through=through)  # type: ignore[arg-type]  # both
    directions = random_basis(3, CODE_DIM, seed=5).vectors
    origin = codes.mean(axis=0) if through == "initial" else np.zeros(CODE_DIM)
    for shown in advance(subspace(codes, options, "maximise", cma), 5):
        off = shown.codes - origin
        np.testing.assert_allclose(off @ directions.T @ directions, off, atol=1e-5)


def test_a_subspace_takes_the_strongest_directions_of_its_basis() -> None:
    vectors, values = np.eye(CODE_DIM)[[4, 7, 9]], np.array([1.0, 3.0, 2.0])
    options = SubspaceOptions(n_dims=2, basis=checked_basis(vectors, values))
    shown = advance(subspace(initial_codes(5), options, "maximise", cma), 2)[1].codes

    assert np.flatnonzero(shown.any(axis=0)).tolist() == [7, 9]


def test_frozen_genes_stay_as_the_first_code_has_them_and_the_others_are_searched() -> None:
    options = FrozenOptions(first_free=3, n_free=4)
    wrapped = frozen(initial_codes(5), options, "maximise", cma)
    plain = cma(initial_codes(5)[:, 3:7].copy())
    for generation in range(8):
        shown = wrapped.ask(rng_of(generation), first_id=0)
        free = plain.ask(rng_of(generation), first_id=0)
        np.testing.assert_array_equal(shown.codes[:, 3:7], free.codes)
        rest = np.delete(shown.codes, np.s_[3:7], axis=1)
        assert (rest == np.delete(initial_codes(5)[0], np.s_[3:7])).all()
        for optimizer, codes in ((wrapped, shown), (plain, free)):
            tell_all(optimizer, codes, distance_score(shown.codes))

    assert_same_state(wrapped.inner.state_dict(), plain.state_dict())


def test_parts_are_separate_searches_that_are_told_the_same_scores() -> None:
    whole = in_two_parts(initial_codes(5), "minimise")
    parts = [cma(initial_codes(5)[:, :5].copy()), genetic(initial_codes(5)[:, 5:].copy())]
    for generation in range(8):
        shown = whole.ask(rng_of(generation), first_id=0)
        streams = part_streams(rng_of(generation), 2)
        apart = [part.ask(own, first_id=0) for part, own in zip(parts, streams, strict=True)]
        np.testing.assert_array_equal(shown.codes, np.hstack([one.codes for one in apart]))
        scores = np.round(distance_score(shown.codes), 1)
        scores[generation % 5] = np.nan
        tell_all(whole, shown, scores)
        for part, one in zip(parts, apart, strict=True):
            tell_all(part, one, -scores)

    for inside, part in zip(whole.parts, parts, strict=True):
        assert_same_state(inside.state_dict(), part.state_dict())


def test_parts_leave_the_initial_codes_together() -> None:
    # Alone, the first part would go on from a single code that has no score, and the second not.
    whole = in_two_parts(initial_codes(1), "maximise")
    for generation in range(2):
        shown = whole.ask(rng_of(generation), first_id=0)
        np.testing.assert_array_equal(shown.codes, initial_codes(1))
        tell_all(whole, shown, np.array([np.nan]))
    tell_all(whole, whole.ask(rng_of(2), first_id=0), np.array([1.0]))

    assert whole.ask(rng_of(3), first_id=0).codes.shape == (SIZE, CODE_DIM)


def test_a_state_that_only_the_last_part_refuses_changes_no_part() -> None:
    whole, other = (in_two_parts(initial_codes(5), "maximise") for _ in range(2))
    advance(other, 3)
    before, wrong = whole.state_dict(), other.state_dict()
    del wrong["1.scores"]
    with pytest.raises(OptimizerStateError):
        whole.load_state_dict(wrong)

    assert_same_state(before, whole.state_dict())


def test_stop_reasons_of_a_part_name_it() -> None:
    whole = in_two_parts(initial_codes(5), "maximise")
    advance(whole, 2)
    whole.load_state_dict(whole.state_dict() | {"0.sigma": np.array(1e-9)})
    (reason,) = whole.stop_reasons()

    assert reason.startswith("part 0: sigma has shrunk")


CODES = initial_codes(5)


@pytest.mark.parametrize(
    ("make", "option", "told"),
    [
        (lambda: SubspaceOptions(n_dims=0), "n_dims", "greater than or equal to 1"),
        (
            lambda: SubspaceOptions(n_dims=3, basis=Basis(np.eye(9)[:2])),
            "n_dims",
            "exceed the 2 directions of basis",
        ),
        (
            lambda: subspace(CODES, SubspaceOptions(n_dims=13), "maximise", cma),
            "n_dims",
            "must not exceed the 12 dimensions",
        ),
        (
            lambda: subspace(CODES, SubspaceOptions(), "maximise", cma),
            "n_dims",
            "must not exceed the 12 dimensions of a code, but it is 50",
        ),
        (
            lambda: subspace(CODES, SubspaceOptions(basis=Basis(np.eye(9))), "maximise", cma),
            "basis",
            "must hold directions of length 12",
        ),
        (lambda: FrozenOptions(-1, 3), "first_free", "greater than or equal to 0"),
        (
            lambda: frozen(CODES, FrozenOptions(10, 3), "maximise", cma),
            "n_free",
            "must not exceed the 2 genes there, but it is 3",
        ),
        (lambda: ConcatenatedOptions((12,)), "sizes", "two parts or more"),
        (lambda: ConcatenatedOptions((12, 0)), "sizes", "none empty"),
        (
            lambda: Concatenated(CODES, ConcatenatedOptions((6, 7)), "maximise", [cma, cma]),
            "sizes",
            "must add up to the 12 genes",
        ),
        (
            lambda: Concatenated(CODES, ConcatenatedOptions((6, 6)), "maximise", [cma] * 3),
            "sizes",
            "one number for each of 3 parts",
        ),
        (
            lambda: Concatenated(CODES, ConcatenatedOptions((6, 6)), "maximise", [cma, Genetic]),
            None,
            r"propose \[14, 40\] codes",
        ),
    ],
)
def test_what_does_not_fit_is_refused_by_name(
    make: Callable[[], object], option: str | None, told: str
) -> None:
    with pytest.raises(OptimizerOptionError, match=told) as refused:
        make()

    assert refused.value.option == option
