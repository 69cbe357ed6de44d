"""What `neuroloop watch` draws in a terminal: as wide as that, and the numbers of the log."""

import io
import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from controller.cli.psth import BARS, bars
from controller.cli.watch_screen import curve_line, screen
from controller.dashboard.condition import of_silence
from controller.dashboard.state import Observer, Snapshot
from sessions.psths import block_psths
from sessions.reader import open_log
from sessions.testing.synthetic import SyntheticSession, write_synthetic_log

from .test_progress import STATUS


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a log of five generations of two threads."""
    return write_synthetic_log(tmp_path_factory.mktemp("drawn"), SyntheticSession(generations=5))


@pytest.fixture(scope="module")
def snapshot(log: Path) -> Snapshot:
    """Return how that session stood while it ran."""
    return replace(Observer(log=log).look(), status=STATUS)


def drawn(snapshot: Snapshot, width: int) -> list[str]:
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(screen(snapshot, width))
    return console.export_text().splitlines()


@pytest.mark.parametrize("width", [40, 80, 120])
def test_each_thread_has_its_curves_and_responses_on_lines_that_fit(
    snapshot: Snapshot, log: Path, width: int
) -> None:
    lines = drawn(snapshot, width)

    assert snapshot.log is not None
    assert max(map(len, lines)) <= width
    for thread in snapshot.log.threads:
        assert any(line.startswith(f"{thread.info.name}, unit ") for line in lines)
    threads = len(snapshot.log.threads)
    assert sum(line.startswith("evolved ") for line in lines) == 2 * threads
    if width >= 80:
        for found in block_psths(open_log(log)):
            pair = [found.generated, found.references]
            top_hz = max(float(r.rate_hz.max()) for r in pair if r.n_presentations)
            assert any(bars(found.generated, top_hz) in line for line in lines)


def test_the_curve_begins_and_ends_with_the_numbers_of_the_log(
    snapshot: Snapshot, log: Path
) -> None:
    rows = open_log(log).generations
    means = rows.score_mean[rows.thread_id == 0]
    told = f"{means[0]:.1f} to {means[-1]:.1f} sp/s"

    assert any(line.startswith("evolved ") and told in line for line in drawn(snapshot, 120))


def test_a_session_that_does_not_answer_says_so_and_whose_fault_it_is(snapshot: Snapshot) -> None:
    silent = replace(snapshot, status=None, condition=of_silence("demo-1", 7.0))
    text = "\n".join(drawn(silent, 120))

    assert "no answer" in text
    assert "has not answered for 7 s" in text
    assert "fault of the session daemon" in text


RATES = st.lists(st.floats(0, 200) | st.just(math.nan), min_size=1, max_size=300)


@given(RATES, st.integers(1, 80))
def test_a_curve_is_as_long_as_it_has_generations_but_no_wider_than_there_is_room(
    values: list[float], columns: int
) -> None:
    line = curve_line(values, columns, 200.0)

    assert len(line) == min(len(values), columns)
    assert set(line) <= set(BARS)


@given(st.lists(st.floats(0.1, 200), min_size=1, max_size=60))
def test_the_height_of_a_bar_follows_its_value(values: list[float]) -> None:
    heights = [BARS.index(bar) for bar in curve_line(values, 60, max(values))]

    assert heights[values.index(max(values))] == len(BARS) - 1
    assert min(heights) >= 1
    for (one, low), (other, high) in zip(
        zip(values, heights, strict=True), zip(values[1:], heights[1:], strict=False), strict=False
    ):
        assert (one < other) <= (low <= high)


def test_what_is_not_known_is_a_blank_and_what_is_negative_is_low() -> None:
    assert curve_line([math.nan, -5.0, 10.0], 10, 10.0) == " ▁█"
    assert curve_line([], 10, 0.0) == " "
