"""Tables of the log as tables of NWB: same columns, same names, same sentences.

A column of text, numbers or vectors becomes a `VectorData` whose description is the one of
`sessions.schema`, with its unit. Which tables there are is told in the modules that use this.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from hdmf.common import DynamicTable, VectorData

from sessions.layout import Table
from sessions.records import Ints

Rows = npt.NDArray[np.intp]
"""Which rows of a table, in which order."""


def column(name: str, description: str, values: Any) -> VectorData:
    """Return one column; texts `(n,)` as a list, all else as an array."""
    array = np.asarray(values)
    data = array.tolist() if array.dtype.kind == "U" else array
    return VectorData(name=name, description=description, data=data)


def columns_of(
    table: Table,
    rows: Any,
    order: Rows | None = None,
    without: Collection[str] = (),
) -> list[VectorData]:
    """Return the columns of `rows`, one of `sessions.tables`, as `table` describes them.

    `order` chooses rows; `without` names columns to leave out.
    """
    chosen = slice(None) if order is None else order
    return [
        column(each.name, described(each.description, each.unit), getattr(rows, each.name)[chosen])
        for each in table.columns
        if each.name not in without
    ]


def described(description: str, unit: str) -> str:
    """Return a description with its unit, where that is one."""
    return f"{description} Unit: {unit}." if unit and unit not in ("id", "index") else description


def dynamic_table(
    name: str, description: str, columns: Sequence[VectorData], ids: Ints | None = None
) -> DynamicTable:
    """Return a table; its rows are numbered where they have no ids of their own."""
    n_rows = len(columns[0].data)
    return DynamicTable(
        name=name,
        description=description,
        columns=list(columns),
        id=np.arange(n_rows) if ids is None else ids,
    )
