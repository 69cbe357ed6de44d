"""Who may say what when, between the daemon and each of its peers, as tables. No I/O in here.

Both sides keep a `Conversation` and tell it of every message that they send and receive. A message
that the table does not allow raises, and changes nothing: `LocalProtocolError` before it is sent,
`RemoteProtocolError` after it was received. Heartbeats (`Ping`, `Pong`) are allowed always, and so
is `Faulted` from a peer, after which only the shutdown is left. A peer shuts down from any state.

The stimulus process:                          The rig adapter:

    connected ─ConfigureDisplay→ configuring       connected ─ConfigureRig→ configuring
    configuring ─DisplayConfigured→ ready          configuring ─RigConfigured→ ready
    ready ─PresentBlock→ presenting                ready ─StartRecording→ starting
    presenting ─BlockPresented→ ready              starting ─RecordingStarted→ recording
    presenting ─AbortBlock→ aborting               recording ─StopRecording→ stopping
    aborting ─BlockAborted→ ready                  stopping ─RecordingStopped→ ready

The process at the folders of another program's rig, which is both in one:

    connected ─OpenFolders→ configuring            presenting ─CloseBlock→ clearing
    configuring ─RigConfigured→ ready              clearing ─BlockClosed→ ready
    ready ─WriteBlock→ presenting                  presenting, clearing ─AbortBlock→ aborting
    presenting ─ReplyArrived, ReplyLate→ presenting    aborting ─BlockAborted→ ready
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from rig_adapters.errors import LocalProtocolError, Reason, RemoteProtocolError
from rig_adapters.wire import folders as f
from rig_adapters.wire import messages as m
from rig_adapters.wire.messages import Message

Speaker = Literal["daemon", "peer"]
State = str

COMMON: Mapping[type[Message], Speaker] = {
    m.Ping: "daemon",
    m.Pong: "peer",
    m.Shutdown: "daemon",
    m.ShutDown: "peer",
    m.Faulted: "peer",
}


@dataclass(frozen=True)
class Script:
    """The table of one conversation: who says which message, and where it leads from each state."""

    peer: str
    speakers: Mapping[type[Message], Speaker]
    transitions: Mapping[State, Mapping[type[Message], State]]

    @property
    def vocabulary(self) -> tuple[type[Message], ...]:
        """Every message that occurs in the conversation."""
        return (*COMMON, *self.speakers)

    def next_state(self, state: State, message: type[Message]) -> State | None:
        """Where `message` leads from `state`, or None where it is not allowed."""
        if message in (m.Ping, m.Pong):
            return state if state != "closed" else None
        if message is m.Shutdown:
            return "closing" if state != "closed" else None
        if message is m.Faulted:
            return "faulted" if state not in ("closing", "closed") else state
        if state == "closing":
            # Reports that were on their way when the shutdown was asked for.
            if message is m.ShutDown:
                return "closed"
            return state if self.speakers.get(message) == "peer" else None
        return self.transitions.get(state, {}).get(message)


STIMULUS = Script(
    peer="stimulus process",
    speakers={
        m.ConfigureDisplay: "daemon",
        m.DisplayConfigured: "peer",
        m.LoadImages: "daemon",
        m.ImagesLoaded: "peer",
        m.PresentBlock: "daemon",
        m.Presented: "peer",
        m.TrialEnded: "peer",
        m.BlockPresented: "peer",
        m.AbortBlock: "daemon",
        m.BlockAborted: "peer",
        m.RenewLight: "daemon",
        m.LightRenewed: "peer",
    },
    transitions={
        "connected": {m.ConfigureDisplay: "configuring"},
        "configuring": {m.DisplayConfigured: "ready"},
        "ready": {
            m.LoadImages: "ready",
            m.ImagesLoaded: "ready",
            m.PresentBlock: "presenting",
            m.AbortBlock: "aborting",
            m.RenewLight: "ready",
            m.LightRenewed: "ready",
        },
        "presenting": {
            m.Presented: "presenting",
            m.TrialEnded: "presenting",
            m.BlockPresented: "ready",
            m.AbortBlock: "aborting",
        },
        # The abort may cross the end of the block on the wire.
        "aborting": {
            m.Presented: "aborting",
            m.TrialEnded: "aborting",
            m.BlockPresented: "aborting",
            m.ImagesLoaded: "aborting",
            m.BlockAborted: "ready",
        },
    },
)

RIG = Script(
    peer="rig adapter",
    speakers={
        m.ConfigureRig: "daemon",
        m.RigConfigured: "peer",
        m.StartRecording: "daemon",
        m.RecordingStarted: "peer",
        m.SpikesRecorded: "peer",
        m.StopRecording: "daemon",
        m.RecordingStopped: "peer",
    },
    transitions={
        "connected": {m.ConfigureRig: "configuring"},
        "configuring": {m.RigConfigured: "ready"},
        "ready": {m.StartRecording: "starting"},
        "starting": {m.RecordingStarted: "recording"},
        "recording": {m.SpikesRecorded: "recording", m.StopRecording: "stopping"},
        "stopping": {m.SpikesRecorded: "stopping", m.RecordingStopped: "ready"},
    },
)


FOLDERS = Script(
    peer="process at the folders",
    speakers={
        f.OpenFolders: "daemon",
        m.RigConfigured: "peer",
        m.LoadImages: "daemon",
        m.ImagesLoaded: "peer",
        f.WriteBlock: "daemon",
        f.BlockWritten: "peer",
        f.ReplyArrived: "peer",
        f.ReplyLate: "peer",
        f.CloseBlock: "daemon",
        f.BlockClosed: "peer",
        m.AbortBlock: "daemon",
        m.BlockAborted: "peer",
    },
    transitions={
        "connected": {f.OpenFolders: "configuring"},
        "configuring": {m.RigConfigured: "ready"},
        "ready": {
            m.LoadImages: "ready",
            m.ImagesLoaded: "ready",
            f.WriteBlock: "presenting",
            m.AbortBlock: "aborting",
        },
        "presenting": {
            f.BlockWritten: "presenting",
            f.ReplyArrived: "presenting",
            f.ReplyLate: "presenting",
            f.CloseBlock: "clearing",
            m.AbortBlock: "aborting",
        },
        # The block may be closed while a report of it is on its way.
        "clearing": {
            f.ReplyArrived: "clearing",
            f.ReplyLate: "clearing",
            f.BlockClosed: "ready",
            m.AbortBlock: "aborting",
        },
        "aborting": {
            f.BlockWritten: "aborting",
            f.ReplyArrived: "aborting",
            f.ReplyLate: "aborting",
            f.BlockClosed: "aborting",
            m.ImagesLoaded: "aborting",
            m.BlockAborted: "ready",
        },
    },
)


class Conversation:
    """The state of one conversation, as seen from one side."""

    def __init__(self, script: Script, speaker: Speaker) -> None:
        self.script = script
        self.speaker = speaker
        self.state: State = "connected"

    def opens_with(self, message: Message) -> bool:
        """Whether `message` may begin the conversation, and is more than a sign of life."""
        kind = type(message)
        may_come = self.script.next_state("connected", kind) is not None
        return may_come and kind is not m.Ping and self._speaker_of(kind) == "daemon"

    def sending(self, message: Message) -> None:
        """Move on for a message that this side is about to send."""
        name, kind = message.wire_name, type(message)
        speaker = self._speaker_of(kind)
        state = self.script.next_state(self.state, kind)
        if speaker != self.speaker or state is None:
            raise LocalProtocolError(
                f"the {self.speaker} must not send {name} to its other side in state {self.state}"
            )
        self.state = state

    def received(self, message: Message) -> None:
        """Move on for a message that came from the other side."""
        name, kind = message.wire_name, type(message)
        speaker = self._speaker_of(kind)
        state = self.script.next_state(self.state, kind)
        if speaker is None or speaker == self.speaker or state is None:
            raise RemoteProtocolError(
                f"{name} must not come in state {self.state} of the conversation "
                f"with the {self.script.peer}",
                Reason.NOT_NOW,
            )
        self.state = state

    def _speaker_of(self, kind: type[Message]) -> Speaker | None:
        return COMMON.get(kind) or self.script.speakers.get(kind)
