"""Checks that a file has the tables and columns of `sessions.schema`, as their types say.

What is missing here, no other check could read. Tables and columns that another program has added
are nobody's business.
"""

from __future__ import annotations

from collections.abc import Iterator

import h5py
import numpy as np

from sessions.checks.base import Check
from sessions.layout import TEXT, Column, Table
from sessions.reader import LogReader
from sessions.schema import (
    ADDED_LATER,
    CONFIG,
    EVENTS,
    FIXED_TABLES,
    ROOT_ATTRIBUTES,
    TABLES_ADDED_LATER,
    codes_table,
)
from sessions.storage import open_for_reading

_ATTRIBUTES_ADDED_LATER = frozenset({"responses"})


def wrong_layout(reader: LogReader) -> Iterator[str]:
    """Find what a log lacks, and columns of another type, shape or unit."""
    with open_for_reading(reader.path) as file:
        for scalar in ROOT_ATTRIBUTES:
            if scalar.name not in file.attrs and scalar.name not in _ATTRIBUTES_ADDED_LATER:
                yield f"The attribute {scalar.name} is missing."
        for scalar in CONFIG:
            if f"config/{scalar.name}" not in file:
                yield f"/config/{scalar.name} is missing."
        for table in (*FIXED_TABLES, EVENTS, *_code_tables(file)):
            yield from _of_table(file, table)


def _code_tables(file: h5py.File) -> Iterator[Table]:
    """Yield the tables of codes that the threads of a log ask for."""
    if "threads/thread_id" in file and "threads/code_dim" in file:
        ids, dims = file["threads/thread_id"][:], file["threads/code_dim"][:]
        yield from map(codes_table, ids.tolist(), dims.tolist())


def _of_table(file: h5py.File, table: Table) -> Iterator[str]:
    if table.path not in file:
        if table.path not in TABLES_ADDED_LATER:
            yield f"The table /{table.path} is missing."
        return
    for column in table.columns:
        name = f"/{table.path}/{column.name}"
        if column.name in file[table.path]:
            yield from _of_column(name, file[name], column)
        elif (table.path, column.name) not in ADDED_LATER:
            yield f"The column {name} is missing."


def _of_column(name: str, dataset: h5py.Dataset, column: Column) -> Iterator[str]:
    text = h5py.check_string_dtype(dataset.dtype)
    is_free_text = text is not None and text.length is None
    if (column.dtype == TEXT) != is_free_text or (
        column.dtype != TEXT and dataset.dtype != np.dtype(column.dtype)
    ):
        yield f"The column {name} is of type {dataset.dtype}, and not {column.dtype}."
    due = tuple(size if isinstance(size, int) else None for size in column.shape)
    tail = dataset.shape[1:]
    if len(tail) != len(due) or any(
        size not in (None, found) for size, found in zip(due, tail, strict=True)
    ):
        yield f"The rows of {name} have the shape {tail}."
    if dataset.attrs.get("unit") != column.unit:
        yield f"The unit of {name} is {dataset.attrs.get('unit')!r}, and not {column.unit!r}."


LAYOUT_CHECKS = (
    Check(
        "layout",
        "error",
        "Another program changed the file: take a complete copy from the rig.",
        wrong_layout,
    ),
)
