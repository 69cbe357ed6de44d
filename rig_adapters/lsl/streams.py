"""The only file of the adapter that imports pylsl: finds streams, and pulls their samples.

liblsl answers in threads of its own, so nothing here waits once a stream is open. A stream that is
lost is never taken up again in silence (`recover=False`): what was sent meanwhile would be missing
without a trace.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pylsl

from rig_adapters.acquisition.source import RecorderError, RecorderRestarted
from rig_adapters.lsl.described import Described
from rig_adapters.lsl.settings import StreamSettings

FIND_HERE_S = 0.5
FIND_IN_LAB_S = 2.0
"""All that answers within this is looked at, so that two of one name are seen to be two."""
OPEN_S = 1.5
"""For each of two steps; meanwhile nobody answers the daemon, who is patient for 3 s."""
ANSWER_S = 2.0
BUFFERED_S = 10
"""Older samples are dropped by liblsl, and the counter shows it."""
BUFFERED_SAMPLES = 60_000
AT_ONCE = 4096
MOST_LISTED = 5
_MOST_ELEMENTS = 100_000

_ONLY_HERE = """
[ports]
IPv6 = disable
[multicast]
ResolveScope = machine
ListenAddress = 127.0.0.1
[lab]
KnownPeers = {127.0.0.1}
[tuning]
MulticastMinRTT = 0.1
UnicastMinRTT = 0.1
TimeProbeInterval = 0.01
[log]
level = -1
"""
"""On one machine nothing takes long, so little is waited for."""
_confined: list[bool] = []
"""Whether liblsl, which reads its configuration once in a process, was confined."""


class Network:
    """Finds streams: on this machine only, or wherever the lab's lsl_api.cfg says."""

    def __init__(self, this_machine: bool) -> None:
        if _confined and _confined[0] != this_machine:
            raise RecorderError(
                "this adapter has served a session with another rig.settings.network, which "
                "liblsl reads only once: start the adapter anew"
            )
        self._find_s = FIND_HERE_S if this_machine else FIND_IN_LAB_S
        if not _confined:
            _confined.append(this_machine)
            if this_machine:
                pylsl.set_config_content(_ONLY_HERE)

    def find(self, wanted: Sequence[StreamSettings]) -> tuple["Found", ...]:
        """Return each of the streams. Raises RecorderError where one is none, or several."""
        query = " or ".join(f"({_predicate(each)})" for each in wanted)
        found = pylsl.resolve_bypred(query, minimum=1000, timeout=self._find_s)
        return tuple(Found(_only(each, found)) for each in wanted)

    def everything(self) -> Iterator[tuple[str, str]]:
        """Yield the name of each stream that answers, and what it is in a few words."""
        for each in sorted(pylsl.resolve_streams(self._find_s), key=lambda found: found.name()):
            rate = f"at {each.nominal_srate():g} Hz" if each.nominal_srate() else "as they happen"
            yield (
                each.name(),
                f"type {each.type()!r}, source_id {each.source_id()!r}: "
                f"{each.channel_count()} columns {rate}",
            )

    def announce(self, name: str) -> "Markers":
        """Return a stream of our own, as whose program this process is known."""
        return Markers(name)


def versions() -> dict[str, str]:
    """Return what is installed."""
    number = pylsl.library_version()
    return {"pylsl": pylsl.__version__, "liblsl": f"{number // 100}.{number % 100}"}


class Found:
    """A stream that answers; described, and not yet received."""

    def __init__(self, found: pylsl.StreamInfo) -> None:
        self._found = found
        self.described = self._describe()

    def open(self) -> "Inlet":
        """Begin to receive what is sent from now on."""
        return Inlet(self._connected(), str(self.described))

    def _connected(self) -> pylsl.StreamInlet:
        buffered = BUFFERED_S if self._found.nominal_srate() else BUFFERED_SAMPLES // 100
        return pylsl.StreamInlet(self._found, max_buflen=buffered, recover=False, as_numpy=True)

    def _describe(self) -> Described:
        name, host = self._found.name(), self._found.hostname()
        try:
            info = self._connected().info(ANSWER_S)
        except (pylsl.util.TimeoutError, pylsl.util.LostError) as error:
            raise RecorderError(
                f"the LSL stream {name!r} on {host} was found, but does not describe itself: see "
                "whether it still runs, and whether a firewall closes its ports (16572 and up)"
            ) from error
        desc = info.desc()
        acquisition = desc.child("acquisition")
        channels = _children(desc.child("channels"), "channel")
        return Described(
            name=name,
            host=host,
            rate_hz=info.nominal_srate(),
            number=_number(info),
            n_columns=info.channel_count(),
            labels=tuple(each.child_value("label") for each in channels),
            format=desc.child_value("neuroloop"),
            sample_rate_hz=acquisition.child_value("sample_rate_hz"),
            heartbeat_s=acquisition.child_value("heartbeat_s"),
            units=tuple(
                (each.child_value("channel"), each.child_value("unit"), each.child_value("label"))
                for each in _children(desc.child("units"), "unit")
            ),
        )


class Inlet:
    """A stream that is being received, until nobody holds it any more: then pylsl disconnects."""

    def __init__(self, inlet: pylsl.StreamInlet, name: str) -> None:
        self._inlet = inlet
        self._name = name
        try:
            inlet.open_stream(OPEN_S)
            inlet.time_correction(OPEN_S)
        except pylsl.util.TimeoutError as error:
            raise RecorderError(
                f"{name} was found, but does not answer: see whether a firewall closes its ports "
                "(16572 and up, TCP and UDP)"
            ) from error
        except pylsl.util.LostError as error:
            raise self._lost() from error

    def pull(self) -> Iterator[tuple[npt.NDArray[np.float64], npt.NDArray[Any]]]:
        """Yield time stamps (n,) and values (n, columns) of what has come; never waits."""
        try:
            while True:
                values, times_s = self._inlet.pull_chunk(0.0, AT_ONCE)
                if len(times_s):
                    yield times_s, values
                if len(times_s) < AT_ONCE:
                    return
        except pylsl.util.LostError as error:
            raise self._lost() from error

    def host_offset_s(self) -> float:
        """Return what has to be added to a time stamp to have `time.monotonic()` of this machine.

        liblsl measures it every few seconds by itself; this only asks for the last answer.
        """
        try:
            correction_s = self._inlet.time_correction(0.0)
        except (pylsl.util.LostError, pylsl.util.TimeoutError) as error:
            raise self._lost() from error
        return float(correction_s + time.monotonic() - pylsl.local_clock())

    def _lost(self) -> RecorderRestarted:
        return RecorderRestarted(
            f"{self._name} is gone: its program ended, was started anew, or its network broke; "
            "see that it runs"
        )


class Markers:
    """A stream of our own, of texts, which a lab's recorder can write beside its data.

    It is there as long as this object.
    """

    def __init__(self, name: str) -> None:
        info = pylsl.StreamInfo(name, "Markers", 1, pylsl.IRREGULAR_RATE, "string", name)
        self._outlet = pylsl.StreamOutlet(info)

    def mark(self, text: str) -> None:
        """Send it, with the time of now; whether anybody listens or not."""
        self._outlet.push_sample([text])


def _predicate(wanted: StreamSettings) -> str:
    said = {"name": wanted.name, "type": wanted.type, "source_id": wanted.source_id}
    return " and ".join(f"{key}='{value}'" for key, value in said.items() if value)


def _only(wanted: StreamSettings, found: Sequence[pylsl.StreamInfo]) -> pylsl.StreamInfo:
    fitting = [
        each
        for each in found
        if wanted.name in ("", each.name())
        and wanted.type in ("", each.type())
        and wanted.source_id in ("", each.source_id())
    ]
    if not fitting:
        raise RecorderError(
            f"no {wanted} answers by LSL: start the program that sends it; where it runs on "
            'another machine, set rig.settings.network = "lab"'
        )
    if len(fitting) > 1:
        listed = "; ".join(
            f"{each.name()!r} on {each.hostname()}, source_id {each.source_id()!r}"
            for each in fitting[:MOST_LISTED]
        )
        raise RecorderError(
            f"{len(fitting)} streams are a {wanted}: {listed}; end all but one, or say which one "
            "by its source_id in [rig.settings]"
        )
    return fitting[0]


def _children(parent: pylsl.info.XMLElement, name: str) -> Iterator[pylsl.info.XMLElement]:
    child = parent.child(name)
    for _ in range(_MOST_ELEMENTS):
        if child.empty():
            return
        yield child
        child = child.next_sibling(name)


def _number(info: pylsl.StreamInfo) -> str:
    names = {
        pylsl.cf_float32: "float32",
        pylsl.cf_double64: "double64",
        pylsl.cf_int64: "int64",
        pylsl.cf_int32: "int32",
        pylsl.cf_int16: "int16",
        pylsl.cf_int8: "int8",
    }
    number = names.get(info.channel_format())
    if number is None:
        raise RecorderError(
            f"the LSL stream {info.name()!r} on {info.hostname()} sends texts, not numbers: name "
            "another stream in [rig.settings]"
        )
    return number
