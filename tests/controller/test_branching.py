"""Optimizers of a branch: bit for bit where those of the session were, or told what those were."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller import assembly
from controller.branching import inherit
from controller.config.tables import SessionConfig
from controller.errors import SessionRefused
from controller.experiments.evolution import EvolutionThread
from controller.replay.course import Course, Story, Told
from generators.base import Generator
from sessions.records import InheritedThread, Lineage

from .conftest import session_config

KINDS = ("cholesky_cma", "genetic", "xdream_genetic", "sphere_cholesky_cma", "random")
SMALL = ("generators.main.code_dim=16", "generators.main.image_size_px=72")


@cache
def generators() -> Mapping[str, Generator]:
    return assembly.build_generators(config_of("cholesky_cma"))


@cache
def config_of(kind: str, *overrides: str) -> SessionConfig:
    return session_config(*SMALL, f"threads.0.optimizer.kind={kind}", *overrides)


def thread_of(config: SessionConfig) -> EvolutionThread:
    (thread,) = assembly.build_threads(config, generators())
    return thread


def evolved(
    thread: EvolutionThread, generations: int, rng: np.random.Generator, config: SessionConfig
) -> InheritedThread:
    """Tell a thread scores of which some are missing; return what it was told."""
    told, first_id = [], 10
    for generation in range(generations):
        asked = thread.ask(first_id)
        n = len(asked.ids)
        first_id += n
        scores, n_valid = rng.normal(50, 20, n), rng.integers(0, 3, n)
        scores[n_valid == 0] = np.nan
        thread.optimizer.tell(asked.ids, asked.codes, scores, n_valid)
        told.append((asked.ids, np.full(n, generation), asked.codes, scores, n_valid))
    columns = [np.concatenate(column) for column in zip(*told, strict=True)]
    return InheritedThread(0, config.threads[0].optimizer.model_dump_json(), False, *columns)


def lineage(inherited: InheritedThread) -> Lineage:
    return Lineage("parent", 3, "0" * 64, 1000, 0, 0, 0, 0.0, (inherited,))


@settings(max_examples=8, deadline=None)
@given(kind=st.sampled_from(KINDS), generations=st.integers(1, 5), seed=st.integers(0, 99))
def test_an_unchanged_optimizer_is_bit_for_bit_where_it_was(
    kind: str, generations: int, seed: int
) -> None:
    config = config_of(kind)
    thread = thread_of(config)
    inherited = evolved(thread, generations, np.random.default_rng(seed), config)

    (other,), differing = inherit(config, (thread_of(config),), generators(), lineage(inherited))

    one, two = thread.optimizer.state_dict(), other.optimizer.state_dict()
    assert not differing
    assert one.keys() == two.keys()
    assert all(np.array_equal(one[key], two[key], equal_nan=_is_float(one[key])) for key in one)


def _is_float(array: np.ndarray) -> bool:
    return array.dtype.kind == "f"


@pytest.mark.parametrize("kind", KINDS)
def test_another_optimizer_is_told_what_the_one_before_was(kind: str) -> None:
    before = config_of("cholesky_cma")
    inherited = evolved(thread_of(before), 3, np.random.default_rng(1), before)
    config = config_of(kind, "threads.0.optimizer.population_size=12")
    changed = replace(inherited, from_first_codes=True)

    (thread,), differing = inherit(config, (thread_of(config),), generators(), lineage(changed))

    assert thread.generation == 3
    assert not differing
    assert len(thread.ask(1000).ids) == 12


def test_codes_of_another_length_are_refused() -> None:
    config = config_of("cholesky_cma")
    inherited = evolved(thread_of(config), 1, np.random.default_rng(1), config)
    longer = np.pad(inherited.codes, ((0, 0), (0, 1)))

    with pytest.raises(
        SessionRefused, match="its codes have 16 elements, and those of the session 17"
    ):
        inherit(
            config, (thread_of(config),), generators(), lineage(replace(inherited, codes=longer))
        )


@settings(max_examples=8, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    altered=st.sampled_from(["codes", "scores"]),
    afterwards=st.booleans(),
    row=st.integers(0, 15),
)
def test_what_followed_tells_which_of_two_stories_is_true(
    kind: str, altered: str, *, afterwards: bool, row: int
) -> None:
    """The session was told the one thing; another one is in the log, or comes out again."""
    if kind == "random" or (altered == "codes" and kind != "genetic"):
        # These do not remember so little of one generation.
        kind = "genetic"
    config = config_of(kind)
    session, course = thread_of(config), Course(thread_of(config), shuffled=False)
    first = session.ask(0)
    scores, n_valid = np.linspace(1, 50, len(first.ids)), np.ones(len(first.ids), np.int64)
    true = Told(first.codes, scores, n_valid)
    codes, others = first.codes.copy(), scores.copy()
    codes[-1 - row % 4] += np.float32(0.5)
    others[row % 4] = 999.0
    other = replace(true, codes=codes) if altered == "codes" else replace(true, scores=others)
    session.optimizer.tell(first.ids, true.codes, true.scores, true.n_valid)

    course.ask(0, first.codes)
    course.tell(first.ids, *((other, true) if afterwards else (true, other)))
    following = session.ask(len(first.ids))
    asked = course.ask(len(first.ids), following.codes)

    assert asked is not None
    assert np.array_equal(asked.codes, following.codes)
    assert course.explained is (Story.RECOMPUTED if afterwards else Story.LOGGED)
