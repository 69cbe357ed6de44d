"""The states of a session and what leads from one to the next, as a table.

    idle ─prepare→ preparing ─prepared→ running ─complete, stop→ finishing ─closed→ finished
                                        running ─pause→ pausing ─block_ended→ paused
                                        pausing, paused ─resume→ running
                     running, pausing, finishing ─interrupt→ paused
                                        running ─lost→ interrupted ─restored→ running
                                        interrupted ─given_up→ paused ─retry→ interrupted
    any of these ─abort→ aborting ─closed→ finished
    any of these ─fault→ faulted

A pause and a stop take effect at the end of the block; an abort and a fault at once. What
interrupts a session, such as a disk that takes nothing, holds it where it is until it is resumed.
`interrupted` is a session that goes on by itself once a process that was lost is back; what the
operator asked for before or meanwhile stands: a pause is then in effect at once, and a stop still
lets the block end. An event that the table does not allow raises `TransitionRefused` and changes
nothing.
"""

from collections.abc import Mapping
from enum import StrEnum


class State(StrEnum):
    """Where a session is."""

    IDLE = "idle"
    PREPARING = "preparing"
    RUNNING = "running"
    PAUSING = "pausing"
    PAUSED = "paused"
    INTERRUPTED = "interrupted"
    FINISHING = "finishing"
    FINISHED = "finished"
    ABORTING = "aborting"
    FAULTED = "faulted"


class Event(StrEnum):
    """What can happen to a session."""

    PREPARE = "prepare"
    PREPARED = "prepared"
    PAUSE = "pause"
    BLOCK_ENDED = "block_ended"
    INTERRUPT = "interrupt"
    RESUME = "resume"
    STOP = "stop"
    COMPLETE = "complete"
    LOST = "lost"
    """A process at the rig was lost, or heard nothing; the screen goes blank."""
    RESTORED = "restored"
    """All processes are there again, and the session can go on where it was."""
    GIVEN_UP = "given_up"
    """It cannot go on without the operator."""
    RETRY = "retry"
    """The operator lets a session that was given up try again."""
    ABORT = "abort"
    FAULT = "fault"
    CLOSED = "closed"


class TransitionRefused(Exception):
    """The event is not allowed in this state."""


_ENDING = {Event.ABORT: State.ABORTING, Event.FAULT: State.FAULTED}

TRANSITIONS: Mapping[State, Mapping[Event, State]] = {
    State.IDLE: {Event.PREPARE: State.PREPARING, **_ENDING},
    State.PREPARING: {Event.PREPARED: State.RUNNING, **_ENDING},
    State.RUNNING: {
        Event.PAUSE: State.PAUSING,
        Event.INTERRUPT: State.PAUSED,
        Event.BLOCK_ENDED: State.RUNNING,
        Event.STOP: State.FINISHING,
        Event.COMPLETE: State.FINISHING,
        Event.LOST: State.INTERRUPTED,
        **_ENDING,
    },
    State.PAUSING: {
        Event.BLOCK_ENDED: State.PAUSED,
        Event.INTERRUPT: State.PAUSED,
        Event.RESUME: State.RUNNING,
        Event.STOP: State.FINISHING,
        Event.COMPLETE: State.FINISHING,
        Event.LOST: State.PAUSED,
        **_ENDING,
    },
    State.PAUSED: {
        Event.RESUME: State.RUNNING,
        Event.STOP: State.FINISHING,
        Event.LOST: State.PAUSED,
        Event.RESTORED: State.PAUSED,
        Event.GIVEN_UP: State.PAUSED,
        Event.RETRY: State.INTERRUPTED,
        **_ENDING,
    },
    State.INTERRUPTED: {
        Event.PAUSE: State.PAUSED,
        Event.STOP: State.FINISHING,
        Event.LOST: State.INTERRUPTED,
        Event.RESTORED: State.RUNNING,
        Event.GIVEN_UP: State.PAUSED,
        **_ENDING,
    },
    State.FINISHING: {
        Event.BLOCK_ENDED: State.FINISHING,
        Event.INTERRUPT: State.PAUSED,
        Event.COMPLETE: State.FINISHING,
        Event.LOST: State.FINISHING,
        Event.RESTORED: State.FINISHING,
        Event.GIVEN_UP: State.FINISHING,
        Event.CLOSED: State.FINISHED,
        **_ENDING,
    },
    State.FINISHED: {},
    State.ABORTING: {Event.CLOSED: State.FINISHED, Event.FAULT: State.FAULTED},
    State.FAULTED: {},
}

FINAL = frozenset({State.FINISHED, State.FAULTED})


def next_state(state: State, event: Event) -> State:
    """Return where `event` leads from `state`; TransitionRefused where it leads nowhere."""
    try:
        return TRANSITIONS[state][event]
    except KeyError:
        raise TransitionRefused(f"a session that is {state} cannot {event}") from None
