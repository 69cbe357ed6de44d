"""Plans and their random numbers: blocks, evolution threads, and the addresses of randomness."""

import copy
from collections import Counter
from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.experiments.blocks import ImageToShow, images_of_block, plan_part
from controller.experiments.evolution import EvolutionThread, Placement
from controller.optimizers.cma.full import CmaEs
from controller.optimizers.random_search import RandomSearch, RandomSearchOptions
from controller.randomness import Purpose, rng_for, seed_for

HERE, THERE = Placement(0.0, 0.0, 4.0), Placement(2.0, -1.0, 3.0)
PROPERTY = settings(max_examples=25, deadline=None)

seeds = st.integers(0, 2**63 - 1)
parts = st.lists(
    st.tuples(
        st.builds(ImageToShow, st.integers(0, 1000), st.just(0), st.sampled_from([HERE, THERE])),
        st.integers(0, 4),
    ),
    min_size=1,
    max_size=60,
)


@PROPERTY
@given(parts, st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 12), seeds)
def test_a_part_shows_every_image_once_under_consecutive_ids(
    images: list[tuple[ImageToShow, int]],
    first_id: int,
    first_trial: int,
    per_trial: int,
    seed: int,
) -> None:
    planned = plan_part(images, first_id, first_trial, per_trial, np.random.default_rng(seed))

    assert Counter((row.image, row.attempt) for row in planned) == Counter(images)
    n = len(images)
    assert [row.presentation_id for row in planned] == list(range(first_id, first_id + n))
    trials = [row.trial_id for row in planned]
    assert sorted(set(trials)) == list(range(first_trial, first_trial + -(-n // per_trial)))
    assert trials == sorted(trials)
    sizes = [size for _, size in sorted(Counter(trials).items())]
    assert all(size == per_trial for size in sizes[:-1])
    assert 1 <= sizes[-1] <= per_trial


@PROPERTY
@given(parts, seeds)
def test_the_order_of_a_part_depends_on_the_rng_only(
    images: list[tuple[ImageToShow, int]], seed: int
) -> None:
    def order(first_id: int, per_trial: int) -> list[tuple[ImageToShow, int]]:
        planned = plan_part(images, first_id, 0, per_trial, np.random.default_rng(seed))
        return [(row.image, row.attempt) for row in planned]

    assert order(0, 5) == order(70, 3)


def test_orders_of_different_blocks_differ() -> None:
    images = [(ImageToShow(k, 0, HERE), 0) for k in range(50)]
    orders = [
        tuple(
            row.image.image_id
            for row in plan_part(images, 0, 0, 5, rng_for(1, Purpose.BLOCK_ORDER, number=block))
        )
        for block in range(4)
    ]

    assert len(set(orders)) == 4


def test_references_are_shown_once_at_every_distinct_place() -> None:
    threads = [(0, HERE, [10, 11]), (1, HERE, [12]), (2, THERE, [13])]

    images = images_of_block(threads, [0, 1, 2])

    generated = [image for image in images if image.thread_id >= 0]
    assert [(i.image_id, i.thread_id, i.placement) for i in generated] == [
        (10, 0, HERE),
        (11, 0, HERE),
        (12, 1, HERE),
        (13, 2, THERE),
    ]
    references = Counter((i.image_id, i.placement) for i in images if i.thread_id == -1)
    assert references == Counter({(k, place): 1 for k in range(3) for place in (HERE, THERE)})
    assert len(images) == len(generated) + 6


def test_a_block_may_have_no_references() -> None:
    assert images_of_block([(0, HERE, [5])], []) == [ImageToShow(5, 0, HERE)]


def thread(thread_id: int = 0, seed: int = 1) -> EvolutionThread:
    search = RandomSearch(np.zeros((6, 4), np.float32), RandomSearchOptions(population_size=6))
    return EvolutionThread(thread_id, "x", search, "embedded", HERE, seed)


def next_generation(evolution: EvolutionThread) -> None:
    asked = evolution.ask(0)
    n = len(asked.ids)
    evolution.optimizer.tell(
        asked.ids, asked.codes, np.arange(n, dtype=float), np.ones(n, np.int64)
    )


def second_codes(evolution: EvolutionThread) -> np.ndarray:
    next_generation(evolution)
    return evolution.ask(100).codes


@PROPERTY
@given(seeds, st.integers(0, 15), st.integers(1, 200))
def test_without_a_control_each_code_is_told_its_own_score(
    seed: int, thread_id: int, n: int
) -> None:
    assert thread(thread_id, seed).told_order(n, shuffled=False).tolist() == list(range(n))


@PROPERTY
@given(seeds, st.integers(0, 15), st.integers(1, 200))
def test_a_shuffled_control_is_told_a_permutation_that_can_be_drawn_again(
    seed: int, thread_id: int, n: int
) -> None:
    order = thread(thread_id, seed).told_order(n, shuffled=True)

    assert sorted(order.tolist()) == list(range(n))
    assert order.tolist() == thread(thread_id, seed).told_order(n, shuffled=True).tolist()


def test_a_generation_can_be_asked_in_another_size() -> None:
    evolution = thread()
    next_generation(evolution)

    assert evolution.ask(100, n=4).ids.tolist() == [100, 101, 102, 103]


def test_a_shuffled_control_is_shuffled_anew_in_each_generation() -> None:
    evolution = thread()
    orders = []
    for _ in range(3):
        orders.append(tuple(evolution.told_order(40, shuffled=True)))
        next_generation(evolution)

    assert len(set(orders)) == 3
    assert tuple(range(40)) not in orders


def test_two_threads_of_one_session_draw_different_codes() -> None:
    np.testing.assert_array_equal(second_codes(thread(0)), second_codes(thread(0)))
    assert not np.array_equal(second_codes(thread(0)), second_codes(thread(1)))
    assert not np.array_equal(second_codes(thread(0)), second_codes(thread(0, seed=2)))


def test_a_generation_counts_only_when_it_was_told() -> None:
    evolution = thread()
    assert evolution.generation == 0
    asked = evolution.ask(7)
    assert (evolution.generation, asked.ids.tolist()) == (0, list(range(7, 13)))


def test_the_numbers_of_the_purposes_are_never_changed() -> None:
    assert {purpose.name: purpose.value for purpose in Purpose} == {
        "INITIAL_CODES": 1,
        "ASK": 2,
        "BLOCK_ORDER": 3,
        "REFERENCES": 4,
        "SHUFFLED_CONTROL": 5,
        "RIG": 6,
        "ANIMAL": 7,
        "TWIN": 8,
        "NULL_WALK": 9,
    }


def test_what_stands_at_an_address_is_never_changed() -> None:
    # A session that was logged today must draw the same numbers when it is replayed in ten years.
    assert rng_for(2022, Purpose.ASK, 1, 7).integers(0, 2**32, 3).tolist() == [
        2527844788,
        848746651,
        497254045,
    ]
    assert seed_for(2022, Purpose.RIG) == 4138076234


addresses = st.tuples(
    st.integers(0, 50), st.sampled_from(Purpose), st.integers(0, 16), st.integers(0, 1000)
)


@PROPERTY
@given(addresses)
def test_the_same_address_gives_the_same_numbers(address: tuple[int, Purpose, int, int]) -> None:
    first, again = rng_for(*address), rng_for(*address)
    first_numbers = first.random(5)

    np.testing.assert_array_equal(first_numbers, again.random(5))
    assert not np.array_equal(first_numbers, first.random(5))


@PROPERTY
@given(st.lists(addresses, min_size=2, max_size=6, unique=True))
def test_different_addresses_give_different_numbers(
    some: list[tuple[int, Purpose, int, int]],
) -> None:
    drawn = [tuple(rng_for(*address).random(3)) for address in some]

    assert all(one != other for one, other in combinations(drawn, 2))


def test_seeds_for_other_processes_differ_by_session_and_purpose() -> None:
    seeds = {seed_for(seed, purpose) for seed in range(20) for purpose in Purpose}

    assert len(seeds) == 20 * len(Purpose)


def test_working_ahead_gets_the_random_numbers_of_the_next_ask_and_changes_no_code() -> None:
    given: list[float] = []

    class Preparing(CmaEs):
        def prepare(self, rng: np.random.Generator) -> None:
            given.append(copy.deepcopy(rng).random())
            super().prepare(rng)

    codes = np.random.default_rng(0).standard_normal((6, 5))
    lazy, eager = (
        EvolutionThread(0, "x", search, "embedded", HERE, 3)
        for search in (CmaEs(codes), Preparing(codes))
    )
    for generation in range(4):
        asked = lazy.ask(0)
        np.testing.assert_array_equal(asked.codes, eager.ask(0).codes)
        eager.work_ahead()
        assert given[generation] == rng_for(3, Purpose.ASK, 0, generation + 1).random()
        scores = np.arange(len(asked.ids), dtype=float)
        for one in (lazy, eager):
            one.optimizer.tell(asked.ids, asked.codes, scores, np.ones(len(scores), np.int64))


def test_an_optimizer_that_has_nothing_to_do_ahead_is_left_alone() -> None:
    thread().work_ahead()
