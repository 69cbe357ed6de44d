"""Looks for instruments of Blackrock's, by listening where they usually send to.

Where another program listens already, nothing is looked for: on loopback it would miss what is
heard here.
"""

import contextlib
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from rig_adapters.blackrock.listening import bound
from rig_adapters.blackrock.wire import (
    CONFIGURATION,
    HEARTBEAT,
    LARGEST_DATAGRAM,
    MONITOR,
    parse,
)
from rig_adapters.scanning import Answer

LISTEN_S = 0.5
ADDRESSES = ("127.0.0.1", "192.168.137.255")
PORTS = (51001, 51002, 51003, 51004)


def look(adapter: str) -> Iterator[Answer]:
    """Yield every instrument that is heard."""
    with contextlib.ExitStack() as opened:
        sockets = []
        for where in ((address, port) for address in ADDRESSES for port in PORTS):
            # Taken by another program, or this machine is not on an instrument's network.
            with contextlib.suppress(OSError):
                sockets.append((where, opened.enter_context(bound(*where, shared=False))))
        time.sleep(LISTEN_S)
        for (address, port), each in sockets:
            heard: defaultdict[str, list[bytes]] = defaultdict(list)
            with contextlib.suppress(BlockingIOError):
                while True:
                    datagram, (sender, _) = each.recvfrom(LARGEST_DATAGRAM)
                    heard[sender].append(datagram)
            for sender, datagrams in sorted(heard.items()):
                if tells := _sentence(datagrams):
                    yield Answer(adapter, f"host {sender}, port {port}, listen {address}", tells)


def _sentence(datagrams: Sequence[bytes]) -> str:
    """Return what datagrams show of their sender; nothing where it is no instrument."""
    packets, unreadable = parse(datagrams)
    system = packets.channels == CONFIGURATION
    if not (system & (packets.types == HEARTBEAT)).any():
        return ""
    fired = np.unique(packets.channels[~system & (packets.channels > 0)]).tolist()
    shown = ", ".join(map(str, fired[:16])) or "none"
    monitored = bool((system & (packets.types == MONITOR)).any()) and not unreadable
    older = "" if monitored else "; no monitor packets of protocol 4.1 or later"
    return f"an instrument; channels with events: {shown}{' …' * (len(fired) > 16)}{older}"
