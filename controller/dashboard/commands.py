"""What a page may ask of a session: the commands of an operator, checked and then sent on."""

import json
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from controller import runtime
from controller.control import messages as c
from controller.control.client import ControlClient
from controller.errors import ControlError
from rig_adapters.wire.messages import Message

MAX_BYTES = 2**16
"""The longest note in the widest letters, and the names around it."""

_PLAIN = {"pause": c.Pause, "resume": c.Resume, "stop": c.Stop}


class Wish(BaseModel):
    """One command for one session: the one that the page showed when the button was pressed."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    command: Literal["pause", "resume", "stop", "abort", "note"]
    session_id: Annotated[str, Field(min_length=1, max_length=500)]
    text: c.Note | None = None


def wish_of(body: bytes) -> Wish:
    """Return the wish in the body of a request; ValueError where it is none."""
    wish = Wish.model_validate(json.loads(body))
    if (wish.text is None) != (wish.command != "note"):
        raise ValueError("a note needs a text, and nothing else has one")
    return wish


def carry_out(wish: Wish) -> str:
    """Send the command; return what the daemon says. ControlError where it refuses."""
    running = runtime.find_session(wish.session_id)
    with ControlClient(running.control_endpoint) as client:
        reply = client.request(_command(wish))
    if not isinstance(reply, c.CommandAccepted):
        raise ControlError(f"the session answered {reply.wire_name} to {wish.command}")
    return reply.what


def _command(wish: Wish) -> Message:
    if wish.text is not None:
        return c.AddNote(text=wish.text)
    if wish.command == "abort":
        return c.Abort(reason="aborted by the operator")
    return _PLAIN[wish.command]()
