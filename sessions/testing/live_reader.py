"""Reads the log of a running session over and over, as an analysis beside it would, and checks it.

    python -m sessions.testing.live_reader session.h5 --every-s 0.05

Looks in turn with plain h5py and with `sessions.reader`, until its standard input ends; then looks
a last time each way and prints what it met, as JSON. A generation is torn where the tables disagree
about it, or where its counts and scores do not follow from its spikes.
"""

from __future__ import annotations

import argparse
import json
import select
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import h5py
import numpy as np

from sessions.analysis.responses import count_spikes, score_thread
from sessions.reader import open_log
from sessions.replay import read_presentations, read_spikes


@dataclass
class Tally:
    """What a reader met: looks, errors by their text, torn generations, the last one it saw."""

    looks: int = 0
    generations: int = 0
    last_generation: int = 0
    errors: list[str] = field(default_factory=list)
    torn: list[str] = field(default_factory=list)


def with_h5py(path: Path) -> tuple[int, list[str]]:
    """Return how many generations h5py alone finds committed, and how the last one is torn."""
    with h5py.File(path, "r") as file:
        committed = int(file.attrs["generations_committed"])
        commits = file["commits/rows"]
        keys = [key.decode() for key in commits.attrs["tables"]]
        rows = dict(zip(keys, commits[committed].tolist(), strict=True))
        if not committed:
            return 0, []
        torn = [
            f"/{key}/{name} has {column.shape[0]} rows of {rows[key]}"
            for key in ("scores", "presentations", "spikes", "codes/thread_0")
            for name, column in file[key].items()
            if column.shape[0] < rows[key]
        ]
        if torn:
            return committed, torn
        last = committed - 1
        shown = _rows_of(file["presentations"], rows["presentations"], last)
        scores = _rows_of(file["scores"], rows["scores"], last)
        spikes = _rows_of(file["spikes"], rows["spikes"], last)
        units = file["units/unit_id"][:].tolist()
        drivers = json.loads(file["threads/driver_unit_ids"].asstr()[0])
        start_s, stop_s = file.attrs["response_window_s"].tolist()
    completed = shown["outcome"] == b"completed"
    for image_id, score in zip(scores["image_id"], scores["score"], strict=True):
        mine = np.flatnonzero(completed & (shown["image_id"] == image_id))
        total = 0
        for unit in drivers:
            times = np.sort(spikes["rig_time_s"][spikes["unit_id"] == unit])
            onsets = shown["onset_rig_s"][mine]
            ends = np.searchsorted(times, onsets + stop_s), np.searchsorted(times, onsets + start_s)
            counts = ends[0] - ends[1]
            if (counts != shown["response_counts"][mine, units.index(unit)]).any():
                torn.append(f"counts of image {image_id} do not follow from the spikes")
            total += int(counts.sum())
        n = len(mine) * len(drivers)
        again = total / (n * (stop_s - start_s)) if n else np.nan
        if not np.array_equal(score, again, equal_nan=True):
            torn.append(f"image {image_id} scores {score}, and {again} from its spikes")
    return committed, torn


def with_reader(path: Path) -> tuple[int, list[str]]:
    """Return how many generations `sessions.reader` finds, and how the last one is torn."""
    reader = open_log(path)
    committed = reader.generations_committed
    if not committed:
        return 0, []
    last, torn = committed - 1, []
    shown = read_presentations(reader, last)
    spikes, window_s = read_spikes(reader, last), reader.rule.response_window_s
    assert window_s is not None
    times, units = spikes.rig_time_s, spikes.unit_id
    counts = count_spikes(times, units, reader.unit_ids, shown.onset_rig_s, window_s)
    completed = np.array(shown.outcome) == "completed"
    if (shown.response_counts != counts)[completed].any():
        torn.append("counts do not follow from the spikes")
    for thread in reader.threads:
        codes = reader.codes(thread.thread_id)
        ids = codes.image_id[codes.generation == last]
        mine = (reader.scores.thread_id == thread.thread_id) & (reader.scores.block == last)
        mine &= reader.scores.kind == "generated"
        if not len(ids) or not np.array_equal(np.sort(ids), np.sort(reader.scores.image_id[mine])):
            torn.append(f"codes and scores of thread {thread.thread_id} are not of the same images")
        scored = score_thread(
            thread, reader.scores.image_id[mine], shown, reader.unit_ids, reader.rule
        )
        if not np.array_equal(scored.scores, reader.scores.score[mine], equal_nan=True):
            torn.append(f"scores of thread {thread.thread_id} do not follow from the spikes")
    return committed, torn


WAYS: tuple[Callable[[Path], tuple[int, list[str]]], ...] = (with_h5py, with_reader)


def follow(path: Path, every_s: float) -> Tally:
    """Look every `every_s` until standard input ends, and once more each way; count what is met."""
    tally = Tally()
    for due_s, way in _looks(every_s):
        if path.exists():
            _look(path, way, tally)
        ended, _, _ = select.select([sys.stdin], [], [], max(0.0, due_s - time.monotonic()))
        if ended:
            break
    for way in WAYS:
        _look(path, way, tally)
    return tally


def _looks(every_s: float) -> Iterator[tuple[float, Callable[[Path], tuple[int, list[str]]]]]:
    number, begun_s = 0, time.monotonic()
    while True:
        number += 1
        yield begun_s + number * every_s, WAYS[number % len(WAYS)]


def _look(path: Path, way: Callable[[Path], tuple[int, list[str]]], tally: Tally) -> None:
    tally.looks += 1
    try:
        committed, torn = way(path)
    except Exception as error:  # noqa: BLE001 - whatever a reader meets is what is counted here
        tally.errors.append(f"{way.__name__}: {type(error).__name__}: {error}")
        return
    tally.torn += [f"{way.__name__}, generation {committed - 1}: {what}" for what in torn]
    tally.generations += committed > tally.last_generation
    if committed < tally.last_generation:
        tally.torn.append(f"{way.__name__}: generation {tally.last_generation - 1} is gone again")
    tally.last_generation = committed


def _rows_of(group: h5py.Group, rows: int, block: int) -> dict[str, np.ndarray]:
    chosen = group["block"][:rows] == block
    return {name: column[:rows][chosen] for name, column in group.items()}


def main() -> None:
    """Follow the log that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("log", type=Path)
    parser.add_argument("--every-s", type=float, default=0.05)
    arguments = parser.parse_args()
    sys.stdout.write(json.dumps(asdict(follow(arguments.log, arguments.every_s))) + "\n")


if __name__ == "__main__":
    main()
