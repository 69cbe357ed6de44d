"""The peer's end of the wire: one daemon, answered pings, refused noise, and no orphans."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rig_adapters.errors import LocalProtocolError, PeerLost, RemoteProtocolError
from rig_adapters.listener import MOST_TURNED_AWAY, Listener
from rig_adapters.wire import messages as m
from rig_adapters.wire.codec import Codec
from rig_adapters.wire.conversation import RIG

CODEC = Codec(RIG.vocabulary)
CONFIGURE = m.ConfigureRig(settings={}, seed=0, time="real", light_endpoint=None)


class Client:
    """A bare DEALER that can also send what no daemon would."""

    def __init__(self, endpoint: str) -> None:
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.connect(endpoint)

    def send(self, message: m.Message) -> None:
        self.socket.send_multipart(CODEC.encode(message))

    def receive(self) -> m.Message:
        assert self.socket.poll(5000), "nothing came"
        return CODEC.decode(self.socket.recv_multipart())

    def close(self) -> None:
        self.socket.close()
        self.context.term()


@pytest.fixture
def endpoint(tmp_path: Path) -> str:
    return f"ipc://{tmp_path / 'peer'}"


@pytest.fixture
def listener(endpoint: str) -> Iterator[Listener]:
    with Listener(endpoint, RIG, silence_limit_s=60.0) as listening:
        yield listening


@pytest.fixture
def client(endpoint: str) -> Iterator[Client]:
    connected = Client(endpoint)
    yield connected
    connected.close()


def test_a_message_comes_through_and_its_answer_goes_back(
    listener: Listener, client: Client
) -> None:
    client.send(CONFIGURE)
    assert listener.receive(5.0) == CONFIGURE
    fault = m.Faulted(what="the amplifier is off")
    listener.send(fault)
    assert client.receive() == fault


def test_a_ping_is_answered_without_bothering_the_caller(
    listener: Listener, client: Client
) -> None:
    client.send(m.Ping(token=41))
    client.send(CONFIGURE)
    assert listener.receive(5.0) == CONFIGURE
    pong = client.receive()
    assert isinstance(pong, m.Pong)
    assert pong.token == 41


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.binary(max_size=30), min_size=1, max_size=4))
def test_noise_is_refused_and_the_next_message_still_comes(
    listener: Listener, client: Client, noise: list[bytes]
) -> None:
    refused = listener.refusals.total
    client.socket.send_multipart(noise)
    client.send(m.Ping(token=1))
    while not client.socket.poll(0):
        assert listener.receive(0.005) is None
    assert isinstance(client.receive(), m.Pong)
    assert listener.refusals.total == refused + 1


def test_a_second_daemon_is_refused(listener: Listener, client: Client, endpoint: str) -> None:
    client.send(CONFIGURE)
    assert listener.receive(5.0) == CONFIGURE
    other = Client(endpoint)
    other.send(m.Shutdown())
    while listener.refusals.total == 0:
        assert listener.receive(0.01) is None
    other.close()
    assert listener.conversation.state == "configuring"


def test_a_command_out_of_order_is_the_daemons_fault(listener: Listener, client: Client) -> None:
    client.send(CONFIGURE)
    assert listener.receive(5.0) == CONFIGURE
    client.send(m.StartRecording())
    with pytest.raises(RemoteProtocolError, match="StartRecording must not come"):
        listener.receive(5.0)
    assert listener.conversation.state == "configuring"


def test_a_report_out_of_order_is_not_sent(listener: Listener, client: Client) -> None:
    client.send(CONFIGURE)
    listener.receive(5.0)
    with pytest.raises(LocalProtocolError, match="RecordingStopped"):
        listener.send(m.RecordingStopped(last_sequence=0))
    listener.send(m.Faulted(what="this one comes first"))
    assert isinstance(client.receive(), m.Faulted)


def test_nothing_can_be_said_before_a_daemon_has_spoken(listener: Listener) -> None:
    with pytest.raises(PeerLost, match="no daemon has spoken"):
        listener.send(m.Faulted(what="hello?"))


def test_silence_within_the_limit_is_only_nothing(listener: Listener) -> None:
    assert listener.receive(0.0) is None


def test_a_silent_daemon_is_taken_for_dead(endpoint: str) -> None:
    def wait(listener: Listener) -> None:
        for _ in range(1000):
            listener.receive(0.02)

    with (
        Listener(endpoint, RIG, silence_limit_s=0.2) as listener,
        pytest.raises(PeerLost, match="silent"),
    ):
        wait(listener)


def test_a_process_that_stood_still_itself_gives_its_daemon_the_time_to_be_heard(
    endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Listener(endpoint, RIG, silence_limit_s=10.0) as listener:
        stood_still_s = 1000.0
        begun = time.monotonic
        monkeypatch.setattr("time.monotonic", lambda: begun() + stood_still_s)
        assert listener.receive(0.0) is None
        later = time.monotonic() + 9.0
        monkeypatch.setattr("time.monotonic", lambda: later)
        assert listener.receive(0.0) is None
        monkeypatch.setattr("time.monotonic", lambda: later + 9.0)
        with pytest.raises(PeerLost, match="silent"):
            listener.receive(0.0)


def test_an_endpoint_that_cannot_be_bound_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(zmq.ZMQError):
        Listener(f"ipc://{tmp_path / 'no' / 'such' / 'folder'}", RIG, 1.0)


def test_who_wants_to_begin_a_second_session_is_told_that_there_is_one(
    listener: Listener, client: Client, endpoint: str
) -> None:
    client.send(CONFIGURE)
    assert listener.receive(5.0) == CONFIGURE
    other = Client(endpoint)
    other.send(CONFIGURE)
    while not other.socket.poll(0):
        assert listener.receive(0.01) is None
    told = other.receive()
    assert isinstance(told, m.Faulted)
    assert "connected to another session" in told.what
    assert listener.conversation.state == "configuring"
    # Whoever floods gets no flood of answers.
    for _ in range(3 * MOST_TURNED_AWAY):
        other.send(m.Ping(token=1))
    client.send(m.Ping(token=2))
    while listener.refusals.total < 1 + 3 * MOST_TURNED_AWAY or not client.socket.poll(0):
        assert listener.receive(0.01) is None
    for _ in range(MOST_TURNED_AWAY - 1):
        assert isinstance(other.receive(), m.Faulted)
    assert not other.socket.poll(100)
    other.close()


def test_who_waits_for_a_daemon_is_patient_until_it_has_spoken(
    endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = time.monotonic()
    with Listener(endpoint, RIG, silence_limit_s=5.0, waits=True) as listener:
        monkeypatch.setattr(time, "monotonic", lambda: now_s)
        now_s += 1e6
        assert listener.receive(0.0) is None
        client = Client(endpoint)
        client.send(CONFIGURE)
        while (heard := listener.receive(0.0)) is None:
            listener.socket.poll(5000)
        assert heard == CONFIGURE
        now_s += 3.0
        assert listener.receive(0.0) is None
        now_s += 2.1
        with pytest.raises(PeerLost, match=r"silent for 5\.1 s"):
            listener.receive(0.0)
        client.close()
