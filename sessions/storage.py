"""HDF5 underneath the log: opening, locking, creating tables and durable row-wise writing.

Knows tables as `sessions.schema` describes them, and nothing of sessions. Rows are written at a
place that the caller states, so rows left by a writer that died are overwritten, not kept.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from sessions.errors import LogBusyError, LogFormatError, RecordError
from sessions.layout import TEXT, Column, Table

Values = npt.NDArray[Any] | tuple[str, ...]

WRITER_GRACE_S = 5.0
"""How long a reader waits for a commit to end; a commit takes some milliseconds."""

_POLL_S = 0.005


@contextmanager
def open_for_reading(path: Path) -> Iterator[h5py.File]:
    """Open a file for reading, waiting while a commit is being written.

    Raises:
        LogFormatError: HDF5 cannot read it.
        LogBusyError: it stayed open for writing.

    """
    deadline = time.monotonic() + WRITER_GRACE_S
    while True:
        try:
            file = h5py.File(path, "r")
            break
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise LogBusyError(
                    f"{path} has been open for writing for {WRITER_GRACE_S:.0f} s in another "
                    "program; close it there and try again."
                ) from error
            time.sleep(_POLL_S)
        except OSError as error:
            raise LogFormatError(
                f"{path} cannot be read as HDF5 ({error}); it is another kind of file, or was cut "
                "short: take a complete copy from the rig."
            ) from error
    with file:
        yield file


def sync_directory(folder: Path) -> None:
    """Make a new name in a folder durable (Windows opens no folders, and needs no such call)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def create_table(file: h5py.File, table: Table, sizes: Mapping[str, int]) -> None:
    """Create an empty table; `sizes` gives the named trailing dimensions."""
    group = file.require_group(table.path)
    group.attrs["description"] = table.description
    for column in table.columns:
        create_column(group, table, column, sizes)


def create_column(
    group: h5py.Group,
    table: Table,
    column: Column,
    sizes: Mapping[str, int],
    rows: int = 0,
    fill: str | float = "",
) -> None:
    """Create a column with so many rows of `fill`; `sizes` as for `create_table`."""
    tail = tuple(sizes[size] if isinstance(size, str) else size for size in column.shape)
    dtype = h5py.string_dtype() if column.dtype == TEXT else np.dtype(column.dtype)
    dataset = group.create_dataset(
        column.name,
        shape=(rows, *tail),
        maxshape=(None, *tail),
        chunks=(table.chunk_rows, *(max(size, 1) for size in tail)),
        dtype=dtype,
        # Text is empty where nothing is written, and has no fill value of its own.
        fillvalue=fill or None,
    )
    dataset.attrs["unit"] = column.unit
    dataset.attrs["description"] = column.description


def write_rows(group: h5py.Group, table: Table, start: int, columns: Mapping[str, Values]) -> int:
    """Make `columns` the rows from `start` on, drop what lay beyond, return the new row count.

    Raises:
        RecordError: a text is longer than its column.
        LogFormatError: the table holds fewer than `start` rows.

    """
    stop = start + len(next(iter(columns.values())))
    for column in table.columns:
        values = _encoded(column, columns[column.name])
        if column.dtype == TEXT:
            _write_text(group[column.name], start, values)
        else:
            _write_fixed(h5py.h5d.open(group.id, column.name.encode()), start, values)
    return stop


def _write_text(dataset: h5py.Dataset, start: int, values: npt.NDArray[Any]) -> None:
    stop = start + len(values)
    _require_rows(dataset.id, start)
    dataset.resize(stop, axis=0)
    if len(values):
        dataset[start:stop] = values


def _write_fixed(dataset: h5py.h5d.DatasetID, start: int, values: npt.NDArray[Any]) -> None:
    """As `_write_text` through the low-level interface, which takes a third of the time."""
    _require_rows(dataset, start)
    shape = dataset.shape
    if shape[0] != start + len(values):
        dataset.set_extent((start + len(values), *shape[1:]))
    if len(values):
        target = dataset.get_space()
        target.select_hyperslab((start, *(0 for _ in values.shape[1:])), values.shape)
        dataset.write(h5py.h5s.create_simple(values.shape), target, values)


def truncate(group: h5py.Group, table: Table, rows: int) -> int:
    """Cut every column to `rows` rows and return how many rows were cut at most."""
    cut = 0
    for column in table.columns:
        dataset = group[column.name]
        _require_rows(dataset.id, rows)
        if dataset.shape[0] != rows:
            cut = max(cut, dataset.shape[0] - rows)
            dataset.resize(rows, axis=0)
    return cut


def _require_rows(dataset: h5py.h5d.DatasetID, rows: int) -> None:
    if dataset.shape[0] < rows:
        name = h5py.h5i.get_name(dataset).decode()
        raise LogFormatError(
            f"Column {name} of the log holds {dataset.shape[0]} rows where "
            f"{rows} were committed; the file was damaged, so restore it from a copy."
        )


def _encoded(column: Column, values: Values) -> npt.NDArray[Any]:
    if isinstance(values, np.ndarray):
        try:
            # Refuses floats where ids are due, which would be cut silently.
            return np.ascontiguousarray(
                values.astype(column.dtype, casting="same_kind", copy=False)
            )
        except TypeError as error:
            raise RecordError(
                f"Column {column.name} is {column.dtype} and was given {values.dtype}; "
                "convert it where it is made."
            ) from error
    if column.dtype == TEXT:
        return np.array(values, dtype=object)
    encoded = [value.encode() for value in values]
    longest = max(encoded, key=len, default=b"")
    if len(longest) > np.dtype(column.dtype).itemsize:
        raise RecordError(
            f"{longest.decode()!r} is too long for column {column.name} "
            f"({np.dtype(column.dtype).itemsize} bytes); shorten it."
        )
    return np.array(encoded, dtype=column.dtype)


def read_column(dataset: h5py.Dataset, rows: int | slice) -> npt.NDArray[Any]:
    """Read the first `rows` rows, or a slice of rows; text comes back as an array of `str`."""
    selection = slice(0, rows) if isinstance(rows, int) else rows
    if dataset.dtype.kind == "O":
        return np.array(dataset.asstr()[selection], dtype=np.str_)
    values: npt.NDArray[Any] = dataset[selection]
    return np.char.decode(values, "utf-8") if values.dtype.kind == "S" else values


def read_rows(group: h5py.Group, name: str, rows: slice) -> npt.NDArray[Any]:
    """As `read_column` a slice of rows, through the low-level interface where that can be.

    It takes a third of the time, and an audit reads sixty columns of every block.
    """
    dataset = h5py.h5d.open(group.id, name.encode())
    dtype = dataset.dtype
    if dtype.kind == "O":
        return read_column(group[name], rows)
    start, stop = min(rows.start, dataset.shape[0]), min(rows.stop, dataset.shape[0])
    values = np.empty((max(0, stop - start), *dataset.shape[1:]), dtype)
    if values.size:
        source = dataset.get_space()
        source.select_hyperslab((start, *(0 for _ in values.shape[1:])), values.shape)
        dataset.read(h5py.h5s.create_simple(values.shape), source, values)
    return np.char.decode(values, "utf-8") if dtype.kind == "S" else values


def json_value(text: str, what: str) -> Any:
    """Return what a JSON text of a log says; LogFormatError where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LogFormatError(
            f"The log's {what} is not JSON ({str(error)[:100]}); it was damaged, or written by "
            "another program."
        ) from error
