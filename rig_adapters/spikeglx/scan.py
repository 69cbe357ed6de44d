"""Looks for a SpikeGLX on this machine whose command server is enabled, without connecting to it.

Whenever any client of it disconnects, SpikeGLX stops filtering for all of them for a moment; that
would be a gap in a session that is running.
"""

from collections.abc import Iterator

from rig_adapters.scanning import Answer, listening_ports

PORT = 4142


def look(name: str) -> Iterator[Answer]:
    """Yield each port at which SpikeGLX listens, or at which it usually does."""
    for port, program in sorted(listening_ports().items()):
        if port == PORT or "spikeglx" in program.lower():
            who = program or "a program that this user may not see"
            yield Answer(name, f"127.0.0.1:{port}", f"{who} listens for commands")
