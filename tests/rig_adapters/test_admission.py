"""A listener with keys: who is on its list is served, and nobody else says one word to it."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import zmq

from rig_adapters.admission import DOMAIN, Admission
from rig_adapters.errors import Reason
from rig_adapters.keys import Keys, connecting_keys, listening_keys
from rig_adapters.listener import Listener
from rig_adapters.refusals import Refusals
from rig_adapters.testing import examples
from rig_adapters.testing.acquaintance import acquainted, introduce, made
from rig_adapters.testing.hostile import Hostile, frames_of
from rig_adapters.wire import messages as m
from rig_adapters.wire.codec import MAX_ARRAY_BYTES, Codec
from rig_adapters.wire.conversation import RIG

CODEC = Codec(RIG.vocabulary)
CONFIGURE = m.ConfigureRig(settings={}, seed=0, time="real", light_endpoint=None)
PATIENCE = 500
"""Looks at a socket, of 20 ms each, before something counts as not coming."""


@dataclass
class Rig:
    """A listener with keys, and folders of keys of machines."""

    listener: Listener
    folder: Path
    daemon: Keys
    context: "zmq.Context[zmq.Socket[bytes]]"
    clients: "list[zmq.Socket[bytes]]"

    def dealer(self, keys: Keys | None) -> "zmq.Socket[bytes]":
        """Return a client with these keys that asks for a sign of life."""
        client = self.context.socket(zmq.DEALER)
        self.clients.append(client)
        if keys is not None:
            client.curve_publickey = keys.public
            client.curve_secretkey = keys.secret
            client.curve_serverkey = keys.other
        client.connect(self.listener.endpoint)
        client.send_multipart(CODEC.encode(m.Ping(token=7)))
        return client

    def stranger(self) -> Keys:
        """Return the keys of a machine that knows the rig but that the rig does not know."""
        folder = made(self.folder, "stranger")
        introduce(self.folder / "rig", folder)
        return connecting_keys(folder)

    def refused(self, reason: Reason) -> None:
        """Let the listener listen until it has refused for that reason; it hears nothing else."""
        for _ in range(PATIENCE):
            assert self.listener.receive(0.02) is None
            if self.listener.refusals.counts.get(reason):
                return
        raise AssertionError(f"nothing was refused as {reason}")

    def served(self, client: "zmq.Socket[bytes]") -> None:
        """Let the listener listen until the client has its answer."""
        for _ in range(PATIENCE):
            assert self.listener.receive(0.02) is None
            if client.poll(0):
                pong = CODEC.decode(client.recv_multipart())
                assert isinstance(pong, m.Pong)
                return
        raise AssertionError("the client was not served")


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    mine, theirs = acquainted(tmp_path)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    with Listener("tcp://127.0.0.1:*", RIG, 60.0, listening_keys(mine)) as listener:
        yield Rig(listener, tmp_path, connecting_keys(theirs), context, [])
        context.destroy(linger=0)


def test_a_daemon_whose_key_is_on_the_list_is_served(rig: Rig) -> None:
    daemon = rig.dealer(rig.daemon)
    rig.served(daemon)
    daemon.send_multipart(CODEC.encode(CONFIGURE))
    assert rig.listener.receive(10.0) == CONFIGURE
    assert rig.listener.refusals.total == 0


def test_a_key_that_is_not_on_the_list_is_refused_and_counted(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    stranger = rig.dealer(rig.stranger())
    rig.refused(Reason.UNKNOWN_KEY)
    assert not stranger.poll(0)
    assert rig.listener.refusals.counts == {Reason.UNKNOWN_KEY: 1}
    assert rig.listener.refusals.summary() == ("rig adapter: refused 1 connection (1 unknown key)")
    assert "refused a connection: its key, from 127.0.0.1, is not on the list" in caplog.text
    rig.served(rig.dealer(rig.daemon))


def test_a_client_without_keys_is_refused_and_counted(rig: Rig) -> None:
    client = rig.dealer(None)
    rig.refused(Reason.HANDSHAKE)
    assert not client.poll(0)
    rig.served(rig.dealer(rig.daemon))


def test_a_client_that_takes_the_listener_for_another_does_not_talk_to_it(
    rig: Rig, tmp_path: Path
) -> None:
    daemon = rig.daemon
    other = listening_keys(acquainted(tmp_path / "others")[0])
    client = rig.dealer(
        Keys(daemon.folder, daemon.name, daemon.public, daemon.secret, {"rig": other.public})
    )
    rig.refused(Reason.HANDSHAKE)
    assert not client.poll(0)
    assert rig.listener.conversation.state == "connected"


def test_with_the_public_half_of_a_key_alone_nobody_gets_in(rig: Rig) -> None:
    daemon, thief = rig.daemon, rig.stranger()
    client = rig.dealer(
        Keys(daemon.folder, daemon.name, daemon.public, thief.secret, daemon.allowed)
    )
    rig.refused(Reason.HANDSHAKE)
    assert not client.poll(0)


@pytest.mark.parametrize("enforced", [True, False])
def test_while_nobody_judges_nobody_comes_in(tmp_path: Path, enforced: bool) -> None:
    mine, theirs = acquainted(tmp_path)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    bound, client = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
    Admission(context, bound, listening_keys(mine), Refusals("test")).close()
    if not enforced:
        # The opposite, so that this test is known to see somebody who comes in.
        bound.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 0)
    bound.bind("tcp://127.0.0.1:*")
    daemon = connecting_keys(theirs)
    client.curve_publickey, client.curve_secretkey = daemon.public, daemon.secret
    client.curve_serverkey = daemon.other
    client.connect(bound.getsockopt_string(zmq.LAST_ENDPOINT))
    client.send(b"hello")
    assert bool(bound.poll(500 if enforced else 30_000)) is not enforced
    context.destroy(linger=0)


@pytest.mark.parametrize(
    "request_",
    [
        [b"1.0", b"1"],
        [b"1.0", b"1", DOMAIN, b"127.0.0.1", b"", b"NULL"],
        [b"1.0", b"1", DOMAIN, b"127.0.0.1", b"", b"PLAIN", b"admin", b"password"],
        [b"1.0", b"1", DOMAIN, b"127.0.0.1", b"", b"CURVE"],
        [b"1.0", b"1", DOMAIN, b"127.0.0.1", b"", b"CURVE", b""],
        [b"1.0", b"1", DOMAIN, b"127.0.0.1", b"", b"CURVE", bytes(32)],
        [b"1.0", b"1", b"", b"127.0.0.1", b"", b"CURVE", b"KEY"],
        [b"1.0", b"1", b"other", b"127.0.0.1", b"", b"CURVE", b"KEY"],
        [b"2.0", b"1", DOMAIN, b"127.0.0.1", b"", b"CURVE", b"KEY"],
        [b"1.0", b"1", DOMAIN, b"127.0.0.1", b"", b"CURVE", b"KEY", b"KEY"],
    ],
)
def test_every_question_that_is_not_about_a_key_on_the_list_is_answered_by_a_refusal(
    tmp_path: Path, request_: list[bytes]
) -> None:
    keys = listening_keys(acquainted(tmp_path)[0])
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    bound = context.socket(zmq.ROUTER)
    admission = Admission(context, bound, keys, Refusals("test"))
    (known,) = admission._names
    asked = [known if part == b"KEY" else part for part in request_]
    assert admission._reply(asked)[2] == b"400"
    good = [b"1.0", b"1", DOMAIN, b"127.0.0.1", b"", b"CURVE", known]
    assert admission._reply(good) == [b"1.0", b"1", b"200", b"OK", b"daemon", b""]
    admission.close()
    bound.close()
    context.destroy(linger=0)


def test_hostile_messages_of_who_was_let_in_are_refused_and_it_is_served_on(rig: Rig) -> None:
    daemon = rig.dealer(rig.daemon)
    rig.served(daemon)
    made_up = Hostile(frames_of(CODEC, examples.RIG), np.random.default_rng(5))
    # Of these some can be read, and begin a conversation; noise cannot.
    for _ in range(300):
        daemon.send_multipart([b"x", *made_up.message()])
    for _ in range(PATIENCE):
        assert rig.listener.receive(0.02) is None
        if rig.listener.refusals.total == 300:
            break
    daemon.send_multipart(CODEC.encode(m.Ping(token=8)))
    rig.served(daemon)
    assert rig.listener.refusals.total == 300


def test_bytes_that_are_no_handshake_and_frames_that_are_too_long_harm_nobody(rig: Rig) -> None:
    host, port = rig.listener.endpoint.removeprefix("tcp://").split(":")
    greeting = b"\xff" + bytes(8) + b"\x7f\x03\x00CURVE" + bytes(15 + 32)
    for data in (
        b"GET / HTTP/1.1\r\n\r\n",
        greeting[:20],
        greeting + b"\x04\xc8\x05HELLO" + bytes(194),
        greeting + b"\x04\x1c\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER",
        greeting + b"\x02" + (MAX_ARRAY_BYTES + 1).to_bytes(8, "big") + bytes(999),
        greeting + b"\x02" + (2**63).to_bytes(8, "big") + bytes(999),
    ):
        with socket.create_connection((host, int(port))) as raw:
            raw.sendall(data)
    rig.refused(Reason.HANDSHAKE)
    rig.served(rig.dealer(rig.daemon))


def test_a_frame_beyond_the_limit_of_who_was_let_in_is_not_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rig_adapters.listener.MAX_ARRAY_BYTES", 10_000)
    mine, theirs = acquainted(tmp_path)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    with Listener("tcp://127.0.0.1:*", RIG, 60.0, listening_keys(mine)) as listener:
        rig = Rig(listener, tmp_path, connecting_keys(theirs), context, [])
        daemon = rig.dealer(rig.daemon)
        rig.served(daemon)
        daemon.send_multipart([b"noise", bytes(9_000)])
        while not listener.refusals.total:
            assert listener.receive(0.02) is None
        daemon.send_multipart([b"noise", bytes(10_001)])
        rig.served(rig.dealer(rig.daemon))
        assert listener.refusals.counts == {Reason.FOREIGN: 1}
        context.destroy(linger=0)
