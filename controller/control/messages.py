"""What an operator can say to a running session, and what it answers. No I/O in here."""

from typing import Annotated

from pydantic import Field

from rig_adapters.wire.messages import Message, Sentence, Value

MAX_NOTE = 10_000
Note = Annotated[str, Field(min_length=1, max_length=MAX_NOTE)]


class GetStatus(Message):
    """Say how it is going."""


class Pause(Message):
    """Pause at the end of the block."""


class Resume(Message):
    """Go on."""


class Stop(Message):
    """Finish at the end of the block and close the log."""


class Abort(Message):
    """Go blank now, drop the open block and close the log."""

    reason: Sentence


class AddNote(Message):
    """Write a note into the log."""

    text: Note


class ThreadStatus(Value):
    """One evolution thread, after its last generation; None where there is no number yet."""

    thread_id: int
    name: str
    generation: int
    score_mean: float | None = None
    score_sem: float | None = None
    reference_mean: float | None = None
    sigma: float | None = None
    code_norm: float | None = None


class SessionStatus(Value):
    """Everything that a monitor shows of a running session."""

    session_id: str
    state: str
    label: str
    """What an operator must know, e.g. "virtual screen: no timing"."""
    folder: str
    block: int
    max_generations: int | None
    elapsed_s: float
    eta_s: float | None
    images_per_s: float | None
    """Completed presentations per second of session, re-shows and pauses included."""
    presentations_done: int
    """In the open block."""
    presentations_planned: int
    outcomes: dict[str, int]
    """How the presentations of the session ended, by outcome."""
    threads: tuple[ThreadStatus, ...]
    message: str
    """The last thing that happened, as a sentence."""
    alarms: tuple[str, ...] = ()
    """What the operator must see now, and what to do; those that were resumed after are gone."""


class StatusReported(Message):
    """The answer to GetStatus."""

    status: SessionStatus


class CommandAccepted(Message):
    """It is being done; `what` says what and when."""

    what: Sentence


class CommandRefused(Message):
    """It is not done; `why` says why not."""

    why: Sentence


COMMANDS: tuple[type[Message], ...] = (GetStatus, Pause, Resume, Stop, Abort, AddNote)
REPLIES: tuple[type[Message], ...] = (StatusReported, CommandAccepted, CommandRefused)
