"""What an open dashboard costs the session that it shows, in virtual time, as fast as sessions get.

Runs the same session again and again, in turn without and with `neuroloop dashboard` and a client
that takes in what a page does: all events, and every picture named in them. Prints the time of a
generation on the wall and of the processor in the session's process, their ratios, and how many
generations the client was behind what the session said of itself at the same moment. The first
generations, which wait for what is loaded only once, are left out.

    .venv/bin/python benchmarks/dashboard_load.py [--pairs 4] [--generations 600]

The wall has the cores in it that the dashboard and its client take: where those are few, or others
use them, believe the processor times. Drawing the page is the browser's own and is not in it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from controller import runtime
from controller.cli.config_commands import template
from controller.control.client import ControlClient
from controller.errors import ControlError
from controller.processes import ONE_THREAD

NEUROLOOP = str(Path(sys.executable).with_name("neuroloop"))
CHEAPEST = {
    "population_size = 40 ": "population_size = 4 ",
    "code_dim = 4096": "code_dim = 64",
    "image_size_px = 128": "image_size_px = 72",
    "count = 10": "count = 1",
}
"""What of the template is made smaller, for as many generations a second as possible."""
SETTINGS = ("session.time=virtual", "display.kind=virtual", "behaviour.kind=always")
WARM = 20
"""Generations that are left out at the beginning."""
EVERY_S = 0.5
PATIENCE_S = 120.0


@dataclass(frozen=True)
class Mark:
    """What was true at one moment: of the session, and of what the client had been told."""

    wall_s: float
    processor_s: float
    generations: int
    told: int
    drawn: int


@dataclass(frozen=True)
class Cost:
    """One session: what a generation took, and how far behind the client was at each mark."""

    wall_ms: float
    processor_ms: float
    behind: list[int]
    curve_behind: list[int]


@dataclass
class Client:
    """A page without a browser: `told` generations by the status, `drawn` by the curve."""

    address: str
    token: str
    told: int = 0
    drawn: int = 0
    events: int = 0
    pictures: set[str] = field(default_factory=set)

    def listen(self) -> None:
        """Take in what comes until the dashboard ends."""
        with suppress(OSError), self._open("/api/events") as stream:
            name = ""
            for line in stream:
                if line.startswith(b"event: "):
                    name = line[7:].decode().strip()
                elif line.startswith(b"data: "):
                    self._take(name, json.loads(line[6:]))

    def _take(self, name: str, value: Any) -> None:
        self.events += 1
        if name == "progress":
            self.told = value["generations"]
        elif name == "curve":
            self.drawn = value["from"] + len(value["rows"])
        elif name == "images":
            for image in (image for thread in value for image in thread["images"]):
                self._look_at(image["sha256"])

    def _look_at(self, sha256: str | None) -> None:
        if sha256 is None or sha256 in self.pictures:
            return
        self.pictures.add(sha256)
        # One of a block that is long gone may not be kept any more; a page leaves it out as well.
        with suppress(urllib.error.HTTPError), self._open(f"/api/thumbnails/{sha256}") as reply:
            reply.read()

    def _open(self, path: str) -> Any:
        headers = {"X-Neuroloop-Token": self.token}
        request = urllib.request.Request(self.address + path, headers=headers)  # noqa: S310
        return urllib.request.urlopen(request, timeout=PATIENCE_S)  # noqa: S310


@contextmanager
def page() -> Iterator[Client]:
    """Run a dashboard with one client; both are gone afterwards."""
    command = [NEUROLOOP, "dashboard", "--json", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as dashboard:
        assert dashboard.stdout is not None
        told = json.loads(dashboard.stdout.readline())
        client = Client(f"http://127.0.0.1:{told['port']}", told["token"])
        listening = threading.Thread(target=client.listen)
        listening.start()
        try:
            yield client
        finally:
            dashboard.terminate()
            listening.join()


def cost(folder: Path, generations: int, client: Client | None) -> Cost:
    """Run one session to its end; return what its generations took."""
    folder.mkdir()
    text = template()
    for usual, small in CHEAPEST.items():
        text = text.replace(usual, small)
    (folder / "session.toml").write_text(text, encoding="utf-8")
    sets = [w for s in (*SETTINGS, f"stopping.max_generations={generations}") for w in ("--set", s)]
    command = [NEUROLOOP, "run", "session.toml", "--json", *sets]
    environment = {**os.environ, **ONE_THREAD}
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    ) as session:
        marks = [mark for mark in _marks(session, client) if mark.generations >= WARM]
    if session.returncode or len(marks) < 2:
        raise SystemExit(f"the session in {folder} did not end well, or was too short")
    first, last = marks[0], marks[-1]
    done = last.generations - first.generations
    return Cost(
        1e3 * (last.wall_s - first.wall_s) / done,
        1e3 * (last.processor_s - first.processor_s) / done,
        [mark.generations - mark.told for mark in marks if client],
        [mark.generations - mark.drawn for mark in marks if client],
    )


def _marks(session: "subprocess.Popen[bytes]", client: Client | None) -> Iterator[Mark]:
    """Yield how things stand, again and again, until the session has ended."""
    while session.poll() is None:
        time.sleep(EVERY_S)
        for running in runtime.running_sessions():
            with (
                suppress(ControlError, psutil.Error),
                ControlClient(running.control_endpoint, PATIENCE_S) as control,
            ):
                status = control.status()
                if status.state != "running":
                    continue
                spent = psutil.Process(running.pid).cpu_times()
                told, drawn = (client.told, client.drawn) if client else (0, 0)
                spent_s = spent.user + spent.system
                yield Mark(time.monotonic(), spent_s, status.block, told, drawn)


def compare(place: Path, pairs: int, generations: int) -> None:
    """Run the pairs and print what they cost."""
    walls: list[float] = []
    processors: list[float] = []
    rates: list[float] = []
    behind: list[int] = []
    curve_behind: list[int] = []
    for pair in range(pairs):
        costs: dict[bool, Cost] = {}
        # In turn first and second, so that what the machine does besides hits both alike.
        for shown in (pair % 2 == 0, pair % 2 == 1):
            folder = place / f"{pair}-{'with' if shown else 'without'}"
            if shown:
                with page() as client:
                    costs[shown] = cost(folder, generations, client)
            else:
                costs[shown] = cost(folder, generations, None)
        alone, beside = costs[False], costs[True]
        walls.append(beside.wall_ms / alone.wall_ms)
        processors.append(beside.processor_ms / alone.processor_ms)
        rates.append(1e3 / alone.wall_ms)
        behind += beside.behind
        curve_behind += beside.curve_behind
        print(
            f"pair {pair}: wall {alone.wall_ms:.1f} ms without, {beside.wall_ms:.1f} with, "
            f"{walls[-1]:.3f} times; processor {alone.processor_ms:.1f} ms without, "
            f"{beside.processor_ms:.1f} with, {processors[-1]:.3f} times; "
            f"{client.events} events, {len(client.pictures)} pictures",
            flush=True,
        )
    rate_hz = median(rates)
    print(f"{rate_hz:.1f} generations/s without a dashboard")
    print(f"with one: wall {_spread(walls)}, processor of the session {_spread(processors)}")
    for what, lags in (("numbers", behind), ("curve", curve_behind)):
        print(
            f"{what}: {median(lags):.0f} generations behind ({median(lags) / rate_hz:.1f} s), "
            f"at most {max(lags)} ({max(lags) / rate_hz:.1f} s)"
        )


def _spread(ratios: list[float]) -> str:
    return f"{median(ratios):.3f} times ({min(ratios):.3f} to {max(ratios):.3f})"


def main() -> None:
    """Compare sessions with and without a dashboard."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=4)
    parser.add_argument("--generations", type=int, default=600)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nl-") as place:
        # No other session of this user is to be seen, or to be shown.
        os.environ["XDG_RUNTIME_DIR"] = place
        compare(Path(place), chosen.pairs, chosen.generations)


if __name__ == "__main__":
    main()
