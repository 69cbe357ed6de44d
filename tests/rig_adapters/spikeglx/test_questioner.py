"""Questions to a SpikeGLX that closes connections, as it does after errors and when it is idle."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from rig_adapters.acquisition.source import RecorderError
from rig_adapters.spikeglx.connection import Questioner


@contextmanager
def server(n_closed: int) -> Iterator[tuple[int, list[bytes]]]:
    """Serve on loopback: close so many connections once they ask, then answer; yield its port."""
    asked: list[bytes] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                question = connection.recv(1000)
                if not question:
                    continue
                asked.append(question)
                if len(asked) > n_closed:
                    connection.sendall(b"30000.0\nOK\n")
                    # Until the other side has gone.
                    connection.recv(1000)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listening.getsockname()[1], asked
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


@pytest.mark.parametrize("n_closed", [0, 1, 4])
def test_a_question_is_asked_again_on_another_connection(n_closed: int) -> None:
    with server(n_closed) as (port, asked):
        questioner = Questioner("127.0.0.1", port)
        assert questioner.number("GETSTREAMSAMPLERATE 2 0") == 30000.0
        questioner.close()
    assert asked == [b"GETSTREAMSAMPLERATE 2 0\n"] * (n_closed + 1)


def test_one_that_closes_every_connection_counts_as_gone() -> None:
    with server(n_closed=100) as (port, asked):
        questioner = Questioner("127.0.0.1", port)
        with pytest.raises(RecorderError, match=r"nobody answers as SpikeGLX .* closed it"):
            questioner.number("GETSTREAMSAMPLERATE 2 0")
        questioner.close()
    assert len(asked) == 5
