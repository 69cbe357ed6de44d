"""A rig adapter that was started by hand: where it listens, for whom, and how long it stays."""

import contextlib
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from rig_adapters.keys import ALLOWED, Keys, connecting_keys
from rig_adapters.testing.acquaintance import acquainted
from rig_adapters.wire import messages as m
from rig_adapters.wire.codec import Codec
from rig_adapters.wire.conversation import RIG

pytestmark = pytest.mark.system

CODEC = Codec(RIG.vocabulary)
ADAPTER = [sys.executable, "-m", "rig_adapters.sim", "--endpoint"]
DEADLINE_S = 60


class Adapter:
    """A running adapter and what it has said."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.said: list[str] = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._clients: list[zmq.Socket[bytes]] = []

    def listening(self, times: int = 1) -> str:
        """Wait until it listens for the so many-th time; return where."""

        def found() -> list[str]:
            return re.findall(r"listening at (\S+)", "".join(self.said))

        with self._news:
            assert self._news.wait_for(lambda: len(found()) >= times, DEADLINE_S), self.said
        return found()[-1]

    def dealer(self, keys: Keys | None = None, times: int = 1) -> "zmq.Socket[bytes]":
        """Return a daemon's socket."""
        client = self._context.socket(zmq.DEALER)
        self._clients.append(client)
        if keys is not None:
            client.curve_publickey, client.curve_secretkey = keys.public, keys.secret
            client.curve_serverkey = keys.other
        client.connect(self.listening(times))
        return client

    def close(self) -> None:
        self._context.destroy(linger=0)
        self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stderr is not None
        self.process.stderr.close()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._news:
                self.said.append(line)
                self._news.notify_all()


@contextlib.contextmanager
def started(*arguments: str) -> Iterator[Adapter]:
    """Run an adapter until the end of the block."""
    adapter = Adapter(subprocess.Popen([*ADAPTER, *arguments], stderr=subprocess.PIPE, text=True))
    try:
        yield adapter
    finally:
        adapter.close()


def ask(client: "zmq.Socket[bytes]", message: m.Message) -> m.Message:
    """Say something and return the answer."""
    client.send_multipart(CODEC.encode(message))
    assert client.poll(DEADLINE_S * 1000), f"no answer to {message}"
    return CODEC.decode(client.recv_multipart())


def refusal(*arguments: str) -> str:
    """Return the one line that an adapter says before it ends with status 2."""
    done = subprocess.run(
        [*ADAPTER, *arguments], capture_output=True, text=True, check=False, timeout=DEADLINE_S
    )
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    return line


def test_it_does_not_listen_where_others_could_connect_without_keys_and_a_list(
    tmp_path: Path,
) -> None:
    rig, _ = acquainted(tmp_path)
    assert "tcp://0.0.0.0:5555 can be reached from other machines, so it needs keys" in refusal(
        "tcp://0.0.0.0:5555", "--stay"
    )
    (rig / ALLOWED / "daemon.key").unlink()
    assert "allowed is empty, so nobody could connect" in refusal(
        "tcp://0.0.0.0:5555", "--keys", str(rig)
    )


def test_an_address_that_is_taken_or_no_address_is_told_in_one_line() -> None:
    with started("tcp://127.0.0.1:*", "--stay") as adapter:
        where = adapter.listening()
        assert f"it cannot listen at {where}: Address already in use" in refusal(where)
    assert "5555 is no address to listen at" in refusal("5555")


def test_one_that_stays_serves_one_session_after_the_other_until_it_is_interrupted(
    tmp_path: Path,
) -> None:
    rig, daemon = acquainted(tmp_path)
    keys = connecting_keys(daemon)
    with started("tcp://127.0.0.1:*", "--stay", "--keys", str(rig)) as adapter:
        where = adapter.listening()
        assert ask(adapter.dealer(keys), m.Shutdown()) == m.ShutDown()
        # One that ends by a fault, and one whose daemon is never heard of again.
        bad = m.ConfigureRig(settings={"nonsense": 1}, seed=0, time="virtual", light_endpoint=None)
        assert isinstance(ask(adapter.dealer(keys, times=2), bad), m.Faulted)
        assert ask(adapter.dealer(keys, times=3), m.Shutdown()) == m.ShutDown()
        assert adapter.listening(times=4) == where
        adapter.process.send_signal(signal.SIGINT)
        assert adapter.process.wait(DEADLINE_S) == 0


def test_one_that_stays_notices_that_a_daemon_is_gone_and_waits_for_the_next(
    tmp_path: Path,
) -> None:
    options = ("--stay", "--silence-limit-s", "0.5")
    light = f"ipc://{tmp_path}/light"
    configure = m.ConfigureRig(settings={}, seed=0, time="virtual", light_endpoint=light)
    with started("tcp://127.0.0.1:*", *options) as adapter:
        assert isinstance(ask(adapter.dealer(), configure), m.RigConfigured)
        adapter.listening(times=2)
        assert "the daemon has been silent" in "".join(adapter.said)
        assert isinstance(ask(adapter.dealer(times=2), configure), m.RigConfigured)


def test_one_that_does_not_stay_ends_with_its_session() -> None:
    with started("tcp://127.0.0.1:*") as adapter:
        assert ask(adapter.dealer(), m.Shutdown()) == m.ShutDown()
        assert adapter.process.wait(DEADLINE_S) == 0


def test_a_stimulus_process_cannot_stay() -> None:
    command = [sys.executable, "-m", "rig_adapters.stimulus", "--endpoint", "tcp://127.0.0.1:*"]
    done = subprocess.run(
        [*command, "--stay"], capture_output=True, text=True, check=False, timeout=DEADLINE_S
    )
    assert done.returncode == 2
    assert "unrecognized arguments: --stay" in done.stderr
