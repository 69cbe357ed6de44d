"""Sessions with a rig adapter that was started by hand and is reached over loopback TCP."""

import contextlib
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from controller.control.messages import Abort
from rig_adapters.testing.acquaintance import acquainted, introduce, made
from sessions.checks import run_checks
from sessions.reader import LogReader

from .conftest import ENDLESS, PATIENCE_S, VIRTUAL, Lab, wait_for

pytestmark = pytest.mark.system


class Adapter:
    """A running adapter that stays, and its log."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self.process = process
        self._log = log

    def said(self) -> str:
        return self._log.read_text(encoding="utf-8")

    @property
    def override(self) -> str:
        """What the session's file says of it."""
        found = wait_for(lambda: re.search(r"listening at (tcp:\S+)", self.said()), "the adapter")
        return f"rig.endpoint={found[1]}"

    def waits_again(self) -> None:
        """Wait until it is there for a second session."""
        wait_for(lambda: self.said().count("listening at") == 2, "the adapter to wait again")

    def interrupt(self) -> str:
        """End it as its user does; return all that it said."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(PATIENCE_S) == 0
        return self.said()


@contextlib.contextmanager
def adapter(lab: Lab, *arguments: str) -> Iterator[Adapter]:
    """Run an adapter that stays until the end of the block."""
    log = lab.folder / "adapter.log"
    command = [sys.executable, "-m", "rig_adapters.sim", "--stay", *arguments]
    command += ["--endpoint", "tcp://127.0.0.1:*"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stderr=output, env=lab.environment)
    try:
        yield Adapter(process, log)
    finally:
        process.kill()
        process.wait()


def test_a_session_over_encrypted_loopback_is_that_of_a_local_rig(
    lab: Lab, finished: LogReader
) -> None:
    rig, daemon = acquainted(lab.folder)
    with adapter(lab, "--keys", str(rig)) as there:
        log = lab.run(*VIRTUAL, there.override, f"rig.keys={daemon}")
        said = there.interrupt()
    assert [f.message for f in run_checks(log) if f.severity == "error"] == []
    np.testing.assert_array_equal(log.codes(0).code, finished.codes(0).code)
    np.testing.assert_array_equal(log.scores.score, finished.scores.score)
    np.testing.assert_array_equal(log.spikes.rig_time_s, finished.spikes.rig_time_s)
    assert "admitted daemon from 127.0.0.1" in said
    assert "refused" not in said
    assert not (log.path.parent / "rig.log").exists()


def test_a_machine_that_the_rig_does_not_know_gets_no_session_and_the_operator_a_sentence(
    lab: Lab,
) -> None:
    rig, _ = acquainted(lab.folder)
    stranger = made(lab.folder, "stranger")
    introduce(rig, stranger)
    with adapter(lab, "--keys", str(rig)) as there:
        where = [word for o in (*VIRTUAL, there.override) for word in ("--set", o)]
        done = lab.neuroloop("run", str(lab.config), *where, "--set", f"rig.keys={stranger}")
        assert done.returncode == 4
        assert f"it refuses the key stranger of this machine; copy {stranger}/" in done.stderr
        done = lab.neuroloop("run", str(lab.config), *where)
        assert done.returncode == 4
        assert "no rig adapter answers at tcp://127.0.0.1" in done.stderr
        said = there.interrupt()
    assert re.search(r"refused \d+ connections \(\d+ handshake, 1 unknown key\)", said)


def test_a_daemon_that_is_killed_can_go_on_with_the_same_adapter(lab: Lab) -> None:
    with adapter(lab, "--silence-limit-s", "4") as there:
        lab.misbehave("killed_at=1:0:20")
        run = lab.start(*VIRTUAL, ENDLESS, there.override)
        run.communicate(timeout=PATIENCE_S)
        there.waits_again()
        assert there.process.poll() is None
        (log,) = lab.logs()
        lab.started.remove(run)
        assert lab.neuroloop("resume", str(log.parent), "--detach").returncode == 0
        lab.wait_for_block(2)
        lab.command(Abort(reason="seen"))
        wait_for(lambda: lab.card() is None, "the end of the session")
        end = lab.the_log().end
        assert end is not None
        assert end.exit_status == "abort"
        there.interrupt()


def test_a_rig_that_was_lost_on_the_way_is_connected_to_anew(lab: Lab) -> None:
    with adapter(lab, "--silence-limit-s", "4") as there:
        lab.hold_at(place := "1:0:20")
        run = lab.start(*VIRTUAL, ENDLESS, there.override)
        lab.wait_until_held(place)
        there.process.send_signal(signal.SIGSTOP)
        lab.wait_for_state("interrupted")
        # It was not this session's to end; it finds its daemon gone, and waits for another.
        there.process.send_signal(signal.SIGCONT)
        lab.wait_for_block(2)
        lab.command(Abort(reason="seen"))
        output, _ = run.communicate(timeout=PATIENCE_S)
        assert run.returncode == 3, output
        text = " ".join(lab.the_log().events.text)
        assert "the rig adapter gave no sign of life for" in text
        assert "the stimulus process and the rig adapter are back after" in text
        there.interrupt()
