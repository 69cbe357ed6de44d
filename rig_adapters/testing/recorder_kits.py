"""Each adapter of a recording system with its emulator, for campaigns and benchmarks.

An adapter joins by a line in `KITS`.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Addresses = Mapping[str, Any]
"""What an emulator prints when it is ready."""


@dataclass(frozen=True)
class Kit:
    """What it takes to run an adapter against its emulator.

    vendor: the emulator's table for all purposes, `crowd` what is added to it for 384 channels with
    10 continuous ones. mischief: what its vendor's protocol can do wrong. completes_after: how many
    blocks after the one in which a window ends must have begun, until its spikes are known to be
    complete; by the vendor's protocol, so no adapter can be quicker.
    """

    module: str
    emulator: str
    settings: Callable[[Addresses], dict[str, Any]]
    vendor: Mapping[str, Any]
    crowd: Mapping[str, Any]
    mischief: Mapping[str, Any]
    completes_after: int
    steady: Mapping[str, Any] = field(default_factory=dict)


def open_ephys_settings(addresses: Addresses) -> dict[str, Any]:
    """Return settings for all units of an emulated Open Ephys."""
    return {
        "host": addresses["host"],
        "data_port": addresses["data_port"],
        "stream": addresses["stream"],
        "spikes": [
            {
                "electrode": "Electrode {channel}",
                "channels": addresses["channels"],
                "sorted_ids": addresses["sorted_ids"],
            }
        ],
        "sync": {"kind": "ttl", "line": 1, "edges": "rising"},
    }


def lsl_settings(addresses: Addresses) -> dict[str, Any]:
    """Return settings for the stream of an emulated sender."""
    return {
        "spikes": {"kind": "events", "name": addresses["name"]},
        "sync": {"kind": "ttl", "line": addresses["line"], "edges": "rising"},
    }


def intan_settings(addresses: Addresses) -> dict[str, Any]:
    """Return settings for all units of an emulated RHX, which the adapter starts."""
    return {
        "host": addresses["host"],
        **{name: port for name, port in addresses.items() if name.endswith("_port")},
        "channels": [
            {"name": name, "channel": 128 * "ABCDEFGH".index(name[0]) + int(name[2:]), "units": [1]}
            for name in addresses["channels"]
        ],
        "run": "run",
        "sync": {"kind": "ttl", "line": 1, "edges": "rising"},
        "patience_s": 1.0,
    }


def spikeglx_settings(addresses: Addresses) -> dict[str, Any]:
    """Return settings for all units of an emulated SpikeGLX, which somebody else runs."""
    return {
        "host": addresses["host"],
        "port": addresses["port"],
        "stream": addresses["stream"],
        "filtered": False,
        "detect": [{"channels": addresses["channels"], "threshold_uv": -80.0}],
        "sync": {"kind": "ttl", "line": 7, "edges": "rising"},
        "run": "operator",
    }


def blackrock_settings(addresses: Addresses) -> dict[str, Any]:
    """Return settings for all units of an emulated instrument."""
    return {
        **{name: addresses[name] for name in ("host", "port", "listen", "digital_channel")},
        "electrodes": [{"channels": addresses["channels"], "units": addresses["units"]}],
        "sync": {"kind": "ttl", "line": 1, "edges": "rising"},
    }


KITS: Mapping[str, Kit] = {
    "lsl": Kit(
        module="rig_adapters.lsl",
        emulator="lsl",
        settings=lsl_settings,
        # Several may run on one machine, and a stream is known by its name.
        vendor={"name": f"kit-{os.getpid()}"},
        crowd={},
        mischief={"drop": 0.005, "repeat": 0.02, "reorder": 0.005, "half": 0.003},
        # The heartbeat at the end of a block says that it is complete.
        completes_after=0,
    ),
    "open-ephys": Kit(
        module="rig_adapters.open_ephys",
        emulator="open-ephys",
        settings=open_ephys_settings,
        vendor={"late": 0.2},
        crowd={"continuous": 10},
        mischief={"drop": 0.01, "repeat": 0.02, "reorder": 0.02, "half": 0.003},
        completes_after=1,
    ),
    "intan": Kit(
        module="rig_adapters.intan",
        emulator="intan",
        settings=intan_settings,
        vendor={},
        # It asks for the spikes of all channels, and for the waveforms of none.
        crowd={},
        mischief={"drop": 0.003, "repeat": 0.003, "half": 0.003},
        # Spikes of a write are certainly there with the waveforms of the next.
        completes_after=1,
    ),
    "spikeglx": Kit(
        module="rig_adapters.spikeglx",
        emulator="spikeglx",
        settings=spikeglx_settings,
        # Faster than time, what is kept is over sooner.
        vendor={"buffer_s": 100.0, "block_samples": 600, "too_late": 0.001},
        crowd={"too_late": 0.0},
        mischief={"drop": 0.005, "half": 0.01},
        # What is in the stream's buffer is whole.
        completes_after=0,
    ),
    "blackrock": Kit(
        module="rig_adapters.blackrock",
        emulator="blackrock",
        settings=blackrock_settings,
        vendor={"clock": "ns", "epoch_s": 1.75e9, "datagram_bytes": 600},
        crowd={"front_end": 384, "continuous": 10, "datagram_bytes": 1400},
        mischief={"drop": 0.003, "repeat": 0.02, "reorder": 0.003, "half": 0.001},
        # A heartbeat says that it is over, and two monitor packets that all of it has come.
        completes_after=3,
    ),
}
