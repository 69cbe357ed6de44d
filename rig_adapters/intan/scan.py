"""Looks for an RHX that waits for a connection on this machine, without taking that from it."""

from collections.abc import Iterator

from rig_adapters.scanning import Answer, listening_ports

COMMAND_PORT = 5000
_NAMES = ("intan", "rhx")


def look(name: str) -> Iterator[Answer]:
    """Yield each port at which RHX listens; one that is connected already cannot be seen."""
    for port, program in sorted(listening_ports().items()):
        if any(each in program.lower() for each in _NAMES):
            what = "for commands" if port == COMMAND_PORT else "at a port of its own choice"
            yield Answer(name, f"127.0.0.1:{port}", f"{program} waits {what}")
