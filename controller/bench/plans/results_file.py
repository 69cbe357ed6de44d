"""The tidy table of a benchmark: one row for each run, in the order of the plan.

An HDF5 file of two groups, one dataset for each column, as in a session's log. `runs` has a row for
each run, `generations` one for each generation of each run, matched by `run`. The same results give
the same bytes, whoever computed them and in which order. What a run took of the processor never
comes out the same twice, and stands beside it in `costs.csv`.
"""

import csv
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from controller.bench.errors import BenchError
from controller.bench.plans.results import RunResult
from controller.bench.plans.runs import RULES, Run
from controller.bench.plans.schedule import Done

FORMAT = 1
_COLUMNS: Mapping[str, str] = {
    "run": "number of the run in the plan, from 0",
    "key": "hash of everything that the result depends on",
    "optimizer": "name of the competitor",
    "control": "none, or shuffled: it was told scores in a random order",
    "generator": "through which the neuron was shown images",
    "group": "kind of neuron",
    "neuron": "name of the neuron, which no other shown through this generator has",
    "noise": "noise of the responses",
    "repeat": "number of the repeat, from 0; the same repeat has the same random numbers",
    "clean_max": "largest noise-free response to any image that was shown, spikes/s or activation",
    "noisy_best": "largest score, in the same unit",
    "first_hz": "mean noise-free response to the first generation",
    "last_hz": "mean noise-free response to the last two generations",
    "norm2_r2": "part of the variance of the mean code's squared norm that a line explains",
    "pc1": "part of the variance of mean codes along their first principal component",
    "pc2": "the same along the second",
    "pc3": "the same along the third",
    "step_cosine": "mean cosine of consecutive steps of the mean code",
    "presentations": "images shown in all",
    "error": "why the run ended early; empty where it did not",
    "description": "JSON from which the run can be redone: neuroloop bench PLAN --redo KEY",
}
_CURVES: Mapping[str, str] = {
    "run": "number of the run",
    "generation": "from 0",
    "presentations": "images shown by its end",
    "mean_hz": "mean noise-free response to its images",
    "best_hz": "largest noise-free response so far",
    "code_norm": "mean Euclidean norm of its codes",
    "sigma": "step size by its end; NaN for an optimizer without one",
}
_TEXT = h5py.string_dtype("utf-8")


@dataclass(frozen=True)
class Row:
    """One run of the table: who ran, and what came of it."""

    run: Run
    result: RunResult


def rows_of(runs: Sequence[Run], done: Done) -> list[Row]:
    """Return the rows that are there, in the order of the plan."""
    return [Row(run, done[run.key][0]) for run in runs if run.key in done]


def write_table(path: Path, rows: Sequence[Row], plan_toml: str) -> None:
    """Write the table, in one step: there is never half of it."""
    beside = path.with_name(f".{path.name}.new")
    with h5py.File(beside, "w", libver="v110", track_order=False) as file:
        file.attrs["format"] = FORMAT
        file.attrs["rules"] = RULES
        file.attrs["plan_toml"] = plan_toml
        file.attrs["versions_json"] = json.dumps(_versions(), sort_keys=True)
        _write(file.create_group("runs"), _COLUMNS, _run_columns(rows))
        _write(file.create_group("generations"), _CURVES, _curve_columns(rows))
    with beside.open("rb") as written:
        os.fsync(written.fileno())
    beside.replace(path)


def write_costs(path: Path, runs: Sequence[Run], done: Done) -> None:
    """Write what each run took of the processor, in seconds."""
    beside = path.with_name(f".{path.name}.new")
    with beside.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(
            ["run", "key", "optimizer", "generator", "group", "optimizer_s", "generator_s",
             "neuron_s", "other_s"]
        )  # fmt: skip
        for number, run in enumerate(runs):
            if run.key in done:
                cost = done[run.key][1]
                seconds = [f"{value:.4f}" for value in asdict(cost).values()]
                table.writerow([number, run.key, run.optimizer, run.generator, run.group, *seconds])
    beside.replace(path)


def read_table(path: Path) -> list[Row]:
    """Return the rows of a table that `write_table` has written.

    Raises:
        BenchError: it is something else.

    """
    try:
        with h5py.File(path, "r") as file:
            if file.attrs["format"] != FORMAT:
                raise BenchError(f"{path} is of another version; write it anew from its journal")
            runs = {name: file["runs"][name][:] for name in _COLUMNS}
            curves = {name: file["generations"][name][:] for name in _CURVES}
    except (OSError, KeyError) as error:
        raise BenchError(f"{path} is no table of a benchmark: {error}") from error
    return list(_rows(runs, curves))


def _rows(runs: Mapping[str, Any], curves: Mapping[str, Any]) -> Iterator[Row]:
    numbers = ("clean_max", "noisy_best", "first_hz", "last_hz", "norm2_r2", "pc1", "pc2", "pc3")
    for place, number in enumerate(runs["run"].tolist()):
        mine = np.flatnonzero(curves["run"] == number)
        described = Run.from_json(runs["description"][place].decode())
        result = RunResult(
            key=runs["key"][place].decode(),
            **{name: float(runs[name][place]) for name in (*numbers, "step_cosine")},
            presentations=tuple(curves["presentations"][mine].tolist()),
            mean_hz=tuple(curves["mean_hz"][mine].tolist()),
            best_hz=tuple(curves["best_hz"][mine].tolist()),
            code_norm=tuple(curves["code_norm"][mine].tolist()),
            sigma=tuple(curves["sigma"][mine].tolist()),
            error=runs["error"][place].decode(),
        )
        yield Row(described, result)


def _write(group: h5py.Group, about: Mapping[str, str], columns: Mapping[str, list[Any]]) -> None:
    for name, meaning in about.items():
        values = columns[name]
        if values and isinstance(values[0], str):
            dataset = group.create_dataset(name, data=values, dtype=_TEXT)
        else:
            dataset = group.create_dataset(name, data=np.asarray(values))
        dataset.attrs["description"] = meaning


def _run_columns(rows: Sequence[Row]) -> dict[str, list[Any]]:
    table: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
    for number, row in enumerate(rows):
        described, result = row.run, row.result
        found = {**asdict(described), **asdict(result)}
        found |= {
            "run": number,
            "presentations": result.presentations[-1] if result.presentations else 0,
            "description": described.to_json(),
        }
        for name in _COLUMNS:
            table[name].append(found[name])
    return table


def _curve_columns(rows: Sequence[Row]) -> dict[str, list[Any]]:
    table: dict[str, list[Any]] = {name: [] for name in _CURVES}
    for number, row in enumerate(rows):
        n = len(row.result.presentations)
        table["run"] += [number] * n
        table["generation"] += list(range(n))
        for name in ("presentations", "mean_hz", "best_hz", "code_norm", "sigma"):
            table[name] += list(getattr(row.result, name))
    return table


def _versions() -> dict[str, str]:
    found = {}
    for package in ("neuroloop", "numpy", "scipy", "torch", "h5py", "cma", "nevergrad"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def same(a: RunResult, b: RunResult) -> bool:
    """Whether two results are the same to the last bit; NaN is like NaN."""
    return all(_same(x, y) for x, y in zip(asdict(a).values(), asdict(b).values(), strict=True))


def _same(x: Any, y: Any) -> bool:
    if isinstance(x, tuple):
        return len(x) == len(y) and all(map(_same, x, y))
    return bool(x == y) or (isinstance(x, float) and math.isnan(x) and math.isnan(y))
