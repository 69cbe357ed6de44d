"""What an emulated RHX answers to the text that has come in one piece.

Answers have no end and no number; what succeeds is answered by nothing. Whatever stands behind
`set runmode run` in the same piece waits until RHX stops. Left out: everything that an adapter does
not ask for.
"""

from collections.abc import Mapping

from rig_adapters.emulators.intan.ports import OneClientPort
from rig_adapters.emulators.intan.state import Mode, State

_UNKNOWN = "Unrecognized parameter"
_OUTPUT = "tcpdataoutputenabled"
_THRESHOLD = "spikethresholdmicrovolts"
_RUNS: Mapping[str, Mode] = {"run": "Run", "record": "Record", "trigger": "Trigger"}


class Commands:
    """Obeys, and answers."""

    def __init__(self, state: State, ports: Mapping[str, OneClientPort]) -> None:
        """`ports` are the data ports, "waveform" and "spike"."""
        self._state = state
        self._ports = ports
        self._postponed: list[str] = []

    def answer(self, text: str) -> str:
        """Return all that is answered to this piece of text."""
        return self._all(text.split(";"))

    def _all(self, commands: list[str]) -> str:
        said = ""
        commands = [each for each in commands if each.strip()]
        for n, command in enumerate(commands):
            ran = self._state.mode != "Stop"
            said += self._one(n + 1, command)
            runs = self._state.mode != "Stop"
            if runs and not ran:
                # Here RHX is busy with running, and comes back to the rest afterwards.
                self._postponed = commands[n + 1 :]
                return said
            if ran and not runs:
                postponed, self._postponed = self._postponed, []
                return said + self._all(commands[n + 1 :]) + self._all(postponed)
        return said

    def _one(self, number: int, command: str) -> str:
        words = command.split()
        verb = words[0].lower()
        if verb == "set":
            if len(words) >= 3 and words[1].lower().startswith("filename."):
                return self._set(words[1].lower(), " ".join(words[2:]))
            if len(words) == 3:
                return self._set(words[1].lower(), words[2].lower())
            return f"Error - Command {number}: Set commands require a parameter and a value"
        if verb == "get":
            if len(words) == 2:
                return self._get(words[1].lower())
            return f"Error - Command {number}: Get commands require a parameter"
        if verb == "execute" and len(words) == 2:
            return self._execute(words[1].lower())
        if verb == "livenotes":
            if self._state.mode != "Record":
                return "LiveNotes cannot be added unless the board is recording"
            self._state.notes.append(command.strip()[10:].lower())
            return ""
        return f"Error - Command {number}: Unrecognized command"

    def _get(self, parameter: str) -> str:
        state = self._state
        if parameter in ("currenttimestamp", "currenttimeseconds"):
            return f"Return: {self._time(parameter)}"
        channel, _, item = parameter.partition(".")
        if channel == "filename" and item in state.filename:
            return f"Return: Filename.{item} {state.filename[item]}"
        channel = channel.upper()
        if item.startswith(_OUTPUT) and item[len(_OUTPUT) :] in state.bands_of(channel):
            enabled = (channel, item[len(_OUTPUT) :]) in state.enabled
            return f"Return: TCPDataOutputEnabled{item[len(_OUTPUT) :].title()} {enabled}"
        if item == _THRESHOLD and channel in state.amplifiers:
            return f"Return: SpikeThresholdMicroVolts {state.thresholds.get(channel, -70)}"
        values = {
            "runmode": ("RunMode", state.mode),
            "version": ("Version", state.table.version),
            "type": ("Type", state.table.controller),
            "sampleratehertz": ("SampleRateHertz", f"{state.sample_rate_hz:g}"),
            "uploadinprogress": ("UploadInProgress", str(state.uploading)),
            "tcpnumberdatablocksperwrite": ("TCPNumberDataBlocksPerWrite", state.blocks_per_write),
            **self._statuses(),
        }
        if parameter not in values:
            return _UNKNOWN
        return "Return: {} {}".format(*values[parameter])

    def _statuses(self) -> dict[str, tuple[str, str]]:
        if self._is_new:
            return {
                f"tcp{name}datasocket.status": (f"TCP{name.title()}DataSocket.Status", port.status)
                for name, port in self._ports.items()
            }
        return {
            f"tcp{name}dataoutputconnectionstatus": (
                f"TCP{name.title()}DataOutputConnectionStatus",
                port.status,
            )
            for name, port in self._ports.items()
        }

    def _set(self, parameter: str, value: str) -> str:
        state = self._state
        if parameter == "runmode":
            return self._set_run_mode(value)
        channel, _, item = parameter.partition(".")
        if channel == "filename" and item in state.filename:
            if state.mode != "Stop":
                return "Filename cannot be set while controller is running."
            state.filename[item] = value
            return ""
        if parameter == "tcpnumberdatablocksperwrite":
            return self._set_blocks_per_write(value)
        if self._is_new and item == "status" and value == "pending":
            for name, port in self._ports.items():
                if channel == f"tcp{name}datasocket":
                    port.listen()
                    return ""
        channel = channel.upper()
        if item == _THRESHOLD and channel in state.amplifiers:
            if not -5000 <= int(value) <= 5000:
                return (
                    "Invalid value for SpikeThresholdMicroVolts command. Acceptable: -5000 to 5000"
                )
            state.thresholds[channel] = int(value)
            return ""
        if item.startswith(_OUTPUT) and item[len(_OUTPUT) :] in state.bands_of(channel):
            if value not in ("true", "false"):
                return "Invalid value for TCPDataOutputEnabled command. Acceptable: True, False"
            change = state.enabled.add if value == "true" else state.enabled.discard
            change((channel, item[len(_OUTPUT) :]))
            return ""
        return _UNKNOWN

    def _set_blocks_per_write(self, value: str) -> str:
        if self._state.mode != "Stop":
            return "TCPNumberDataBlocksPerWrite cannot be set while controller is running."
        if not value.isdecimal() or not 1 <= int(value) <= 100:
            return "Invalid value for TCPNumberDataBlocksPerWrite command. Acceptable: 1 to 100"
        self._state.blocks_per_write = int(value)
        return ""

    def _set_run_mode(self, value: str) -> str:
        state = self._state
        if state.uploading:
            return ""
        if value == "stop":
            if state.mode == "Stop":
                return "Board must be running in order to stop"
            state.mode = "Stop"
            return ""
        if value not in _RUNS:
            return "Invalid value for SetRunMode command"
        if state.mode != "Stop":
            return f"Board must be stopped in order to start {value}ning"
        if value != "run" and not all(state.filename.values()):
            return (
                "Filename.BaseFilename and Filename.Path must both be specified before recording "
                "can occur"
            )
        state.mode = _RUNS[value]
        return ""

    def _execute(self, action: str) -> str:
        if action == "clearalldataoutputs":
            self._state.enabled.clear()
            return ""
        for name, port in self._ports.items():
            if action == f"connecttcp{name}dataoutput" and not self._is_new:
                port.listen()
                return ""
            if action == f"disconnecttcp{name}dataoutput" and not self._is_new:
                port.disconnect()
                return ""
        return "Unrecognized action"

    def _time(self, parameter: str) -> str:
        state = self._state
        if state.mode == "Stop":
            return "-1"
        if parameter == "currenttimestamp":
            # With a sign, although its streams count without one.
            return str(state.timestamp - (state.timestamp >= 2**31) * 2**32)
        return f"{state.timestamp / state.sample_rate_hz:g}"

    @property
    def _is_new(self) -> bool:
        return not self._state.table.version.startswith("3.4")
