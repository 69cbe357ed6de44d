"""Which addresses only programs on this machine can reach, and the refusal of all others.

    ipc:///path            this machine, and there whoever may enter the folder
    tcp://127.…:PORT       this machine; also tcp://[::1]:PORT and tcp://localhost:PORT
    any other tcp address  other machines too: needs keys
    anything else          refused

No name is ever looked up: what it means could change before the socket is bound. `localhost`
becomes its number, and every other name counts as reachable from elsewhere. Who has which key is
left to `keys`.
"""

import ipaddress
import re

from rig_adapters.errors import RigError

_TCP = re.compile(r"tcp://(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9*][A-Za-z0-9._-]*)):([0-9]{1,5}|\*)")
_LOOPBACK_6 = ipaddress.IPv6Address("::1")


class EndpointRefused(RigError):
    """An address that is no address, or that must not be used without keys."""


def local(endpoint: str) -> str | None:
    """Return `endpoint` as it is safe to use without keys; None where others could reach it."""
    if endpoint.startswith("inproc://"):
        return endpoint
    # A path with @ is no file but a name that every user of the machine can connect to.
    if re.fullmatch(r"ipc://[^@*].*", endpoint):
        return endpoint
    found = _TCP.fullmatch(endpoint)
    if found is None:
        return None
    six, host, port = found.groups()
    if host == "localhost":
        return f"tcp://127.0.0.1:{port}"
    return endpoint if _is_loopback(six or host) else None


def to_listen_at(endpoint: str, *, has_keys: bool) -> str:
    """Return what to bind for `endpoint`; EndpointRefused where strangers could connect to it."""
    safe = local(endpoint)
    if safe is not None:
        return safe
    if _TCP.fullmatch(endpoint) is None:
        raise EndpointRefused(
            f"{endpoint} is no address to listen at: give tcp://HOST:PORT or ipc:///PATH"
        )
    if not has_keys:
        raise EndpointRefused(
            f"{endpoint} can be reached from other machines, so it needs keys: make them with "
            "neuroloop keys new and name their folder with --keys, or listen at "
            "tcp://127.0.0.1:PORT"
        )
    return endpoint


def to_connect_to(endpoint: str, *, has_keys: bool) -> str:
    """Return what to connect to for `endpoint`; EndpointRefused where that needs keys."""
    safe = local(endpoint)
    if safe is None and not has_keys:
        raise EndpointRefused(f"{endpoint} is on another machine, which needs keys")
    return safe or endpoint


def is_tcp(endpoint: str) -> bool:
    """Whether `endpoint` is the complete address of a program that can be connected to."""
    found = _TCP.fullmatch(endpoint)
    return found is not None and found[3] != "*" and found[2] != "*"


def _is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        # A name, or a number in a spelling that not everybody reads in the same way.
        return False
    # Of IPv6 this one only: whether 127.0.0.1 in its clothes counts differs between versions.
    return address.is_loopback if address.version == 4 else address == _LOOPBACK_6
