"""Makes the real processes of a session misbehave; Python loads it in every one of them.

MISBEHAVE names the faults, separated by commas; MISBEHAVIOUR names a file that is told, one JSON
object a line, what was done when. Each fault of the rig touches one batch of a trial, or what
follows it, and comes a block or so after the one before. Nothing of neuroloop is replaced: what a
process sends, receives or shows is changed at the last moment.

Other faults come at a place instead, so that no test depends on how fast a machine is:
`killed_at=BLOCK:PART:N` kills the daemon when N presentations of that part were shown, and
`held_at=BLOCK:PART:N` has the stimulus process stay there, answering and obeying as ever, until the
file is told that it is released. Three more come to a window while the presentation after those N
is in it: `stalled_at` lets 50 ms pass in the frame loop, `stopped_at` stops the process by SIGSTOP,
and `hidden_at` has the X server take the window off the screen. `patient` has the daemon wait for
its audit, which comes after all other processes, for as long as the machine is busy.
"""

import ctypes
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

APART = 24
"""Batches from one fault to the next; a block without failed trials has half as many."""
GAP_BATCHES = 3
STEP_S = 1000.0
UNKNOWN_UNIT = 999
LATE_FRAMES = 9
FAILS_AFTER = 40
WRONG_AT = 7
KILLED_AT = "killed_at="
HELD_AT = "held_at="
AT_WINDOW = ("stalled_at=", "stopped_at=", "hidden_at=")
STALL_S = 0.05
PATIENT = "patient"
PATIENCE_S = 600.0
LOOK_AGAIN_S = 0.02


def note(**told: Any) -> None:
    with Path(os.environ["MISBEHAVIOUR"]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(told) + "\n")


class MisbehavingRig:
    """Changes the batches that a rig adapter sends."""

    def __init__(self, faults: list[str]) -> None:
        self._faults = faults
        self._quiet = 0
        self._sequence_shift = 0
        self._clock_shift_s = 0.0
        self._held: list[Any] = []
        self._to_lose = 0

    def change(self, batch: Any) -> Iterator[Any]:
        """Yield what is sent instead of `batch`; bytes are sent as they are."""
        self._quiet += 1
        batch = self._shifted(batch)
        if self._to_lose:
            self._to_lose -= 1
            return
        if self._held:
            yield batch
            yield self._held.pop()
        elif self._faults and self._quiet > APART and batch.sync_rig_s.size:
            self._quiet = 0
            fault = self._faults.pop(0)
            note(fault=fault, from_rig_s=batch.from_rig_s, through_rig_s=batch.through_rig_s)
            yield from getattr(self, fault)(batch)
        else:
            yield batch

    def duplicate(self, batch: Any) -> Iterator[Any]:
        yield batch
        yield batch

    def reordered(self, batch: Any) -> Iterator[Any]:
        self._held = [batch]
        yield from ()

    def gap(self, _batch: Any) -> Iterator[Any]:
        self._to_lose = GAP_BATCHES - 1
        yield from ()

    def sequence_reset(self, batch: Any) -> Iterator[Any]:
        # As of an adapter that was started anew: it counts from 0, and one batch is lost.
        self._sequence_shift = batch.sequence + 1
        yield from ()

    def unknown_unit(self, batch: Any) -> Iterator[Any]:
        moment = (batch.from_rig_s + batch.through_rig_s) / 2
        place = int(np.searchsorted(batch.spike_rig_s, moment))
        times = np.insert(batch.spike_rig_s, place, moment)
        units = np.insert(batch.spike_unit_ids, place, UNKNOWN_UNIT).astype(np.int32)
        yield batch.model_copy(update={"spike_rig_s": times, "spike_unit_ids": units})

    def clock_forward(self, batch: Any) -> Iterator[Any]:
        self._clock_shift_s = STEP_S
        yield self._shifted(batch)

    def clock_back(self, batch: Any) -> Iterator[Any]:
        self._clock_shift_s = -STEP_S
        yield self._shifted(batch)

    def truncated(self, _batch: Any) -> Iterator[Any]:
        yield b"half a frame"

    def _shifted(self, batch: Any) -> Any:
        shift_s = self._clock_shift_s
        names = ("from_rig_s", "through_rig_s", "clock_rig_s")
        arrays = ("spike_rig_s", "sync_rig_s", "fixation_broken_rig_s")
        shifted = {name: getattr(batch, name) + shift_s for name in (*names, *arrays)}
        if batch.sequence >= self._sequence_shift:
            shifted["sequence"] = batch.sequence - self._sequence_shift
        return batch.model_copy(update=shifted)


def misbehave_as_rig(faults: list[str]) -> None:
    from rig_adapters.listener import Listener
    from rig_adapters.wire.messages import SpikesRecorded

    rig = MisbehavingRig(faults)
    send = Listener.send

    def send_changed(self: Any, message: Any) -> None:
        if not isinstance(message, SpikesRecorded):
            send(self, message)
            return
        for changed in rig.change(message):
            if isinstance(changed, bytes):
                self._socket.send_multipart([self._daemon, changed])
            else:
                send(self, changed)

    Listener.send = send_changed  # type: ignore[method-assign]


def misbehave_as_display(fault: str) -> None:
    from rig_adapters.listener import Listener
    from rig_adapters.stimulus.virtual_display import VirtualDisplay
    from rig_adapters.wire.messages import PresentBlock, Presented

    receive, send, show = Listener.receive, Listener.send, VirtualDisplay.show
    calls = {"show": 0, "presented": 0}

    def receive_and_die(self: Any, timeout_s: float) -> Any:
        message = receive(self, timeout_s)
        if isinstance(message, PresentBlock):
            note(fault=fault)
            os.kill(os.getpid(), signal.SIGKILL)
        return message

    def send_wrong_hash(self: Any, message: Any) -> None:
        if isinstance(message, Presented):
            calls["presented"] += 1
            if calls["presented"] == WRONG_AT:
                note(fault=fault, image_id=message.image_id)
                message = message.model_copy(update={"image_sha256": "0" * 64})
        send(self, message)

    def show_late(self: Any, scene: Any, frames: int) -> Any:
        calls["show"] += 1
        if calls["show"] == FAILS_AFTER and scene.image is not None:
            note(fault=fault, image_id=scene.image.image_id)
            first = show(self, scene, 1)
            self._refreshes += LATE_FRAMES
            return first
        calls["show"] -= calls["show"] == FAILS_AFTER
        return show(self, scene, frames)

    def show_and_fail(self: Any, scene: Any, frames: int) -> Any:
        calls["show"] += 1
        if calls["show"] > FAILS_AFTER:
            note(fault=fault)
            raise OSError("GL_CONTEXT_LOST: the graphics card was reset")
        return show(self, scene, frames)

    changes: dict[str, tuple[type, str, Callable[..., Any]]] = {
        "killed_before_first_flip": (Listener, "receive", receive_and_die),
        "wrong_hash": (Listener, "send", send_wrong_hash),
        "dropped_frames": (VirtualDisplay, "show", show_late),
        "context_lost": (VirtualDisplay, "show", show_and_fail),
    }
    if fault in changes:
        owner, name, function = changes[fault]
        setattr(owner, name, function)


def misbehave_as_daemon(fault: str) -> None:
    from controller.logbook import Logbook
    from controller.progress import Progress

    set_part, begin = Progress.set_part, Logbook.__init__
    books: list[Logbook] = []
    place = tuple(int(number) for number in fault.removeprefix(KILLED_AT).split(":"))

    def set_part_and_die(self: Any, done: int, planned: int, part: Any) -> None:
        set_part(self, done, planned, part)
        if (self.block, part.part, done) == place:
            for book in books:
                # On a busy machine the last parts may be on their way to the journal still.
                book._pen.submit(int).result()
            note(fault=fault)
            os.kill(os.getpid(), signal.SIGKILL)

    def begin_and_be_known(self: Any, *arguments: Any) -> None:
        begin(self, *arguments)
        books.append(self)

    Progress.set_part = set_part_and_die  # type: ignore[method-assign]
    Logbook.__init__ = begin_and_be_known  # type: ignore[method-assign]


def hold_the_display(faults: list[str]) -> None:
    from rig_adapters.listener import Listener
    from rig_adapters.wire.messages import PresentBlock

    receive = Listener.receive
    places = {fault.removeprefix(HELD_AT): fault for fault in faults}
    here: dict[str, Any] = {"part": "", "shown": 0}

    def receive_or_stay(self: Any, timeout_s: float) -> Any:
        fault = places.pop(f"{here['part']}:{here['shown']}", None)
        if fault is not None:
            note(fault=fault)
            while fault not in told("released"):
                message = receive(self, LOOK_AGAIN_S)
                if message is not None:
                    return message
        message = receive(self, timeout_s)
        if isinstance(message, PresentBlock):
            here.update(part=f"{message.block}:{message.part}", shown=0)
        return message

    Listener.receive = receive_or_stay  # type: ignore[method-assign]
    count_what_was_shown(here)


def count_what_was_shown(here: dict[str, Any]) -> None:
    """Have every report of a presentation that goes out counted in `here`, under "shown"."""
    from rig_adapters.listener import Listener
    from rig_adapters.wire.messages import Presented

    send = Listener.send

    def send_and_count(self: Any, message: Any) -> None:
        send(self, message)
        if isinstance(message, Presented):
            here["shown"] += 1

    Listener.send = send_and_count  # type: ignore[method-assign]


def disturb_the_window(faults: list[str]) -> None:
    from rig_adapters.listener import Listener
    from rig_adapters.stimulus.psychopy_display import PsychoPyDisplay
    from rig_adapters.wire.messages import PresentBlock

    receive, show = Listener.receive, PsychoPyDisplay.show
    places = {fault.partition("=")[2]: fault for fault in faults}
    here: dict[str, Any] = {"part": "", "shown": 0}
    last: dict[str, Any] = {"scene": None}

    def receive_and_note(self: Any, timeout_s: float) -> Any:
        message = receive(self, timeout_s)
        if isinstance(message, PresentBlock):
            here.update(part=f"{message.block}:{message.part}", shown=0)
        return message

    def show_disturbed(self: Any, scene: Any, frames: int) -> Any:
        within = scene.image is not None and scene is last["scene"]
        last["scene"] = scene
        fault = places.pop(f"{here['part']}:{here['shown']}", None) if within else None
        if fault is not None:
            note(fault=fault, image_id=scene.image.image_id)
            disturb(fault, self)
        return show(self, scene, frames)

    Listener.receive = receive_and_note  # type: ignore[method-assign]
    count_what_was_shown(here)
    PsychoPyDisplay.show = show_disturbed  # type: ignore[method-assign]


def disturb(fault: str, display: Any) -> None:
    if fault.startswith("stalled_at="):
        time.sleep(STALL_S)
    elif fault.startswith("stopped_at="):
        os.kill(os.getpid(), signal.SIGSTOP)
    else:
        # By a connection of its own, as a window manager has one.
        library = ctypes.CDLL("libX11.so.6")
        library.XOpenDisplay.restype = ctypes.c_void_p
        connection = ctypes.c_void_p(library.XOpenDisplay(os.environ["DISPLAY"].encode()))
        library.XUnmapWindow(connection, ctypes.c_ulong(display._window.winHandle._window))
        library.XSync(connection, 0)
        library.XCloseDisplay(connection)


def wait_for_the_held() -> None:
    """Let the daemon bear a display that is held: it is not stuck."""
    from controller import screen

    screen.SLACK_S = PATIENCE_S


def wait_for_the_audit() -> None:
    """Let the daemon bear an audit that is late: the machine is busy."""
    from controller.daemon import audit

    audit.KEEP_UP_S = audit.CONCLUDE_S = PATIENCE_S


def told(what: str) -> set[str]:
    """Return what the file was told: each `fault` that came, or was `released`."""
    path = Path(os.environ.get("MISBEHAVIOUR", ""))
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return {note[what] for note in map(json.loads, lines) if what in note}


# A process that is started anew behaves.
FAULTS = [f for f in os.environ.get("MISBEHAVE", "").split(",") if f and f not in told("fault")]
HOLDS = [fault for fault in FAULTS if fault.startswith(HELD_AT)]
DISTURBANCES = [fault for fault in FAULTS if fault.startswith(AT_WINDOW)]
RIG_FAULTS = [fault for fault in FAULTS if hasattr(MisbehavingRig, fault)]
if "rig_adapters.sim" in sys.orig_argv and RIG_FAULTS:
    misbehave_as_rig(RIG_FAULTS)
if "controller.daemon" in sys.orig_argv:
    for name in FAULTS:
        if name.startswith(KILLED_AT):
            misbehave_as_daemon(name)
    if HELD_AT in os.environ.get("MISBEHAVE", ""):
        wait_for_the_held()
    if PATIENT in FAULTS:
        wait_for_the_audit()
if "rig_adapters.stimulus" in sys.orig_argv:
    for name in FAULTS:
        misbehave_as_display(name)
    if HOLDS:
        hold_the_display(HOLDS)
    if DISTURBANCES:
        disturb_the_window(DISTURBANCES)
