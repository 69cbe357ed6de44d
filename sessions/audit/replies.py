"""What a rig reported in files, read a second time from the files themselves.

Written from the text of the log's reference page and the format of the replies alone; shares no
line with `sessions.xdream`, of which it is there to doubt the results. What the rig did before it
wrote a file cannot be asked.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from functools import lru_cache

import h5py
import numpy as np

from sessions.audit.block import LoggedBlock, listed

FOLDER = "replies"
Rates = dict[int, list[float]]
"""Of each unit, in the order of /units, by presentation."""


def rates_differ(logged: LoggedBlock) -> Iterator[str]:
    """Find rates that the replies do not give, replies that are not there, and rates of nothing."""
    shown, reported = logged.rows.presentations, logged.rows.reported
    if not logged.reports_rates:
        if len(reported.presentation_id):
            yield "/reported has rows, although this session counts spikes"
        return
    yield from _unlike_their_hash(logged)
    again = reread(logged)
    ids, stored = reported.presentation_id.tolist(), reported.rates.tolist()
    wrong = [i for i, rates in zip(ids, stored, strict=True) if not _same(rates, again.get(i, []))]
    if wrong:
        yield f"rates of presentations {listed(wrong)} are not what the replies say"
    completed = set(shown.presentation_id[shown.outcome == "completed"].tolist())
    if lacking := sorted(completed - set(ids)):
        yield f"presentations {listed(lacking)} completed without a reported rate"
    if foreign := sorted(set(ids) - set(shown.presentation_id.tolist())):
        yield f"/reported names presentations {listed(foreign)}, which this block does not have"


@lru_cache(maxsize=1)
def reread(logged: LoggedBlock) -> Rates:
    """Return what the replies to a block say; the last block is remembered."""
    reported, replies = logged.rows.reported, logged.rows.replies
    part_of = dict(
        zip(
            logged.rows.presentations.presentation_id.tolist(),
            logged.rows.presentations.part.tolist(),
            strict=True,
        )
    )
    channels = len(logged.start.units)
    names: dict[int, dict[str, int]] = {}
    for presentation_id, file in zip(
        reported.presentation_id.tolist(), reported.file.tolist(), strict=True
    ):
        names.setdefault(part_of[presentation_id], {})[file] = presentation_id
    # What a reply does not name has no response.
    found: Rates = {i: [math.nan] * channels for mine in names.values() for i in mine.values()}
    for part, sha256, file in zip(
        replies.part.tolist(), replies.sha256.tolist(), replies.file.tolist(), strict=True
    ):
        path = logged.folder / FOLDER / f"{sha256}.{file.rpartition('.')[2]}"
        with h5py.File(path, "r") as reply:
            mine = names.get(part, {})
            said = _in_matlab(reply) if file.endswith(".mat") else _in_h5(reply, sorted(mine))
        for name, values in said.items():
            if name in mine:
                found[mine[name]] = (values + [math.nan] * channels)[:channels]
    return found


def _in_matlab(reply: h5py.File) -> dict[str, list[float]]:
    rows = _rows(reply["tEvokedResp"])
    found = {}
    for row, reference in enumerate(reply["stimulusID"][()].flatten()):
        letters = reply[reference][()].flatten().tolist()
        name = "".join(map(chr, letters)).replace("\\", "/").split("/")[-1]
        found[name] = rows[row].tolist()
    return found


def _rows(table: h5py.Dataset) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return one row for each image; of one channel, where there is one dimension."""
    rows = np.array(table, dtype=np.float64)
    return rows[:, None] if rows.ndim == 1 else rows


def _in_h5(reply: h5py.File, names: list[str]) -> dict[str, list[float]]:
    rows = _rows(reply["scores"])
    places = np.array(reply["indices"]).flatten() if "indices" in reply else range(len(rows))
    return {names[int(place)]: row.tolist() for place, row in zip(places, rows, strict=True)}


def _unlike_their_hash(logged: LoggedBlock) -> Iterator[str]:
    replies = logged.rows.replies
    for sha256, file in zip(replies.sha256.tolist(), replies.file.tolist(), strict=True):
        path = logged.folder / FOLDER / f"{sha256}.{file.rpartition('.')[2]}"
        if not path.is_file():
            yield f"the reply {file} is not in the folder {FOLDER} ({path.name})"
        elif hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            yield f"the reply {file} was changed since it was read ({path.name})"


def _same(a: list[float], b: list[float]) -> bool:
    return len(a) == len(b) and all(
        x == y or (math.isnan(x) and math.isnan(y)) for x, y in zip(a, b, strict=True)
    )
