"""What a session computed and what it was, as tables of the processing module `misc`.

Codes, scores, the optimizers' numbers of each generation, clock fits, timing, what a rig reported,
and the settings: the config as it was given and as it was understood, versions, seed, lineage.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from hdmf.common import DynamicTable

from sessions import schema
from sessions.nwb.columns import column, columns_of, dynamic_table
from sessions.nwb.metadata import Metadata
from sessions.reader import LogReader
from sessions.records import ThreadInfo
from sessions.storage import json_value

_SUMMARY = "optimizer_summary_json"


def session_tables(reader: LogReader) -> Iterator[DynamicTable]:
    """Yield every table of what the session computed; those without rows are left out."""
    for thread in reader.threads:
        table = schema.codes_table(thread.thread_id, thread.code_dim)
        codes = reader.codes(thread.thread_id)
        if len(codes.image_id):
            about = f"{table.description} float32, as the generator had them."
            yield dynamic_table(f"codes_thread_{thread.thread_id}", about, columns_of(table, codes))
    plain = (
        (schema.SCORES, reader.scores, len(reader.scores.image_id)),
        (schema.CLOCK, reader.clock, len(reader.clock.block)),
        (schema.TIMING, reader.timing, len(reader.timing.block)),
        (schema.REPLIES, reader.replies, len(reader.replies.block)),
    )
    for table, rows, n_rows in plain:
        if n_rows:
            yield dynamic_table(table.path, table.description, columns_of(table, rows))
    if len(reader.reported.presentation_id):
        columns = columns_of(schema.REPORTED, reader.reported, without=("presentation_id",))
        ids = reader.reported.presentation_id
        about = "What the rig reported of each presentation; id is its presentation_id."
        yield dynamic_table("reported_rates", about, columns, ids)
    if len(reader.generations.block):
        yield _optimizer_table(reader)
    yield from _inherited(reader)


def _optimizer_table(reader: LogReader) -> DynamicTable:
    """Return a row for each thread and generation, with every number of the optimizer's summary."""
    rows = reader.generations
    columns = columns_of(schema.GENERATIONS, rows, without=(_SUMMARY,))
    summaries = [json_value(str(text), "optimizer summary") for text in rows.optimizer_summary_json]
    taken = {each.name for each in columns}
    for name in sorted({key for summary in summaries for key in summary} - taken):
        values = np.array([float(summary.get(name, math.nan)) for summary in summaries])
        about = "From the optimizer, before it was asked for this generation; NaN if not given."
        columns.append(column(name, about, values))
    return dynamic_table("optimizer", schema.GENERATIONS.description, columns)


def _inherited(reader: LogReader) -> Iterator[DynamicTable]:
    """Yield what the optimizers of a branch had been told in the session it comes from."""
    lineage = reader.start.lineage
    for thread in lineage.threads if lineage else ():
        if len(thread.image_id):
            table = schema.inherited_table(thread.thread_id, thread.codes.shape[1])
            values = {
                "image_id": thread.image_id,
                "generation": thread.generation,
                "code": thread.codes,
                "told_score": thread.told_scores,
                "n_valid": thread.n_valid,
            }
            columns = [column(c.name, c.description, values[c.name]) for c in table.columns]
            name = f"inherited_codes_thread_{thread.thread_id}"
            about = f"What the optimizer of thread {thread.thread_id} had been told before the "
            yield dynamic_table(name, f"{about}branch, oldest first.", columns)


def settings_table(
    reader: LogReader, metadata: Metadata, program: Mapping[str, str]
) -> DynamicTable:
    """Return everything that was set, by name; JSON objects become one row for each key.

    `program` has the versions of what made the NWB file.
    """
    start, rule = reader.start, reader.rule
    said: dict[str, Any] = {
        "session_id": start.session_id,
        "seed": start.seed,
        "time": start.time,
        "rig_adapter": start.rig_adapter,
        "rig_simulated": start.rig_simulated,
        "display_label": start.display_label,
        "control": start.control,
        "response_window_s": rule.response_window_s or "as reported by the rig",
        "baseline_window_s": rule.baseline_window_s or "none",
        "baseline_mode": rule.baseline_mode,
        "generations_committed": reader.generations_committed,
        "ended_at": reader.end.ended_at if reader.end else "",
        "exit_status": reader.end.exit_status if reader.end else "live or cut off",
        "reason": reader.end.reason if reader.end else "",
        "config_toml": start.config_toml,
        "config": json_value(start.config_json, "config"),
        "versions": dict(start.versions),
        "export": {"versions": dict(program), "subject_id": metadata.subject.subject_id},
        "threads": {str(thread.thread_id): _thread(thread) for thread in start.threads},
        "extra": {name: json_value(text, name) for name, text in start.extra.items()},
    }
    lineage = start.lineage
    if lineage is not None:
        said["lineage"] = {k: v for k, v in vars(lineage).items() if k != "threads"}
    names, values = zip(*_flat(said), strict=True)
    columns = [
        column("setting", "What was set; a point stands before a key of a table.", np.array(names)),
        column("value", "As text; a list as JSON has it.", np.array(values)),
    ]
    about = "How the session was set up, with which software, and how it ended."
    return dynamic_table("settings", about, columns)


def _thread(thread: ThreadInfo) -> dict[str, Any]:
    said = vars(thread).copy()
    settings = said.pop("optimizer_settings_json")
    return {**said, "optimizer_settings": json_value(settings, "settings of an optimizer")}


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield every plain value in nested tables, with its dotted name."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for index, item in enumerate(value):
            yield from _flat(item, f"{name}.{index}")
    elif isinstance(value, list | tuple):
        yield name, "[" + ", ".join(str(item) for item in value) + "]"
    else:
        yield name, "" if value is None else str(value)
