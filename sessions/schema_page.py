"""The reference page of the log's format, printed from `sessions.schema`.

`python -m sessions.schema_page > docs/reference/log_format.md`
"""

import sys

from sessions.layout import Column, Table
from sessions.schema import (
    COMMITS,
    CONFIG,
    EVENTS,
    FILE_NAME,
    FIXED_TABLES,
    LINEAGE,
    ROOT_ATTRIBUTES,
    SCHEMA_VERSION,
    codes_table,
    inherited_table,
    pixels_table,
)


def schema_markdown() -> str:
    """Return the reference page of the format, `docs/reference/log_format.md`."""
    parts = [
        _INTRODUCTION,
        "## Attributes of the root\n\n| name | type | meaning |\n|---|---|---|",
        *(f"| `{item.name}` | {item.dtype} | {item.description} |" for item in ROOT_ATTRIBUTES),
        "\n## /config\n\nSingle values.\n\n| name | type | meaning |\n|---|---|---|",
        *(f"| `{item.name}` | {item.dtype} | {item.description} |" for item in CONFIG),
        *(_table_markdown(table, f"/{table.path}") for table in (*FIXED_TABLES, EVENTS, COMMITS)),
        _table_markdown(pixels_table("h", "w"), "/pixels"),
        _table_markdown(codes_table("<id>", "code_dim"), "/codes/thread_<id>"),
        "\n## /lineage\n\nAttributes of a group that only the log of a branch has.\n\n"
        "| name | type | meaning |\n|---|---|---|",
        *(f"| `{item.name}` | {item.dtype} | {item.description} |" for item in LINEAGE),
        _table_markdown(inherited_table("<id>", "code_dim"), "/lineage/thread_<id>"),
    ]
    return "\n".join(parts) + "\n"


_INTRODUCTION = f"""\
# The session log

A session is one HDF5 file, `{FILE_NAME}`, in its session folder (schema version {SCHEMA_VERSION}).
Python with h5py, MATLAB (`h5read`, `h5readatt`) and any other HDF5 reader open it without this
software. This page is printed from `sessions/schema.py`; change it there and run
`python -m sessions.schema_page > docs/reference/log_format.md`.

- A table is a group, a column is a dataset in it; row k of every column belongs together. Rows of
  different tables match by id, never by position. Every column has the attributes `unit` and
  `description`.
- Short text is fixed-length bytes (`S<n>`), free text is variable-length UTF-8 (`utf8`). Numbers
  are little-endian. Nothing is compressed.
- MATLAB shows dimensions in reverse order, and counts rows from 1 where this page counts from 0.
- While a session runs, the file is closed between commits and can be opened at any time. Trust the
  rows of committed generations only: `/commits/rows`, row `generations_committed`, holds the number
  of rows of each table. In a session that ended well there are no others.
- Open it read-only. A program that keeps it open makes no session wait, and may have to open it
  again to see new rows.

## From spikes to a score

A spike of unit u at time t counts for a presentation exactly if
`onset_rig_s + a <= t < onset_rig_s + b` in float64, with [a, b) from the root attribute
`response_window_s`; [c, e) from `baseline_window_s` likewise. For an image, R and B are the sums of
the integer counts over its m presentations with outcome `completed` at the place and size of the
thread, and over the d driver units of the thread. In float64 and in this order of operations:

    score = R / ((m * d) * (b - a)) - baseline

    baseline_mode "none":          baseline = 0
    baseline_mode "presentation":  baseline = B / ((m * d) * (e - c))
    baseline_mode "block":         baseline = B_all / ((m_all * d) * (e - c))

where B_all and m_all are taken over all completed presentations of the block. Where the root
attribute `responses` is "rates", the score is the mean of the m * d values in `/reported/rates`:
their exact sum, rounded once to float64, divided by m * d. Without a completed
presentation the score is NaN. A reference image is scored in each block for each thread.
"""


def _table_markdown(table: Table, title: str) -> str:
    head = f"\n## {title}\n\n{table.description}\n\n| column | type | unit | meaning |"
    return "\n".join([head, "|---|---|---|---|", *map(_column_markdown, table.columns)])


def _column_markdown(column: Column) -> str:
    size = ", ".join(["N", *map(str, column.shape)])
    shape = f" [{size}]" if column.shape else ""
    return f"| `{column.name}` | {column.dtype}{shape} | {column.unit} | {column.description} |"


if __name__ == "__main__":
    sys.stdout.write(schema_markdown())
