"""The light of a virtual display that a simulated rig sees from a thread of the same process.

In place of the sockets of `rig_adapters.light`: what changes on the screen is seen in the very call
that tells of it, so nothing is ever under way. Two threads meet here, the display's and the rig's,
and one at a time goes on.
"""

import threading
from collections.abc import Callable

from rig_adapters.in_process import InProcessWire
from rig_adapters.sim.rig import SimulatedRig, configured
from rig_adapters.wire import messages as m
from rig_adapters.wire.light import LightChanged
from rig_adapters.wire.messages import Message

_LOOK_S = 0.25
"""How often the rig's thread looks whether something was wrong with the light."""

See = Callable[[Message], None]


class Sight:
    """Both ends of the light: a display's `Light`, and what its watcher does with it."""

    def __init__(self) -> None:
        self.one_at_a_time = threading.Lock()
        """Held while light is seen; a watcher holds it while it does anything else."""
        self._see: See | None = None
        self._fault: Exception | None = None

    def watch(self, see: See) -> None:
        """Have `see` called with all light from now on, in the display's thread."""
        with self.one_at_a_time:
            self._see = see

    def leave(self) -> None:
        """Watch no more."""
        with self.one_at_a_time:
            self._see = None

    def raise_fault(self) -> None:
        """Raise what was wrong with the light, in the thread of the watcher whose fault it is."""
        if self._fault is not None:
            raise self._fault

    def upload(self, message: Message) -> None:
        """Show pixels, or that they are forgotten."""
        self._show(message)

    def change(self, change: LightChanged) -> None:
        """Show one change of light."""
        self._show(change)

    def close(self) -> None:
        """Shine no more; there is nothing to let go of."""

    def _show(self, message: Message) -> None:
        with self.one_at_a_time:
            if self._see is None:
                return
            try:
                self._see(message)
            except Exception as fault:  # noqa: BLE001 - the watcher's thread raises it
                # It is not the display's, which goes on in the dark.
                self._fault, self._see = fault, None


def run(wire: InProcessWire, sight: Sight) -> None:
    """Serve the daemon of this process until it asks for the end; raises RigError on a fault."""
    command = None
    while command is None:
        command = wire.receive(_LOOK_S)
    if isinstance(command, m.ConfigureRig):
        rig = configured(wire, command)

        def see(light: Message) -> None:
            rig.see(light)
            # The daemon renders the next images meanwhile.
            rig.foresee(light)

        sight.watch(see)
        try:
            while not isinstance(command := wire.receive(_patience_s(rig)), m.Shutdown):
                sight.raise_fault()
                with sight.one_at_a_time:
                    if command is not None:
                        rig.obey(command)
                    rig.report_if_due()
        finally:
            sight.leave()
    wire.send(m.ShutDown())


def _patience_s(rig: SimulatedRig) -> float:
    # What the rig holds back is sent when it is due.
    return min(_LOOK_S, rig.patience_ms() / 1000)
