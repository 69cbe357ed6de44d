"""A simulated day in one process is the session that real processes would have shown."""

import numpy as np
import pytest

from controller.bench.rig_days.days import run_day
from controller.replay.configs import logged_config
from sessions.reader import LogReader

pytestmark = pytest.mark.system


def test_a_day_in_one_process_is_what_a_session_of_processes_logged(finished: LogReader) -> None:
    day = run_day(logged_config(finished))
    log, shown = finished.scores, finished.presentations
    generated = log.score[log.kind == "generated"]

    np.testing.assert_array_equal(day.evolved.ravel(), generated)
    assert sum(day.outcomes.values()) == shown.outcome.size
    for outcome, count in day.outcomes.items():
        assert count == np.count_nonzero(shown.outcome == outcome)
