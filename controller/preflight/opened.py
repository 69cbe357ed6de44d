"""The processes of a session, opened for a trial of them and closed again, whatever happens."""

import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import zmq.asyncio

from controller.config.tables import SessionConfig
from controller.daemon.rig_processes import RigProcesses
from rig_adapters.wire.animal import AlwaysSettings, NoRewardSettings


@dataclass(frozen=True)
class Opened:
    """Processes that were not started yet, and a private folder that will go with them."""

    processes: RigProcesses
    folder: Path


@asynccontextmanager
async def opened(config: SessionConfig) -> AsyncIterator[Opened]:
    """Give the processes of `config`; afterwards no process, socket or file stays behind."""
    where = os.environ.get("XDG_RUNTIME_DIR") or None
    with tempfile.TemporaryDirectory(prefix="neuroloop-trial-", dir=where) as folder:
        context = zmq.asyncio.Context()
        processes = RigProcesses(context, config, Path(folder))
        try:
            yield Opened(processes, Path(folder))
        finally:
            await processes.close()
            context.destroy(linger=200)


def without_animal(config: SessionConfig) -> SessionConfig:
    """Return a session in which nobody's fixation is waited for and nobody is rewarded."""
    return config.model_copy(
        update={
            "behaviour": AlwaysSettings(kind="always"),
            "reward": NoRewardSettings(kind="none"),
        }
    )
