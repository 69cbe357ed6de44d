"""The rows of a benchmark's table without their curves, for a spreadsheet or a page.

Six significant digits; the whole, to the last bit, is in `results.h5` beside it.
"""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from controller.bench.errors import BenchError
from controller.bench.plans.results import RunResult
from controller.bench.plans.results_file import Row
from controller.bench.plans.runs import Run

_OF_RUN = ("key", "optimizer", "control", "generator", "group", "neuron", "noise", "repeat")
_NUMBERS = (
    "clean_max", "noisy_best", "first_hz", "last_hz", "norm2_r2", "pc1", "pc2", "pc3",
    "step_cosine", "code_norm", "presentations",
)  # fmt: skip
_AT_THE_END = ("code_norm", "presentations")
"""Of these there is one for each generation; here is the last."""


def runs_csv(rows: Sequence[Row]) -> str:
    """Return the rows as text, with a head."""
    file = io.StringIO()
    table = csv.writer(file, lineterminator="\n")
    table.writerow([*_OF_RUN, *_NUMBERS, "error"])
    for row in rows:
        found = {**asdict(row.run), **asdict(row.result), "key": row.result.key}
        for name in _AT_THE_END:
            found[name] = (found[name] or (math.nan,))[-1]
        numbers = [f"{found[name]:.6g}" for name in _NUMBERS]
        table.writerow([*(found[name] for name in _OF_RUN), *numbers, found["error"]])
    return file.getvalue()


def rows_of_csv(text: str) -> list[Row]:
    """Return the rows that `runs_csv` wrote; their curves have one point, the last.

    Raises:
        BenchError: it is something else.

    """
    table = csv.DictReader(io.StringIO(text))
    if table.fieldnames != [*_OF_RUN, *_NUMBERS, "error"]:
        raise BenchError("the file holds no rows of a benchmark")
    return [_row(fields) for fields in table]


def _row(fields: dict[str, Any]) -> Row:
    numbers = {name: float(fields[name]) for name in _NUMBERS}
    run = Run(
        **{name: fields[name] for name in _OF_RUN if name not in ("key", "repeat")},
        repeat=int(fields["repeat"]),
        generations=0,
        seed=0,
        response="",
        optimizer_table={},
        generator_table={},
        neuron_table={},
    )
    curves = {name: (numbers.pop(name),) for name in _AT_THE_END}
    shown = tuple(int(n) for n in curves["presentations"] if not math.isnan(n))
    last = (numbers["clean_max"],)
    result = RunResult(
        key=fields["key"],
        **numbers,
        presentations=shown,
        mean_hz=last,
        best_hz=last,
        code_norm=curves["code_norm"],
        sigma=(math.nan,),
        error=fields["error"],
    )
    return Row(run, result)
