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
    n_images: int = 0
    n_scored: int = 0
    """Images with a score; the others had no valid response and are not ranked."""
    score_mean: float | None = None
    score_sem: float | None = None
    reference_mean: float | None = None
    sigma: float | None = None
    code_norm: float | None = None
    """Mean over the codes of that generation; it sets the contrast of the images."""
    step_angle_deg: float | None = None
    """How far the mean code has turned with that generation."""
    exploration_angle_deg: float | None = None
    """Angle to expect between the mean code and the codes that come next."""
    advice: tuple[str, ...] = ()
    """Why the optimizer holds going on for pointless; it stops nothing."""


class PartStatus(Value):
    """The part of the open block that is being shown: what can be known of it by now.

    A late presentation is known at once and a broken fixation when the rig tells it; which
    presentations failed or were not heard is known when the spikes of the part are in.
    """

    part: int
    """0 shows everything; each further part shows again what did not complete."""
    images: int
    """How many images it shows."""
    image_id: int | None
    """The last one that was shown."""
    attempt: int
    """Which try at that image this is, from 1."""
    max_attempts: int
    late: int
    """Presentations that dropped too many frames."""
    fixations_broken: int
    earlier_outcomes: dict[str, int]
    """How the presentations of the block's earlier parts ended, by outcome."""
    waiting_for: str = ""
    """What is still to come when everything is shown: the last spikes, or a reply."""
    unattended: int = 0
    """Fixation spots that nobody has looked at, one after the other, until now."""


class PeerStatus(Value):
    """A process at the rig; those that are threads of the daemon cannot fall silent."""

    name: str
    silent_s: float
    """Since it last said anything."""
    lost_after_s: float
    """How much silence makes it count as lost."""
    lost: bool = False
    """Whether it cannot be talked to any more."""


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
    part: PartStatus | None = None
    """What is being shown now; None between two blocks."""
    outcomes: dict[str, int]
    """How the presentations of the session ended, by outcome, as soon as a part is over."""
    trials_begun: int = 0
    """Trials in which the animal fixated."""
    trials_completed: int = 0
    """Trials in which it did so to the end."""
    reward_ml: float = 0.0
    """What it got for them."""
    threads: tuple[ThreadStatus, ...]
    message: str
    """The last thing that happened, as a sentence."""
    alarms: tuple[str, ...] = ()
    """What the operator must see now, and what to do; those that were resumed after are gone."""
    peers: tuple[PeerStatus, ...] = ()
    """Each process at the rig, and when it gave its last sign of life."""


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
