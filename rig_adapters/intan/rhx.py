"""What is asked of RHX: which outputs it sends, that it listens for data, that it runs.

All of it may take a second. The discipline of the command connection is `commands`'; what is sent
is left to `source`.
"""

import re
import time
from dataclasses import dataclass
from typing import Literal

from rig_adapters.acquisition.source import RecorderError
from rig_adapters.acquisition.sync import SyncSettings
from rig_adapters.intan.commands import CommandConnection
from rig_adapters.intan.onsets import USB2
from rig_adapters.intan.settings import IntanSettings

RELEASE_S = 1.0
"""How long RHX may take to notice that a data connection has been closed."""
UPLOAD_S = 1.5
"""How long it may go on uploading settings to its chips; it does not run meanwhile."""
FIRST_BLOCK_S = 1.0
"""How long it may take until samples come after it was started."""
_POLL_S = 0.02
_STOPPED = -1

Port = Literal["waveform", "spike"]


@dataclass(frozen=True)
class About:
    """What RHX says of itself."""

    version: str
    controller: str
    sample_rate_hz: float
    blocks_per_write: int


class Rhx:
    """RHX, behind its command connection."""

    def __init__(self, settings: IntanSettings, commands: CommandConnection) -> None:
        """Switch on what is to be sent, and nothing else; see `About`.

        Raises RecorderError where RHX refuses.
        """
        self._settings = settings
        self._commands = commands
        version = commands.get("version")
        self._has_named_sockets = _is_at_least(version, 3, 5)
        controller = commands.get("type")
        self._switch_on(controller)
        if commands.run_mode == "Stop":
            commands.set("tcpnumberdatablocksperwrite", settings.blocks_per_write)
        self.about = About(
            version=version,
            controller=controller,
            sample_rate_hz=float(commands.get("sampleratehertz")),
            blocks_per_write=int(commands.get("tcpnumberdatablocksperwrite")),
        )

    @property
    def is_running(self) -> bool:
        """Whether it was when it answered last."""
        return self._commands.run_mode != "Stop"

    def listen(self, port: Port) -> None:
        """Have it listen for a data connection. Raises RecorderError where somebody has it."""
        deadline_s = time.monotonic() + RELEASE_S
        while (status := self._status(port)) == "connected":
            if time.monotonic() > deadline_s:
                raise RecorderError(
                    f"RHX's {port} port is connected to another program: end that, or press "
                    "Disconnect on the Data Output tab of Network → Remote TCP Control"
                )
            time.sleep(_POLL_S)
        if status != "pending":
            if self._has_named_sockets:
                self._commands.do(f"set tcp{port}datasocket.status pending")
            else:
                self._commands.do(f"execute connecttcp{port}dataoutput")
            self._await_status(port, "pending")

    def await_connected(self, port: Port) -> None:
        """See that it has noticed the connection, and so sends from now on."""
        self._await_status(port, "connected")

    def next_timestamp(self) -> int:
        """Return the timestamp behind the newest that it has; 0 while it is stopped.

        Nothing of it or after it has been sent yet.
        """
        before = newest = self._timestamp()
        deadline_s = time.monotonic() + FIRST_BLOCK_S
        # One that has only just been started still says where the last run ended.
        while newest == before != _STOPPED and time.monotonic() < deadline_s:
            time.sleep(_POLL_S)
            newest = self._timestamp()
        # Beyond 19.9 h it is negative: it counts in 32 bits with a sign.
        return (newest + 1) % (1 << 32)

    def run(self) -> None:
        """Start it, where the settings say so. Raises RecorderError where it does not start."""
        wanted, mode = self._settings.run, self._commands.run_mode
        if wanted == "record" and mode in ("Run", "Trigger"):
            raise RecorderError(
                f"RHX is in its mode {mode} already and writes no file: press Stop there, since "
                'with run = "record" the adapter starts the recording'
            )
        if wanted == "operator" or mode != "Stop":
            return
        if wanted == "record" and self._settings.file is not None:
            self._commands.set("filename.path", self._settings.file.folder)
            self._commands.set("filename.basefilename", self._settings.file.name)
        deadline_s = time.monotonic() + UPLOAD_S
        while self._commands.get("uploadinprogress").casefold() == "true":
            if time.monotonic() > deadline_s:
                raise RecorderError("RHX is uploading settings to its chips: wait, and start again")
            time.sleep(_POLL_S)
        self._commands.start(wanted)

    def stop(self) -> None:
        """Stop it, where it does what this adapter has started."""
        self._commands.ask()
        if self._commands.run_mode.casefold() == self._settings.run:
            self._commands.do("set runmode stop")

    def _switch_on(self, controller: str) -> None:
        commands = self._commands
        commands.do("execute clearalldataoutputs")
        for channel in self._settings.channels:
            commands.set(f"{channel.name.lower()}.tcpdataoutputenabledspike", "true")
            if channel.threshold_uv is not None:
                name = f"{channel.name.lower()}.spikethresholdmicrovolts"
                commands.set(name, channel.threshold_uv)
        sync = sync_channel(self._settings.sync, controller)
        if sync is not None:
            commands.set(f"{sync.lower()}.tcpdataoutputenabled", "true")

    def _timestamp(self) -> int:
        return int(self._commands.get("currenttimestamp"))

    def _status(self, port: Port) -> str:
        name = f"tcp{port}datasocket.status"
        if not self._has_named_sockets:
            name = f"tcp{port}dataoutputconnectionstatus"
        return self._commands.get(name).casefold()

    def _await_status(self, port: Port, wanted: str) -> None:
        deadline_s = time.monotonic() + RELEASE_S
        while (status := self._status(port)) != wanted:
            if time.monotonic() > deadline_s:
                raise RecorderError(
                    f"RHX's {port} port is {status} instead of {wanted}: press Connect for it on "
                    "the Data Output tab of Network → Remote TCP Control"
                )
            time.sleep(_POLL_S)


def sync_channel(sync: SyncSettings, controller: str) -> str | None:
    """Return the native name of what marks onsets; None where nothing does."""
    if sync.kind == "ttl":
        # The oldest controller counts its lines from 0.
        return f"DIGITAL-IN-{sync.line - (controller == USB2):02d}"
    return sync.channel if sync.kind == "photodiode" else None


def _is_at_least(version: str, *least: int) -> bool:
    numbers = tuple(int(part) for part in re.findall(r"\d+", version))
    return numbers[: len(least)] >= least
