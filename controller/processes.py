"""Starting, watching and ending the processes of a session.

A child's output goes to a file in the session folder. A child that ends before it was asked to is
told to its link at once, by name and cause, without waiting for missing heartbeats. When one is
started again is the supervisor's business.
"""

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

from rig_adapters.errors import PeerLost
from rig_adapters.link import Link

GRACE_S = 5.0
"""How long a process may take to end after it was asked, and again after SIGTERM."""


def child_environment() -> dict[str, str]:
    """Return the environment of every process of a session.

    OpenMP threads that spin while they wait are ruinous where cores are shared with a stimulus
    process, so they sleep; and a peer leaves the cores to the daemon.
    """
    return {
        **os.environ,
        "OMP_WAIT_POLICY": "PASSIVE",
        "PSYCHOPYNOPACKAGES": "1",
        "PYTHONUNBUFFERED": "1",
    }


ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""For processes that compute little, beside others that compute much."""


def ending(code: int) -> str:
    """Return in words how a process ended, from the exit status that Python gives."""
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended by itself with exit status {code}"


class ChildProcess:
    """One process at the rig, started by the daemon as `python -m <module>`."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log_path: Path) -> None:
        self.name = name
        self._process = process
        self._log_path = log_path
        self._expected_to_end = False
        self._watcher: asyncio.Task[None] | None = None

    @classmethod
    async def start(
        cls, name: str, module: str, endpoint: str, silence_limit_s: float, log_path: Path
    ) -> "ChildProcess":
        """Start `module` listening at `endpoint`."""
        environment = {**child_environment(), **ONE_THREAD}
        arguments = ["--endpoint", endpoint, "--silence-limit-s", str(silence_limit_s)]
        with log_path.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                module,
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
            )
        return cls(name, process, log_path)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def watch(self, link: Link) -> None:
        """Fail `link` as soon as the process ends without having been asked to."""
        self._watcher = asyncio.create_task(self._watch(link), name=f"watch {self.name}")

    async def end(self, *, asked: bool) -> None:
        """Wait for the process to end; ask by SIGTERM, then SIGKILL, where it does not.

        `asked`: it has been told to shut down, and gets the time to.
        """
        self._expected_to_end = True
        steps = [signal.SIGTERM, signal.SIGKILL]
        for step in ([None] if asked else []) + steps:
            if step is not None and self._process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    self._process.send_signal(step)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), GRACE_S)
                break
        if self._watcher is not None:
            await self._watcher

    async def kill(self) -> None:
        """End the process whatever it is doing, also where it was stopped; return when it has."""
        self._expected_to_end = True
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        await self._process.wait()
        if self._watcher is not None:
            await self._watcher

    async def _watch(self, link: Link) -> None:
        code = await self._process.wait()
        if not self._expected_to_end:
            # What it had still to say is in the socket; let that be read first.
            await asyncio.sleep(0.2)
            link.fail(PeerLost(f"the {self.name} {self._cause(code)}"))

    def _cause(self, code: int) -> str:
        if code < 0:
            return ending(code)
        last = self._last_line()
        told = f": {last}" if last else ""
        return f"{ending(code)}{told} (see {self._log_path})"

    def _last_line(self) -> str:
        with contextlib.suppress(OSError):
            lines = self._log_path.read_text(encoding="utf-8", errors="replace").splitlines()
            return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "")
        return ""
