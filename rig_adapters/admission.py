"""Who may connect to a listening socket that has keys: those on its list, and nobody else.

The socket is encrypted (CURVE), and ZeroMQ asks for each connection whether its key is welcome
(ZAP, https://rfc.zeromq.org/spec/27). The answer is given here, in the thread that owns the socket
and whenever it looks for messages: a frame loop has no other thread that could take its time. While
nobody answers, nobody comes in. Which keys there are is left to `keys`.
"""

import logging

import zmq
from zmq.utils import z85

from rig_adapters.errors import Reason, RemoteProtocolError
from rig_adapters.handshakes import BROKEN_OFF, MISMATCH, Handshakes
from rig_adapters.keys import Keys
from rig_adapters.refusals import Refusals

logger = logging.getLogger(__name__)

DOMAIN = b"neuroloop"
MOST_AT_ONCE = 16
"""Connections that are judged in one look: a flood of them costs a frame loop little."""
_ZAP_ENDPOINT = "inproc://zeromq.zap.01"
_ZAP_VERSION = b"1.0"
_HANDSHAKE = RemoteProtocolError(
    "its handshake failed: it has no keys, or a wrong one of this machine, or broke off",
    Reason.HANDSHAKE,
)


class Admission:
    """Puts `socket`, which is not bound yet, under `keys`. It needs a context of its own."""

    def __init__(
        self,
        context: "zmq.Context[zmq.Socket[bytes]]",
        socket: "zmq.Socket[bytes]",
        keys: Keys,
        refusals: Refusals,
    ) -> None:
        self._names = {z85.decode(key): name for name, key in keys.allowed.items()}
        self._refusals = refusals
        self._last = ""
        self._requests: zmq.Socket[bytes] = context.socket(zmq.REP)
        self._requests.setsockopt(zmq.LINGER, 0)
        self._requests.bind(_ZAP_ENDPOINT)
        socket.curve_server = True
        socket.curve_publickey = keys.public
        socket.curve_secretkey = keys.secret
        socket.zap_domain = DOMAIN
        # Without it, a socket that nobody answers for lets everybody in.
        socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)
        self._failures = Handshakes(socket, MISMATCH | BROKEN_OFF)

    @property
    def sockets(self) -> tuple["zmq.Socket[bytes]", ...]:
        """What to poll beside the socket itself."""
        return self._requests, self._failures.socket

    def attend(self) -> None:
        """Judge the connections that wait, and count those that failed; never waits."""
        for _ in range(MOST_AT_ONCE):
            if not self._requests.poll(0):
                break
            self._requests.send_multipart(self._reply(self._requests.recv_multipart()))
        for _ in self._failures.take(MOST_AT_ONCE):
            self._refusals.add(_HANDSHAKE)

    def close(self) -> None:
        """Admit nobody any more."""
        self._failures.close()
        if not self._requests.closed:
            # Closing happens some time later, and who asks until then waits for an answer in vain.
            self._requests.unbind(_ZAP_ENDPOINT)
        self._requests.close()

    def _reply(self, request: list[bytes]) -> list[bytes]:
        """Return the answer to one question of ZeroMQ: who was recognised, or a refusal."""
        version, request_id = request[:2]
        name = self._name(request)
        if name is None:
            address = request[3].decode("ascii", "replace") if len(request) > 3 else "?"
            what = f"its key, from {address}, is not on the list of those that may connect"
            self._refusals.add(RemoteProtocolError(what, Reason.UNKNOWN_KEY))
            return [version, request_id, b"400", b"unknown key", b"", b""]
        return [version, request_id, b"200", b"OK", name.encode(), b""]

    def _name(self, request: list[bytes]) -> str | None:
        match request:
            case [version, _, domain, address, _, b"CURVE", key]:
                if version != _ZAP_VERSION or domain != DOMAIN:
                    return None
                name = self._names.get(key)
                who = f"{name} from {address.decode('ascii', 'replace')}"
                if name is not None and who != self._last:
                    logger.info("admitted %s", who)
                    self._last = who
                return name
        return None
