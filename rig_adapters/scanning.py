"""What answers on this machine: one line for each recording system that a look could find.

A look disturbs nothing: it neither starts nor stops anything, and takes no connection of which a
system has only one. What each system can be asked is its own adapter's business.
"""

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import psutil

from rig_adapters.errors import RigError
from rig_adapters.registry import adapters

Look = Callable[[str], Iterator["Answer"]]
"""What looks for one kind of system; it is told the name of its adapter."""


@dataclass(frozen=True)
class Answer:
    """A recording system that is there.

    where: its address. tells: what it says of itself, such as channels and rates, in a few words.
    """

    adapter: str
    where: str
    tells: str


@dataclass(frozen=True)
class Looked:
    """What came of looking for one kind of recording system; `failed` is why it could not be."""

    adapter: str
    records: str
    answers: tuple[Answer, ...]
    failed: str = ""


def scan() -> Iterator[Looked]:
    """Look for every kind of recording system that can be looked for, one after the other."""
    for name, adapter in sorted(adapters().items()):
        if adapter.scan is None:
            continue
        look = _load(adapter.scan)
        try:
            yield Looked(name, adapter.records, tuple(look(name)))
        except (RigError, OSError) as error:
            yield Looked(name, adapter.records, (), str(error))


def listening_ports() -> Mapping[int, str]:
    """Return the TCP ports at which programs of this machine listen, with their names.

    The name is empty where the system does not say whose the port is.
    """
    found: dict[int, str] = {}
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr:
            found[connection.laddr.port] = _name(connection.pid)
    return found


def _name(pid: int | None) -> str:
    try:
        return "" if pid is None else psutil.Process(pid).name()
    except psutil.Error:
        return ""


def _load(place: str) -> Look:
    module, _, name = place.partition(":")
    look: Look = getattr(importlib.import_module(module), name)
    return look
