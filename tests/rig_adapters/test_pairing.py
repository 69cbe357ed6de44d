"""Which edge is whose when the clocks are known coarsely: what all of them say, or nothing."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rig_adapters.clocks import ClockMap
from rig_adapters.pairing import Rivals, locate

TOLERANCE_S = 2 / 60
seeds = st.integers(0, 2**32 - 1)


def trials(rng: np.random.Generator, *, n: int = 10, waits_s: tuple[float, float]) -> np.ndarray:
    """Flips of `n` trials of five images, each 150 ms after the one before."""
    begins = np.cumsum(rng.uniform(*waits_s, n) + 0.75)
    return 100.0 + (begins[:, None] + 0.15 * np.arange(5)).ravel()


def seen(flips: np.ndarray, rng: np.random.Generator, missed: float) -> np.ndarray:
    edges = flips * (1 + 100e-6) + 900.0 + rng.normal(0, 2e-4, flips.size)
    edges = edges[rng.random(flips.size) >= missed]
    spurious = 900.0 + rng.uniform(flips[0] - 1, flips[-1] + 1, rng.binomial(flips.size, 0.05))
    return np.sort(np.concatenate([edges, spurious]))


@settings(max_examples=40, deadline=None)
@given(seeds, st.floats(-0.2, 0.2), st.floats(0, 0.3))
def test_a_pattern_of_trials_tells_an_offset_that_the_nearest_edge_would_not(
    seed: int, off_s: float, missed: float
) -> None:
    rng = np.random.default_rng(seed)
    flips = trials(rng, n=30, waits_s=(0.4, 1.5))
    edges = seen(flips, rng, missed)
    stamped = ClockMap.from_stamp(110.0, 1010.0 + 0.011 + off_s, 0.2)
    found = locate(flips, edges, stamped, TOLERANCE_S)
    assert isinstance(found, ClockMap)
    assert np.abs(found.to_rig(flips) - flips * (1 + 100e-6) - 900.0).max() < 1e-3


@settings(max_examples=40, deadline=None)
@given(seeds, st.floats(-0.2, 0.2), st.floats(0, 0.9), st.integers(1, 4))
def test_whatever_the_pattern_is_a_wrong_offset_is_never_taken(
    seed: int, off_s: float, missed: float, n: int
) -> None:
    rng = np.random.default_rng(seed)
    flips = trials(rng, n=n, waits_s=(0.0, 0.3))
    edges = seen(flips, rng, missed) if n > 1 else flips + 900.0
    stamped = ClockMap.from_stamp(105.0, 1005.0 + off_s, 0.2)
    found = locate(flips, edges, stamped, TOLERANCE_S)
    if isinstance(found, ClockMap):
        assert np.abs(found.to_rig(flips) - flips - 900.0).max() < 0.05


def test_images_that_follow_one_another_evenly_fit_in_two_ways() -> None:
    flips = 100.0 + 0.15 * np.arange(50)
    found = locate(flips, flips + 900.0, ClockMap.from_stamp(100.0, 1000.02, 0.15), TOLERANCE_S)
    assert isinstance(found, Rivals)
    assert (found.matched, found.matched_otherwise) == (50, 49)
    assert abs(found.apart_s - 0.15) < TOLERANCE_S


def test_edges_that_fit_nowhere_are_nobodys() -> None:
    flips = trials(np.random.default_rng(0), waits_s=(0.4, 1.5))
    stamped = ClockMap.from_stamp(100.0, 1000.0, 0.05)
    assert locate(flips, np.zeros(0), stamped, TOLERANCE_S) is None
    assert locate(flips, flips[:2] + 900.0, stamped, TOLERANCE_S) is None
    assert locate(flips, flips + 950.0, stamped, TOLERANCE_S) is None
    assert locate(np.full(3, np.nan), flips + 900.0, stamped, TOLERANCE_S) is None


@settings(max_examples=5, deadline=None)
@given(seeds)
def test_the_offset_is_the_one_that_a_search_of_every_offset_and_drift_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    flips = trials(rng, n=10, waits_s=(0.4, 1.5))
    edges = seen(flips, rng, 0.05)
    stamped = ClockMap.from_stamp(103.0, 1003.0 + rng.uniform(-0.15, 0.15), 0.15)
    found = locate(flips, edges, stamped, TOLERANCE_S)
    assert isinstance(found, ClockMap)
    offsets_s = np.arange(-0.4, 0.4, 1e-3)
    center_s = flips.mean()
    scores = []
    for drift in np.linspace(-4e-4, 4e-4, 9):
        places = stamped.to_rig(flips) + drift * (flips - center_s) + offsets_s[:, None]
        distance_s = np.abs(edges[:, None, None] - places).min(axis=0)
        scores.append((distance_s < 2e-3).sum(axis=1))
    best_s = offsets_s[np.nonzero(np.array(scores) == np.max(scores))[1]]
    by_pattern = float(found.to_rig(center_s) - stamped.to_rig(center_s))
    assert best_s.min() - 2e-3 <= by_pattern <= best_s.max() + 2e-3
