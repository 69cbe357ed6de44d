"""/lineage of a branch's log: written when it begins, and read back.

What it means is in `sessions.records.Lineage`; where it comes from is the controller's business.
"""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np

from sessions.records import InheritedThread, Lineage
from sessions.schema import LINEAGE, inherited_table
from sessions.storage import create_table, read_column, write_rows


def write_lineage(file: h5py.File, lineage: Lineage) -> None:
    """Write the lineage of a new log."""
    group = file.create_group("lineage")
    group.attrs["description"] = "Where this session, which is a branch, comes from."
    for scalar in LINEAGE:
        value: Any = getattr(lineage, scalar.name)
        group.attrs[scalar.name] = np.int64(value) if scalar.dtype == "int64" else value
    for thread in lineage.threads:
        table = inherited_table(thread.thread_id, thread.codes.shape[1])
        create_table(file, table, {})
        write_rows(
            file[table.path],
            table,
            0,
            {
                "image_id": thread.image_id,
                "generation": thread.generation,
                "code": thread.codes,
                "told_score": thread.told_scores,
                "n_valid": thread.n_valid,
            },
        )
        file[table.path].attrs["optimizer_json"] = thread.optimizer_json
        file[table.path].attrs["from_first_codes"] = np.int64(thread.from_first_codes)


def read_lineage(file: h5py.File, thread_ids: list[int]) -> Lineage | None:
    """Read the lineage of a log; None where it is no branch."""
    if "lineage" not in file:
        return None
    group = file["lineage"]
    told = {scalar.name: _plain(group.attrs[scalar.name]) for scalar in LINEAGE}
    return Lineage(**told, threads=tuple(_thread(group, thread_id) for thread_id in thread_ids))


def _thread(lineage: h5py.Group, thread_id: int) -> InheritedThread:
    group = lineage[f"thread_{thread_id}"]
    rows = group["image_id"].shape[0]
    return InheritedThread(
        thread_id=thread_id,
        optimizer_json=str(group.attrs["optimizer_json"]),
        from_first_codes=bool(group.attrs["from_first_codes"]),
        image_id=read_column(group["image_id"], rows),
        generation=read_column(group["generation"], rows),
        codes=read_column(group["code"], rows),
        told_scores=read_column(group["told_score"], rows),
        n_valid=read_column(group["n_valid"], rows),
    )


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
