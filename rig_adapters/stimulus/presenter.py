"""The stimulus process's loop: takes the daemon's commands and has the display carry them out.

The same for every display. Opening the socket and the end of the process are `peer_process`'s.
"""

import contextlib
import gc
import time
from collections.abc import Callable

from rig_adapters.errors import DisplayError
from rig_adapters.light import Light, LightSource
from rig_adapters.stimulus.animal import make_behaviour, make_reward
from rig_adapters.stimulus.base import Display, Wire
from rig_adapters.stimulus.behaviour.base import Behaviour
from rig_adapters.stimulus.block import Stage, show_block
from rig_adapters.stimulus.images import LoadedImages
from rig_adapters.stimulus.marks import OnsetMarks
from rig_adapters.stimulus.shine import Shine
from rig_adapters.stimulus.trigger import open_trigger
from rig_adapters.wire import messages as m

IDLE_S = 0.5
"""How long an idle process waits before it looks whether its daemon is still there."""


def run(
    wire: Wire,
    make_display: Callable[[str], Display],
    watch: Callable[[m.ConfigureDisplay], Behaviour] = make_behaviour,
    make_light: Callable[[str], Light] = LightSource,
    *,
    own_process: bool = True,
) -> None:
    """Serve one daemon until it says `Shutdown`; `make_display` is given the configured kind.

    own_process: this process is nothing else, so that its memory is its own business, and what
    comes over the wire has been on a way.

    Raises DisplayError where the screen does not do what was asked, BehaviourError where the animal
    cannot be watched or rewarded, and what `wire` raises; the screen is given back in any case, and
    no valve stays open.
    """
    configure = _next_command(wire)
    if isinstance(configure, m.ConfigureDisplay):
        with contextlib.ExitStack() as stack:
            shine = Shine(configure.light_endpoint, configure.mirror_endpoint, make_light)
            stack.callback(shine.close)
            display = make_display(configure.kind)
            stack.callback(display.close)
            opened = display.open(configure)
            behaviour = watch(configure)
            stack.callback(behaviour.close)
            reward = make_reward(configure.reward)
            stack.callback(reward.close)
            line = open_trigger(configure.ttl)
            stack.callback(line.close)
            wire.send(opened)
            if own_process:
                # What was imported stays for ever; looking through it once is enough.
                gc.collect()
                gc.freeze()
            images = LoadedImages(display, shine, sent=own_process)
            marks = OnsetMarks(configure.photodiode, line if configure.ttl else None)
            stage = Stage(
                wire,
                display,
                shine,
                images,
                configure.geometry,
                marks,
                behaviour,
                reward,
                own_process,
            )
            _Presenter(stage).serve()
    wire.send(m.ShutDown())


class _Presenter:
    """Carries out the commands after the configuration."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._busy = _BusyClock(stage.display)
        self._presented = 0

    def serve(self) -> None:
        """Return when the daemon asks for the end."""
        command = _next_command(self._stage.wire)
        while not isinstance(command, m.Shutdown):
            self._busy.start()
            interruption = self._obey(command)
            self._busy.stop()
            command = interruption or _next_command(self._stage.wire)

    def _obey(self, command: m.Message) -> m.Message | None:
        """Carry out `command`; return another one that interrupted it."""
        match command:
            case m.LoadImages():
                self._stage.images.load(command)
                self._stage.wire.send(m.ImagesLoaded(image_ids=command.image_ids))
            case m.PresentBlock():
                return self._present(command)
            case m.AbortBlock():
                self._stage.wire.send(m.BlockAborted(presented=self._presented))
            case m.RenewLight():
                self._stage.shine.renew()
                self._stage.wire.send(m.LightRenewed())
            case _:
                raise DisplayError(f"{command.wire_name} is no command for an open display")
        return None

    def _present(self, block: m.PresentBlock) -> m.Message | None:
        self._stage.images.block_begins()
        outcome = show_block(self._stage, block)
        self._presented = outcome.presented
        if outcome.interruption is None:
            self._stage.wire.send(
                m.BlockPresented(
                    block=block.block,
                    part=block.part,
                    host_time_s=outcome.end_s,
                    busy_s=self._busy.take(),
                )
            )
        return outcome.interruption


class _BusyClock:
    """Sums up the time spent on work, without the waiting for the screen."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._started_s = 0.0
        self._busy_s = 0.0

    def start(self) -> None:
        self._started_s = self._work_s()

    def stop(self) -> None:
        self._busy_s += self._work_s() - self._started_s

    def take(self) -> float:
        """Return the sum so far and begin again at zero."""
        self.stop()
        self.start()
        busy_s, self._busy_s = self._busy_s, 0.0
        return busy_s

    def _work_s(self) -> float:
        return time.monotonic() - self._display.waited_s


def _next_command(wire: Wire) -> m.Message:
    while True:
        command = wire.receive(IDLE_S)
        if command is not None:
            return command
