"""Every wait of the daemon on a process at the rig ends, also where nothing comes.

The deadlines are shortened to almost nothing here; how long they are stands in
docs/explanation/deadlines.md, which is compared with the code in tests/docs.
"""

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zmq.asyncio

from controller import screen as screen_module
from controller.daemon import rig_processes
from controller.daemon.rig_processes import RigProcesses
from rig_adapters import light
from rig_adapters.errors import PeerLost, RigTimeout
from rig_adapters.wire import messages as m
from rig_adapters.wire.light import ImagesForgotten

from .conftest import Stage, images, run_clean, session_config

Play = Callable[..., Any]
SHORT_S = 0.05


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder whose sockets have short enough names."""
    with tempfile.TemporaryDirectory(prefix="nl-") as folder:
        yield Path(folder)


async def heard_by_nobody(_self: object, _message: m.Message) -> None:
    """Stand for a peer whose answers do not come."""


def test_processes_that_do_not_open_in_time_end_the_beginning(
    short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No process can be started, import what it needs and answer in no time at all.
    monkeypatch.setattr(rig_processes, "OPENING_DEADLINE_S", 0.0)

    async def scene() -> None:
        context = zmq.asyncio.Context()
        processes = RigProcesses(
            context, session_config("session.processes=separate"), short_folder
        )
        try:
            await processes.start(short_folder)
            with pytest.raises(PeerLost, match=r"sent nothing for 0\.0 s although more was due"):
                await processes.configure(None)
        finally:
            await processes.close()
            context.destroy(linger=0)

    run_clean(scene())


def test_a_recording_that_does_not_begin_is_not_waited_for(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        await stage.recorder.stop(5.0)
        stage.rig.say = heard_by_nobody.__get__(stage.rig)  # type: ignore[method-assign]
        with pytest.raises(RigTimeout, match="rig adapter sent nothing"):
            await stage.recorder.start(SHORT_S)

    play(scene)


def test_images_that_are_not_loaded_are_not_waited_for(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screen_module, "LOAD_DEADLINE_S", SHORT_S)

    async def scene(stage: Stage) -> None:
        stage.display.say = heard_by_nobody.__get__(stage.display)  # type: ignore[method-assign]
        await stage.screen.start_loading(
            np.arange(1), np.zeros((1, 2, 2, 3), np.uint8), placements=[]
        )
        with pytest.raises(PeerLost, match="stimulus process sent nothing"):
            await stage.screen.loaded()

    play(scene)


def test_a_display_that_falls_silent_within_a_block_is_not_waited_for(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(stage: Stage) -> float:
        longest_trial_s = (6 + 5 * (6 + 3) + 3) / 60
        monkeypatch.setattr(screen_module, "SLACK_S", SHORT_S - longest_trial_s)
        said = stage.display.say

        async def say_no_end(message: m.Message) -> None:
            if not isinstance(message, m.BlockPresented):
                await said(message)

        stage.display.say = say_no_end  # type: ignore[method-assign]
        with pytest.raises(PeerLost, match=r"sent nothing for \d\.\d s although more was due"):
            await stage.present(images(*range(7)))
        monkeypatch.setattr(screen_module, "SLACK_S", 5.0)
        return len([fact for fact in stage.facts if type(fact).__name__ == "PresentedRow"])

    # What was reported until then is known.
    assert play(scene) == 7


def test_a_display_that_does_not_go_blank_is_not_waited_for(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screen_module, "SLACK_S", SHORT_S)

    async def scene(stage: Stage) -> None:
        stage.display.say = heard_by_nobody.__get__(stage.display)  # type: ignore[method-assign]
        await stage.display_link.send(m.PresentBlock(block=0, part=0, trials=(), tail_frames=0))
        with pytest.raises(PeerLost):
            await stage.screen.go_blank()

    play(scene)


def test_a_rig_that_does_not_stop_is_not_waited_for(play: Play) -> None:
    async def scene(stage: Stage) -> str:
        stage.rig.say = heard_by_nobody.__get__(stage.rig)  # type: ignore[method-assign]
        await stage.recorder.stop(SHORT_S)
        return stage.rig_link.conversation.state

    assert play(scene) == "stopping"


def test_light_that_nobody_takes_is_not_waited_for(
    short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(light, "WATCHER_DEADLINE_MS", 10)
    source = light.LightSource(f"ipc://{short_folder / 'light'}")
    try:
        with pytest.raises(RigTimeout, match="no simulated rig came to watch"):
            source.upload(ImagesForgotten(sha256s=()))
    finally:
        source.close()


def test_a_task_that_waits_can_be_cancelled(play: Play) -> None:
    async def scene(stage: Stage) -> bool:
        waiting = asyncio.create_task(stage.recorder.wait_through(1e9, 1e9))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait({waiting})
        return waiting.cancelled()

    assert play(scene)
