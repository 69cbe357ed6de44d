"""One virtual screen for all tests that open a window, and a daemon for a stimulus process."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
import zmq

from rig_adapters.stimulus.screen import Screen, open_screen
from rig_adapters.testing.rehearsed_daemon import block, load, trial
from rig_adapters.wire import messages as m
from rig_adapters.wire.codec import Codec
from rig_adapters.wire.conversation import STIMULUS, Conversation

SCREEN_PX = (640, 480)
GEOMETRY = m.ScreenGeometry(size_px=(320, 240), width_cm=16.0, distance_cm=57.0, refresh_hz=60.0)

MessageT = TypeVar("MessageT", bound=m.Message)


@pytest.fixture(scope="session")
def screen() -> Iterator[Screen]:
    """Open a virtual screen, also where there is a real one.

    It stays until the end, because Xlib ends a process whose screen goes away.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DISPLAY", raising=False)
        opened = open_screen(SCREEN_PX)
        yield opened
        opened.close()


class Daemon:
    """The daemon's side of one stimulus process, as plainly as it can be had.

    `display` is the screen it is to use; None: it has to find one by itself.
    """

    def __init__(self, directory: Path, *arguments: str, display: str | None = None) -> None:
        endpoint = f"ipc://{directory}/stimulus"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "rig_adapters.stimulus", "--endpoint", endpoint, *arguments],
            stderr=subprocess.PIPE,
            text=True,
            env={key: value for key, value in os.environ.items() if key != "DISPLAY"}
            | {"HOME": str(directory)}
            | ({} if display is None else {"DISPLAY": display}),
        )
        self._codec = Codec(STIMULUS.vocabulary)
        self._conversation = Conversation(STIMULUS, "daemon")
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.connect(endpoint)

    def say(self, command: m.Message) -> None:
        self._conversation.sending(command)
        self._socket.send_multipart(self._codec.encode(command))

    def hear(self, kind: type[MessageT], timeout_s: float = 30.0) -> MessageT:
        assert self._socket.poll(int(timeout_s * 1000)), f"no {kind.__name__} came"
        report = self._codec.decode(self._socket.recv_multipart())
        self._conversation.received(report)
        assert isinstance(report, kind), report
        return report

    def configure(
        self, kind: str = "virtual", refresh_hz: float = 60.0, **changed: Any
    ) -> m.DisplayConfigured:
        self.say(
            m.ConfigureDisplay.model_validate(
                {
                    "kind": kind,
                    "geometry": GEOMETRY.model_copy(update={"refresh_hz": refresh_hz}),
                    "full_screen": False,
                    "background_grey": 128,
                    "fixation": m.FixationSpot(diameter_deg=0.2),
                    "light_endpoint": None,
                    **changed,
                }
            )
        )
        return self.hear(m.DisplayConfigured)

    def show_eight(self, number: int, rng: np.random.Generator) -> None:
        """Load the images of a block and have them shown."""
        image_ids = range(8 * number, 8 * number + 8)
        self.say(load(image_ids, rng, side_px=256))
        self.hear(m.ImagesLoaded)
        trials = (trial(k, image_ids[4 * k : 4 * k + 4], on=1, off=1) for k in range(2))
        self.say(block(*trials, number=number))
        for _ in range(2):
            for _ in range(4):
                self.hear(m.Presented)
            assert self.hear(m.TrialEnded).completed
        self.hear(m.BlockPresented)

    def wait(self) -> tuple[int, str]:
        """Return the exit status of the process and what it logged."""
        _, log = self.process.communicate(timeout=30)
        return self.process.returncode, log

    def close(self) -> None:
        self._socket.close()
        self._context.term()
        self.process.kill()
        self.process.communicate()
