"""The audit process beside a session: started, listened to, restarted once, ended.

It shares nothing with the daemon but the log (`sessions.audit`). What an alarm does to the session
is decided by the caller.
"""

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from controller.processes import GRACE_S, ONE_THREAD, child_environment, ending

logger = logging.getLogger(__name__)

KEEP_UP_S = 10.0
"""How long a block waits for the audit of the block before the last."""
CONCLUDE_S = 15.0
"""How long the end of a session waits for the audit of its last block."""
MAX_STARTS = 2
_MAX_LINE_BYTES = 2**20

Tell = Callable[[str], Awaitable[None]]


class RunningAudit:
    """Audits the session in `folder` from its first block on.

    `on_difference` is told of every difference; `on_trouble` of what keeps the audit from its work.
    """

    def __init__(self, folder: Path, on_difference: Tell, on_trouble: Tell) -> None:
        self.audited = 0
        """Blocks that were audited, from the first on."""
        self.differing: list[int] = []
        """Blocks in which something differed."""
        self.tested = 0
        """Blocks whose responses were strong enough to tell whose they are."""
        self._folder = folder
        self._on_difference = on_difference
        self._on_trouble = on_trouble
        self._news = asyncio.Condition()
        self._process: asyncio.subprocess.Process | None = None
        self._lost = False
        self._behind = False
        self._closing = False
        self._concluded = False
        """Whether the log may have an end by now, with which the process ends by itself."""
        self._task = asyncio.create_task(self._run(), name="audit")

    async def keep_up(self, committed: int) -> None:
        """Wait until all but the last of `committed` blocks are audited, or until that is hopeless.

        So an alarm comes before another block begins, also where blocks take no time.
        """
        # One that was waited for in vain is not waited for again before it has caught up.
        patience_s = 0.0 if self._behind else KEEP_UP_S
        if await self._audited(committed - 1, patience_s) or self._lost:
            self._behind = False
        elif not self._behind:
            self._behind = True
            await self._on_trouble(
                f"the audit is {committed - self.audited} generations behind: look whether this "
                "machine is overloaded"
            )

    async def conclude(self, committed: int, *, hopeless: bool = False) -> str:
        """Wait for the audit of the last block, within bounds; say what was found in all.

        `hopeless`: that block will not be in the log, so it is not waited for.
        """
        await self._audited(committed, 0.0 if hopeless else CONCLUDE_S)
        self._concluded = True
        text = f"audited {self.audited} of {committed} generations, "
        if self.differing:
            text += f"differences in blocks {', '.join(map(str, self.differing))}"
        else:
            text += "no differences"
        return f"{text}; a shift of the responses alone would have shown in {self.tested}"

    async def close(self) -> None:
        """End the process; never raises."""
        self._closing = True
        for step in (signal.SIGTERM, signal.SIGKILL):
            if self._process is not None and self._process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    self._process.send_signal(step)
            done, _ = await asyncio.wait({self._task}, timeout=GRACE_S)
            if done:
                break
        self._task.cancel()
        await asyncio.wait({self._task})

    async def _audited(self, blocks: int, patience_s: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s), self._news:
                await self._news.wait_for(lambda: self._lost or self.audited >= blocks)
        return self.audited >= blocks

    async def _run(self) -> None:
        try:
            for start in range(1, MAX_STARTS + 1):
                code = await self._listen()
                if self._closing or (self._concluded and code == 0):
                    return
                again = start < MAX_STARTS
                await self._on_trouble(
                    f"the audit process {ending(code)} (see {self._folder / 'audit.log'}); "
                    + ("it is started anew" if again else "the session goes on without an audit")
                )
        except Exception:
            logger.exception("the audit cannot be followed")
            if not self._closing:
                await self._on_trouble("the audit cannot be followed; see daemon.log")
        finally:
            async with self._news:
                self._lost = True
                self._news.notify_all()

    async def _listen(self) -> int:
        """Run the process once and take in what it says; return its exit status."""
        command = ["-m", "sessions.audit", str(self._folder), "--first-block", str(self.audited)]
        command += ["--parent", str(os.getpid())]
        with (self._folder / "audit.log").open("ab") as log:
            self._process = process = await asyncio.create_subprocess_exec(
                sys.executable,
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env={**child_environment(), **ONE_THREAD},
                limit=_MAX_LINE_BYTES,
            )
        if self._closing:
            process.terminate()
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        try:
            async for line in process.stdout:
                await self._take(json.loads(line))
            return await process.wait()
        finally:
            # Where it could not be understood it still runs.
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def _take(self, audited: dict[str, object]) -> None:
        block, findings = audited["block"], audited["findings"]
        if not isinstance(block, int) or not isinstance(findings, list):
            raise TypeError(f"the audit process said {audited}")
        self.tested += bool(audited["tested"])
        if findings:
            self.differing.append(block)
        for finding in findings:
            await self._on_difference(
                f"audit of block {block}: {finding['message']}. {finding['remedy']}"
            )
        async with self._news:
            # Not before the differences are told, so that nobody goes on without them.
            self.audited = block + 1
            self._news.notify_all()
