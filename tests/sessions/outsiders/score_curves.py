"""Score curves of a log, by somebody who has h5py, NumPy and the page on the log's format alone.

Written from docs/reference/log_format.md. Prints JSON: the curves that /spikes and /presentations
give, and every name of the file that was needed for them.
"""

import json
import math
import sys

import h5py
import numpy as np


class Log:
    """Reads rows that count, and remembers what was asked for."""

    def __init__(self, path):
        self.file = h5py.File(path, "r")
        self.used = set()
        rows = self.file["commits/rows"]
        counted = rows[int(self.attribute("generations_committed"))]
        names = [name.decode() for name in rows.attrs["tables"]]
        self.n_rows = dict(zip(names, counted.tolist(), strict=True))

    def attribute(self, name):
        self.used.add(name)
        return self.file.attrs[name]

    def column(self, table, name):
        self.used.add(f"/{table}/{name}")
        values = self.file[table][name][: self.n_rows[table]]
        if values.dtype.kind == "O":
            return [text.decode("utf-8") for text in values]
        return np.char.decode(values, "ascii") if values.dtype.kind == "S" else values


def main(path):
    log = Log(path)
    presentations = {
        name: log.column("presentations", name)
        for name in ("block", "image_id", "outcome", "onset_rig_s", "x_deg", "y_deg", "size_deg")
    }
    kind = dict(zip(log.column("images", "image_id"), log.column("images", "kind"), strict=True))
    made_by = dict(
        zip(log.column("images", "image_id"), log.column("images", "thread_id"), strict=True)
    )
    trains = {}
    for unit_id in log.column("units", "unit_id"):
        mine = log.column("spikes", "unit_id") == unit_id
        trains[int(unit_id)] = np.sort(log.column("spikes", "rig_time_s")[mine])

    a, b = log.attribute("response_window_s")
    c, e = log.attribute("baseline_window_s")
    mode = log.attribute("baseline_mode")
    completed = presentations["outcome"] == "completed"

    def total(rows, units, begin, end):
        onsets = presentations["onset_rig_s"][rows]
        return sum(
            int(np.searchsorted(trains[u], t + end) - np.searchsorted(trains[u], t + begin))
            for u in units
            for t in onsets
        )

    def score(image_id, block, thread):
        there = completed & (presentations["block"] == block)
        here = there & (presentations["image_id"] == image_id)
        for name, value in thread["place"].items():
            here &= presentations[name] == value
        mine, units = np.flatnonzero(here), thread["units"]
        if not len(mine):
            return math.nan
        baseline = 0.0
        if mode == "presentation":
            baseline = total(mine, units, c, e) / ((len(mine) * len(units)) * (e - c))
        elif mode == "block":
            every = np.flatnonzero(there)
            baseline = total(every, units, c, e) / ((len(every) * len(units)) * (e - c))
        return total(mine, units, a, b) / ((len(mine) * len(units)) * (b - a)) - baseline

    def point(scores):
        known = np.array([value for value in scores if not math.isnan(value)])
        n = len(known)
        mean = float(known.mean()) if n else math.nan
        return mean, float(known.std(ddof=1)) / math.sqrt(n) if n > 1 else math.nan

    threads = {}
    for k, thread_id in enumerate(log.column("threads", "thread_id").tolist()):
        x, y = log.column("threads", "position_deg")[k]
        threads[thread_id] = {
            "units": json.loads(log.column("threads", "driver_unit_ids")[k]),
            "place": {"x_deg": x, "y_deg": y, "size_deg": log.column("threads", "size_deg")[k]},
        }

    curves = []
    for thread_id, generation, block in zip(
        log.column("generations", "thread_id").tolist(),
        log.column("generations", "generation").tolist(),
        log.column("generations", "block").tolist(),
        strict=True,
    ):
        thread = threads[thread_id]
        shown = set(presentations["image_id"][presentations["block"] == block].tolist())
        evolved = [i for i in shown if kind[i] == "generated" and made_by[i] == thread_id]
        references = [i for i in kind if kind[i] == "reference"]
        curves.append(
            {
                "thread_id": thread_id,
                "generation": generation,
                "score": point([score(i, block, thread) for i in sorted(evolved)]),
                "reference": point([score(i, block, thread) for i in sorted(references)]),
            }
        )
    sys.stdout.write(json.dumps({"curves": curves, "used": sorted(log.used)}))


main(sys.argv[1])
