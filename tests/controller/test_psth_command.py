"""`neuroloop psth`: what a terminal shows of the response in time."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from controller.cli.app import app
from controller.cli.psth import BARS, bars
from sessions.analysis.responses import Psth
from sessions.testing.synthetic import SyntheticSession, write_synthetic_log


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return write_synthetic_log(tmp_path, SyntheticSession(generations=2))


def test_bars_are_as_high_as_the_rate_and_onset_is_a_line() -> None:
    edges = np.array([-0.02, -0.01, 0.0, 0.01, 0.02])
    rates = np.array([0.0, 1.0, 40.0, 80.0])

    assert bars(Psth(edges, rates, rates, 3), 80.0) == f"{BARS[0]}{BARS[1]}|{BARS[4]}{BARS[8]}"
    assert bars(Psth(edges, 0 * rates, rates, 3), 0.0) == "  |  "


def test_a_block_is_shown_with_its_peaks_and_how_many_images_it_had(log: Path) -> None:
    done = CliRunner().invoke(app, ["psth", str(log), "--block", "1"])

    assert done.exit_code == 0, done.output
    assert "block 1, thread 0" in done.output
    assert "sp/s at" in done.output
    assert "references" in done.output


def test_a_script_gets_rates_and_edges(log: Path) -> None:
    done = CliRunner().invoke(app, ["psth", str(log), "--json"])

    told = json.loads(done.output)
    assert [each["thread_id"] for each in told] == [0, 1]
    assert all(each["block"] == 1 for each in told)
    for each in told:
        assert len(each["edges_s"]) == len(each["generated"]["rate_hz"]) + 1
        assert each["generated"]["presentations"] > 0
