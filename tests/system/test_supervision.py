"""A process at the rig is lost: the session is brought back by itself, and loses nothing."""

import os
import signal
import subprocess
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import ImageGrab

from controller.cli.config_commands import template
from controller.config.load import parse_config
from controller.control.messages import Pause, Resume, SessionStatus, Stop
from sessions.journal import blocks_with_journals
from sessions.reader import LogReader

from .conftest import ENDLESS, PATIENCE_S, VIRTUAL, Lab, wait_for
from .test_real_screen import QUICK
from .test_resume import codes_of_an_uninterrupted_run_differ, errors_in

pytestmark = pytest.mark.system

REPEATS = 2
CALM = "behaviour.kind=always"
"""Only a loss is shown again."""
TWO = (*VIRTUAL, "stopping.max_generations=2", f"scoring.repeats={REPEATS}", CALM)
FIRST, SECOND = "0:0:30", "1:0:30"
"""Where a session is held, so that a process is lost within a block."""
BY_HAND = "supervision.max_restarts=0"
RIG, STIMULUS = "rig_adapters.sim", "rig_adapters.stimulus"
NAMES = {STIMULUS: "the stimulus process", RIG: "the rig adapter"}


def begin(lab: Lab, *overrides: str, places: tuple[str, ...] = (FIRST,)) -> subprocess.Popen[str]:
    """Start a session that is held at `places`, and return where it is at the first."""
    lab.hold_at(*places)
    run = lab.start(*overrides)
    lab.wait_until_held(places[0])
    return run


def kill(lab: Lab, module: str, number: signal.Signals = signal.SIGKILL) -> int:
    """Kill a process of the session; return which it was."""
    pid = wait_for(lambda: lab.children().get(module), f"a process {module}")
    os.kill(pid, number)
    return pid


def paused_by_itself(lab: Lab) -> SessionStatus:
    """Wait until the session is paused and has said why."""
    return lab.wait_for_status(
        lambda status: status.state == "paused" and "tries again" in status.message, "the reason"
    )


def events(log: LogReader, kind: str) -> list[str]:
    return [t for k, t in zip(log.events.kind, log.events.text, strict=True) if k == kind]


def is_whole(log: LogReader, *, n_generations: int) -> None:
    """Assert that nothing in a log tells of a loss but its events and lost presentations."""
    assert log.end is not None
    assert log.end.exit_status == "success"
    assert log.generations_committed == n_generations
    assert errors_in(log) == []
    assert codes_of_an_uninterrupted_run_differ(log) == []
    assert blocks_with_journals(log.path.parent) == []
    shown = log.presentations
    assert len(np.unique(shown.presentation_id)) == len(shown.presentation_id)
    for block in range(n_generations):
        completed = shown.image_id[(shown.block == block) & (shown.outcome == "completed")]
        assert set(np.unique(completed, return_counts=True)[1]) == {log_repeats(log)}


def log_repeats(log: LogReader) -> int:
    shown = log.presentations
    first = (shown.block == 0) & (shown.part == 0)
    return int(np.unique(shown.image_id[first], return_counts=True)[1].max())


@pytest.mark.parametrize(
    ("module", "number"),
    [(STIMULUS, signal.SIGKILL), (RIG, signal.SIGKILL), (RIG, signal.SIGSTOP)],
)
def test_a_session_goes_on_by_itself_when_a_process_is_lost(
    lab: Lab, module: str, number: signal.Signals
) -> None:
    run = begin(lab, *TWO)

    kill(lab, module, number)
    output, _ = run.communicate(timeout=PATIENCE_S)

    assert run.returncode == 0, output
    log = lab.the_log()
    is_whole(log, n_generations=2)
    (lost,) = events(log, "interruption")
    how = "was killed by SIGKILL" if number == signal.SIGKILL else "gave no sign of life for"
    assert f"{NAMES[module]} {how}" in lost
    assert "presentations" in lost
    (back,) = events(log, "restart")
    shown = log.presentations
    again = int((shown.outcome == "not_heard").sum())
    assert "the stimulus process and the rig adapter are back after" in back
    assert f"{again} presentations of block" in back
    assert back in output
    # In virtual time nothing else is ever not heard or not shown.
    lost_rows = np.isin(shown.outcome, ("not_heard", "not_shown"))
    assert len(shown.outcome) - lost_rows.sum() == 2 * REPEATS * 50
    assert "→ interrupted" in " ".join(events(log, "state"))


def test_beyond_its_restarts_a_session_stays_paused_until_the_operator_has_looked(
    lab: Lab,
) -> None:
    run = begin(lab, *TWO, "supervision.max_restarts=1", places=(FIRST, SECOND))
    kill(lab, RIG)
    lab.wait_until_held(SECOND)
    kill(lab, RIG)

    why = paused_by_itself(lab).message
    assert "the rig adapter was killed by SIGKILL" in why
    assert "after 1 restart within 10 minutes nothing more is done by itself" in why
    assert "neuroloop resume tries again" in why
    assert why in lab.neuroloop("status").stdout
    resumed = lab.neuroloop("resume")
    assert resumed.stdout == "What was lost is started anew.\n"
    output, _ = run.communicate(timeout=PATIENCE_S)

    assert run.returncode == 0, output
    assert why in output
    is_whole(lab.the_log(), n_generations=2)


def test_a_process_killed_while_another_is_started_anew_is_brought_back_too(lab: Lab) -> None:
    run = begin(lab, *TWO, ENDLESS)
    first = lab.children()[STIMULUS]
    kill(lab, RIG)
    wait_for(lambda: lab.children().get(STIMULUS, first) != first, "another stimulus process")
    # The rig adapter has hardly begun; where it is ready after all, both are started once more.
    kill(lab, STIMULUS)
    lab.wait_for_block(2)
    lab.command(Stop())
    output, _ = run.communicate(timeout=PATIENCE_S)

    assert run.returncode == 0, output
    log = lab.the_log()
    is_whole(log, n_generations=log.generations_committed)
    assert "the stimulus process was killed by SIGKILL" in " ".join(events(log, "interruption"))


@pytest.mark.parametrize("command", [Pause(), Stop()], ids=["pause", "stop"])
def test_what_the_operator_asked_for_before_an_interruption_still_holds(
    lab: Lab, command: Pause | Stop
) -> None:
    run = begin(lab, *TWO)
    lab.command(command)
    kill(lab, RIG)
    if isinstance(command, Pause):
        lab.wait_for_state("paused")
        wait_for(lambda: lab.children().get(RIG), "the rig adapter that was started anew")
        lab.command(Resume())
    output, _ = run.communicate(timeout=PATIENCE_S)

    assert run.returncode == 0, output
    log = lab.the_log()
    assert log.end is not None
    stopped = isinstance(command, Stop)
    assert log.end.reason == ("stopped by the operator" if stopped else "complete")
    is_whole(log, n_generations=1 if stopped else 2)
    assert any("are back after" in text for text in events(log, "restart"))


def test_a_session_that_is_stopped_before_it_could_go_on_can_be_resumed(lab: Lab) -> None:
    run = begin(lab, *TWO, BY_HAND)
    kill(lab, STIMULUS)
    paused_by_itself(lab)
    lab.command(Stop())
    output, _ = run.communicate(timeout=PATIENCE_S)

    assert run.returncode == 3, output
    log = lab.the_log()
    assert log.end is not None
    assert log.end.reason == ("stopped by the operator; the stimulus process was killed by SIGKILL")
    assert lab.neuroloop("resume", str(log.path.parent)).returncode == 0
    is_whole(lab.the_log(), n_generations=2)


@pytest.fixture
def screen(lab: Lab) -> Iterator[str]:
    """A screen that outlives the stimulus process, for the sessions of the lab."""
    read_end, write_end = os.pipe()
    command = ["Xvfb", "-displayfd", str(write_end), "-screen", "0", "1280x1024x24"]
    server = subprocess.Popen(
        [*command, "+extension", "GLX", "-nolisten", "tcp", "-noreset"],
        pass_fds=[write_end],
        stderr=subprocess.DEVNULL,
    )
    os.close(write_end)
    try:
        with os.fdopen(read_end) as answer:
            name = f":{answer.readline().strip()}"
        lab.environment["DISPLAY"] = name
        yield name
        for process in lab.started:
            process.communicate(timeout=PATIENCE_S)
    finally:
        server.terminate()
        server.wait()


def test_in_a_real_window_the_screen_stays_grey_while_the_rig_is_gone(
    lab: Lab, screen: str
) -> None:
    run = begin(lab, *QUICK, CALM, BY_HAND, places=("0:0:3", "1:0:3"))
    stimulus = lab.children()[STIMULUS]
    kill(lab, RIG)
    paused_by_itself(lab)

    display = parse_config(template(), QUICK).display
    width, height = display.screen_size_px
    picture = np.array(ImageGrab.grab(xdisplay=screen))
    assert not (picture[height:] == display.background_grey).any()
    # Only the photodiode's patch stays as the last onset left it.
    assert display.photodiode is not None
    side = display.photodiode.size_px
    patch = picture[height - side : height, width - side : width]
    assert len(np.unique(patch)) == 1
    patch[:] = display.background_grey
    assert (picture[:height, :width] == display.background_grey).all()
    assert lab.children() == {STIMULUS: stimulus}
    lab.command(Resume())
    lab.wait_until_held("1:0:3")
    assert lab.children()[STIMULUS] == stimulus
    rig = lab.children()[RIG]
    kill(lab, STIMULUS)
    paused_by_itself(lab)
    assert lab.children() == {RIG: rig}
    lab.command(Resume())
    output, _ = run.communicate(timeout=PATIENCE_S)

    assert run.returncode == 0, output
    log = lab.the_log()
    is_whole(log, n_generations=2)
    scored = log.presentations.outcome == "completed"
    assert set(log.presentations.sync[scored]) == {"photodiode"}
    # The rig that survived had no gap.
    assert events(log, "recording gap") == []
