"""Sessions compared: which evolutions are paired, which are refused, and what the numbers are."""

import csv
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sessions.comparing import Comparison, compare
from sessions.comparing.figure import draw
from sessions.comparing.table import csv_text, plain
from sessions.errors import NotComparable
from sessions.reader import LogReader, open_log
from sessions.records import SessionStart
from sessions.testing.compared import Optimizers, compared_start, write_compared_log
from sessions.testing.synthetic import SyntheticSession

CMA, GA = "cholesky_cma", "genetic"


@pytest.fixture(scope="module")
def interleaved(tmp_path_factory: pytest.TempPathFactory) -> list[LogReader]:
    """Three sessions of both optimizers on one unit, the last of them longer."""
    folder = tmp_path_factory.mktemp("interleaved")
    rates = [(80.0, 50.0), (70.0, 60.0), (90.0, 40.0)]
    return [
        open_log(write_compared_log(folder, seed, last_rates_hz=each, generations=5 + seed // 3))
        for seed, each in enumerate(rates, start=1)
    ]


@pytest.fixture(scope="module")
def found(interleaved: list[LogReader]) -> Comparison:
    return compare(interleaved)


Made = Callable[..., LogReader]


@pytest.fixture
def alone(tmp_path: Path) -> Made:
    """Return a function that makes a short session, of one optimizer unless told otherwise."""

    def make(seed: int, *optimizers: str, generations: int = 3, **changed: object) -> LogReader:
        chosen: Optimizers = optimizers or (CMA,)  # type: ignore[assignment]
        start: SessionStart = replace(
            compared_start(SyntheticSession(seed=seed, image_size=8), chosen),
            **changed,  # type: ignore[arg-type]
        )
        return open_log(write_compared_log(tmp_path, seed, generations=generations, start=start))

    return make


def scores_of(log: LogReader, thread_id: int, generation: int) -> np.ndarray:
    rows = log.scores
    mine = (rows.thread_id == thread_id) & (rows.kind == "generated")
    scores = rows.score[mine & (rows.generation == generation)]
    return scores[np.isfinite(scores)]


def test_threads_of_a_session_are_a_pair_with_the_numbers_of_its_log(
    interleaved: list[LogReader], found: Comparison
) -> None:
    for log, measured in zip(interleaved, found.pairs, strict=True):
        assert measured.pair.interleaved
        n = log.generations_committed
        means = [[scores_of(log, t, g).mean() for g in range(n)] for t in (0, 1)]
        finals = [np.mean(each[-2:]) for each in means]
        assert (measured.first.final, measured.second.final) == pytest.approx(finals)
        assert measured.scale == pytest.approx(np.max(means))
        assert measured.first.normalised == pytest.approx(finals[0] / np.max(means))
        assert measured.apart.final.value == pytest.approx(finals[0] - finals[1])
    assert (found.first, found.second, found.n_sessions) == (CMA, GA, 3)
    assert found.pooled.final.first == pytest.approx(np.mean([m.first.final for m in found.pairs]))


def test_scaled_to_one_condition_its_own_largest_generation_is_one(
    interleaved: list[LogReader],
) -> None:
    found = compare(interleaved, scale_to=GA)
    for measured in found.pairs:
        assert measured.scale == pytest.approx(measured.second.curve.evolved_mean.max())
    with pytest.raises(NotComparable, match="not to random"):
        compare(interleaved, scale_to="random")


def test_the_order_of_logs_does_not_matter(interleaved: list[LogReader], found: Comparison) -> None:
    assert csv_text(compare(interleaved[::-1])) == csv_text(found)
    assert repr(compare(interleaved[::-1]).pooled) == repr(found.pooled)


def test_swapping_the_conditions_flips_every_sign(
    interleaved: list[LogReader], found: Comparison
) -> None:
    swapped = compare(interleaved, first=GA)
    assert swapped.second == CMA
    for one, other in zip(found.pairs, swapped.pairs, strict=True):
        assert one.apart.final.value == pytest.approx(-other.apart.final.value)
        assert one.first.half_rise == other.second.half_rise
    for name in ("final", "normalised", "half_rise"):
        one, other = (getattr(each.pooled, name) for each in (found, swapped))
        assert one.difference.value == pytest.approx(-other.difference.value)
        assert one.p == pytest.approx(other.p, nan_ok=True)


def test_a_mean_curve_is_over_the_sessions_that_got_so_far(found: Comparison) -> None:
    curve = found.mean_curve(lambda each: each.first)
    assert curve.n.tolist() == [3, 3, 3, 3, 3, 1]
    last = found.pairs[2].first.curve.evolved_mean / found.pairs[2].scale
    assert curve.mean[5] == pytest.approx(last[5])
    assert math.isnan(curve.sem[5])
    at_0 = [each.first.curve.evolved_mean[0] / each.scale for each in found.pairs]
    assert curve.mean[0] == pytest.approx(np.mean(at_0))
    assert curve.sem[0] == pytest.approx(np.std(at_0, ddof=1) / math.sqrt(3))


def test_few_and_simulated_sessions_are_told(found: Comparison) -> None:
    told = " ".join(found.notes)
    assert "With 3 session(s), tests over sessions mean little" in told
    assert "3 of 3 pair(s) are of simulated neurons" in told


def test_sessions_of_one_condition_each_are_paired_by_time(alone: Made) -> None:
    logs = [alone(4, GA), alone(1, CMA, generations=4), alone(3, CMA), alone(2, GA)]
    found = compare(logs)
    assert [each.pair.name for each in found.pairs] == [
        "synthetic-1 | synthetic-2",
        "synthetic-3 | synthetic-4",
    ]
    assert len(found.pairs[0].generations) == 3
    told = " ".join(found.notes)
    assert "2 of 2 pair(s) are of two sessions each" in told
    assert "compared over the 3 generations that both have, of 4" in told


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"response_window_s": (0.05, 0.15)}, "another response window"),
        ({"baseline_window_s": (0.0, 0.05)}, "another baseline window"),
        ({"control": "shuffled"}, "shuffled control"),
        ({"subject_id": "somebody"}, "Another unit or subject is no partner"),
        ({"rig_simulated": False}, "another kind of rig"),
    ],
)
def test_sessions_that_differ_in_more_are_refused(
    alone: Made, changed: dict[str, object], said: str
) -> None:
    with pytest.raises(NotComparable, match=said):
        compare([alone(1, CMA), alone(2, GA, **changed)])


def changed_threads(seed: int, optimizers: Sequence[str], **changed: object) -> SessionStart:
    start = compared_start(SyntheticSession(seed=seed, image_size=8), tuple(optimizers))  # type: ignore[arg-type]
    last = replace(start.threads[-1], **changed)  # type: ignore[arg-type]
    return replace(start, threads=(*start.threads[:-1], last))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"driver_unit_ids": (12,)}, "Another unit or subject is no partner"),
        ({"generator": "stripes"}, "the generator, place or size differs"),
        ({"size_deg": 5.0}, "the generator, place or size differs"),
        ({"direction": "minimise"}, "one thread maximises"),
        ({"optimizer": CMA}, "the same optimizer"),
    ],
)
def test_threads_that_differ_in_more_are_refused(
    alone: Made, changed: dict[str, object], said: str
) -> None:
    threads = changed_threads(1, (CMA, GA), **changed).threads
    with pytest.raises(NotComparable, match=said):
        compare([alone(1, CMA, GA, threads=threads)])


def test_other_references_are_refused(alone: Made) -> None:
    ours = compared_start(SyntheticSession(seed=2, image_size=8, n_references=9), (GA,))
    one, other = alone(1, CMA), alone(2, GA, references=ours.references)
    with pytest.raises(NotComparable, match="another set of reference images"):
        compare([one, other])


def test_unequal_numbers_of_sessions_are_refused(alone: Made) -> None:
    with pytest.raises(NotComparable, match=r"2 evolution\(s\) with optimizer .* and 1 with gen"):
        compare([alone(1, CMA), alone(2, GA), alone(3, CMA)])


def test_a_session_that_is_given_twice_is_refused(interleaved: list[LogReader]) -> None:
    with pytest.raises(NotComparable, match="was given twice"):
        compare([interleaved[0], interleaved[0]])


def test_of_three_conditions_two_are_chosen_by_name(alone: Made) -> None:
    log = alone(1, CMA, GA, "random")
    with pytest.raises(NotComparable, match="3 of optimizer: cholesky_cma, genetic, random"):
        compare([log])
    with pytest.raises(NotComparable, match="No thread of these logs has the optimizer sphere"):
        compare([log], first="sphere", second=GA)
    assert [m.pair.second.condition for m in compare([log], first=CMA, second="random").pairs] == [
        "random"
    ]


def test_threads_and_generators_can_be_compared_as_well(alone: Made) -> None:
    threads = changed_threads(1, (CMA, CMA), generator="stripes", name="other").threads
    log = alone(1, CMA, CMA, threads=threads)
    by_generator = compare([log], "generator")
    assert (by_generator.first, by_generator.second) == ("blobs", "stripes")
    by_thread = compare([log], "thread")
    assert (by_thread.first, by_thread.second) == ("CHOLESKY_CMA", "other")
    with pytest.raises(NotComparable, match="the same optimizer"):
        compare([log])


def test_only_pairs_that_went_beyond_their_references_are_pooled_if_asked(
    tmp_path: Path, interleaved: list[LogReader]
) -> None:
    flat = write_compared_log(tmp_path, 9, last_rates_hz=(15.0, 15.0), generations=5)
    found = compare([*interleaved, open_log(flat)], successful_only=True)
    assert (len(found.pairs), len(found.counted)) == (4, 3)
    assert "1 pair(s) in which neither succeeded are not pooled." in found.notes
    with pytest.raises(NotComparable, match="In none of the 1 pair"):
        compare([open_log(flat)], successful_only=True)


def test_tables_and_figure_hold_what_was_found(found: Comparison) -> None:
    rows = list(csv.DictReader(io.StringIO(csv_text(found))))
    assert [float(row["first_final_hz"]) for row in rows] == [
        each.first.final for each in found.pairs
    ]
    assert plain(found)["pooled"]["final"]["n"] == 3
    assert draw(found, "png").startswith(b"\x89PNG")
    assert draw(found, "svg") == draw(found, "svg")
