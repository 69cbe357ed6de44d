"""The operator's mirror beside a running session: it shows it, and cannot hold it up."""

import signal
import subprocess

import numpy as np
import PIL.Image
import psutil
import pytest

from controller.control.messages import Abort
from sessions.checks import run_checks

from .conftest import ENDLESS, NEUROLOOP, PATIENCE_S, VIRTUAL, Lab, wait_for

pytestmark = pytest.mark.system


def test_a_mirror_saves_what_is_shown_and_the_session_goes_on(lab: Lab) -> None:
    run = lab.start(*VIRTUAL, ENDLESS)
    lab.wait_for_block(1)

    done = lab.neuroloop("mirror", "--width", "320", "--save", "mirror.png")

    assert done.returncode == 0, done.stderr
    with PIL.Image.open(lab.folder / "mirror.png") as picture:
        pixels = np.asarray(picture)
    assert pixels.shape == (180, 320, 3)
    assert pixels[85:95, 155:165].std() > 5, "an image in the middle"
    assert (pixels[40, 40] == 128).all()
    lab.command(Abort(reason="seen"))
    run.communicate(timeout=PATIENCE_S)
    lab.is_clean()


def test_a_mirror_that_is_stopped_holds_up_no_session(lab: Lab) -> None:
    place = "0:0:5"
    lab.hold_at(place)
    run = lab.start(*VIRTUAL)
    lab.wait_until_held(place)
    stuck = subprocess.Popen(
        [NEUROLOOP, "mirror", "--save", "never.png"], cwd=lab.folder, env=lab.environment
    )
    try:
        mirror = psutil.Process(stuck.pid)
        wait_for(lambda: mirror.net_connections("unix"), "the mirror at the session")
        stuck.send_signal(signal.SIGSTOP)
        lab.release(place)
        output, _ = run.communicate(timeout=PATIENCE_S)
    finally:
        stuck.kill()
        stuck.wait()

    assert run.returncode == 0, output
    log = lab.the_log()
    assert [f.message for f in run_checks(log) if f.severity == "error"] == []


def test_without_a_session_there_is_nothing_to_mirror(lab: Lab) -> None:
    done = lab.neuroloop("mirror")

    assert done.returncode == 5
    assert "no session is running here" in done.stderr
