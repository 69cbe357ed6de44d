"""What can go wrong between the daemon and the processes at the rig.

RigError
├── ProtocolError            a message that the conversation does not allow
│   ├── LocalProtocolError   this side was about to send it: a bug here
│   └── RemoteProtocolError  the other side sent it, or sent something that is no message
├── RigTimeout               the other side is there but did not answer in time
├── PeerLost                 the other side ended or fell silent
├── PeerFaulted              the other side reported that it cannot go on
├── EndpointRefused          (in `endpoints`) an address that must not be used like this
├── KeysRefused              (in `keys`) a folder of keys that is incomplete or not safe
├── WrongImage               the display showed other pixels than it was sent
└── DisplayError             the screen cannot be opened, or does not do what was asked

Whose fault it is stands in the type; what happened and what to do, in the message. A message that
is refused has a `Reason`, by which refusals are counted.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why a message that came in, or a connection, was refused."""

    FOREIGN = "foreign"
    """It is of another program, or of another version of the protocol."""
    OVERSIZE = "oversize"
    """More frames or bytes than any message has."""
    HEADER = "header"
    """Its header cannot be read."""
    UNKNOWN_TYPE = "unknown type"
    """No message of this conversation has that name."""
    ARRAY = "array"
    """An array is not of the type, shape or size that it should be."""
    BODY = "body"
    """A field is missing, is one too many, or holds what it must not hold."""
    NOT_NOW = "not now"
    """The conversation does not allow it in this state."""
    STRANGER = "stranger"
    """It came from somebody else than the daemon that is being served."""
    UNKNOWN_KEY = "unknown key"
    """A connection: its key is not on the list."""
    HANDSHAKE = "handshake"
    """A connection: it has no key, takes this socket for another, or broke off while it opened."""

    @property
    def concerns_connection(self) -> bool:
        """Whether a connection was refused, before any message."""
        return self in (Reason.UNKNOWN_KEY, Reason.HANDSHAKE)


class RigError(Exception):
    """Base of every error of this package."""


class ProtocolError(RigError):
    """A message that the conversation does not allow."""


class LocalProtocolError(ProtocolError):
    """A message that must not be sent now was about to be sent by this side."""


class RemoteProtocolError(ProtocolError):
    """A message came that must not come now, or that cannot be read; `reason` says which."""

    def __init__(self, what: str, reason: Reason = Reason.BODY) -> None:
        super().__init__(what)
        self.reason = reason


class RigTimeout(RigError):
    """The other side is alive, but an answer did not come in time."""


class PeerLost(RigError):
    """The other side's process ended, or nothing was heard from it for too long."""


class PeerFaulted(RigError):
    """The other side reported a fault and stopped working."""


class WrongImage(RigError):
    """The display reported that it showed other pixels than it was sent for an image."""


class DisplayError(RigError):
    """The display cannot do what was asked of it."""


class BehaviourError(RigError):
    """The animal cannot be watched, or not rewarded."""
