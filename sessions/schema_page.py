"""The reference page of the log's format, printed from `sessions.schema`.

`python -m sessions.schema_page > docs/reference/log_format.md`
"""

import sys

from sessions.layout import Column, Table
from sessions.schema import (
    ADDED_LATER,
    COMMITS,
    CONFIG,
    EVENTS,
    FILE_NAME,
    FIXED_TABLES,
    LINEAGE,
    ROOT_ATTRIBUTES,
    SCHEMA_VERSION,
    TABLES_ADDED_LATER,
    codes_table,
    inherited_table,
    pixels_table,
)


def schema_markdown() -> str:
    """Return the reference page of the format, `docs/reference/log_format.md`."""
    parts = [
        _INTRODUCTION.replace("{added}", _added_markdown()),
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

A session is one HDF5 file, `{FILE_NAME}`, in its session folder. This page describes schema
version {SCHEMA_VERSION}. Python with h5py, MATLAB (`h5read`, `h5readatt`), `h5dump` and any other
HDF5 reader open it without this software. The page is printed from `sessions/schema.py`; change
it there and run `python -m sessions.schema_page > docs/reference/log_format.md`.

- A table is a group, a column is a dataset in it; row k of every column belongs together. Rows of
  different tables match by id, never by position. Every column has the attributes `unit` and
  `description`, and every table a `description`.
- NaN, -1 and empty text mean "none". No data is never a zero.
- The file can be opened at any time, also while the session runs. It is replaced at each commit:
  whoever keeps it open makes no session wait, sees what was there then, and opens it again to see
  more. Open it read-only.

## Which rows count

Row `generations_committed` (an attribute of the root) of `/commits/rows` says how many rows of
each table count, in the order of the names in its attribute `tables`. Read so many rows of a
table, and ignore any others. Of /events, `events_committed` rows count. A session that ended has
no others.

## Shapes and types

N is the number of rows. `units` is the number of rows of /units, `code_dim` is a column of
/threads, h and w are height and width of an image, and `tables` is the number of names in that
attribute.

| type | means | MATLAB |
|---|---|---|
| `<i8`, `<i4` | signed whole numbers of 8 and 4 bytes, little-endian | int64, int32 |
| `<f8`, `<f4` | floating-point numbers of 8 and 4 bytes, little-endian | double, single |
| `u1` | whole numbers of one byte, 0 to 255 | uint8 |
| `S<n>` | text of at most n bytes, padded with zero bytes | char |
| `utf8` | text of any length in UTF-8 | string, or a cell array of char |

Attributes are single numbers (int64, float64), pairs of them where `[2]` stands behind, or text
in UTF-8. There are no compound, enumerated or boolean types, and no lists but text; yes and no
are 1 and 0. Lists are JSON in a text. Nothing is compressed. MATLAB shows the dimensions of an
array in reverse order, N last, and counts rows from 1 where this page counts from 0.

## Versions

`schema_version` is raised when a reader of the former version would misread the file; a reader
must refuse what is newer than what it knows. Within a version, tables and columns may be added.
Logs of this version that were written before lack them:

{{added}}

## From spikes to a score

A spike of unit u at time t counts for a presentation exactly if `onset_rig_s + a <= t <
onset_rig_s + b` in float64, with [a, b) from the root attribute `response_window_s`; [c, e) from
`baseline_window_s` likewise. For an image, R and B are the sums of the integer counts over its m
presentations in a block with outcome `completed` at the place and size (`x_deg`, `y_deg`,
`size_deg`) of the thread, and over the d driver units of the thread. In float64 and in this order
of operations:

    score = R / ((m * d) * (b - a)) - baseline

    baseline_mode "none":          baseline = 0
    baseline_mode "presentation":  baseline = B / ((m * d) * (e - c))
    baseline_mode "block":         baseline = B_all / ((m_all * d) * (e - c))

where B_all and m_all are taken over all completed presentations of the block. Where the root
attribute `responses` is "rates", the score is the mean of the m * d values in `/reported/rates`:
their exact sum, rounded once to float64, divided by m * d. Without a completed presentation the
score is NaN. A reference image is scored in each block for each thread.

## From scores to a curve

The curve of a thread has a point for each of its generations, /generations a row. A generation of
a thread is shown in one block. `score_mean` is the mean of the scores of the thread's images that
were made in that generation, `reference_mean` that of all reference images in that block with the
driver units and the place of the thread. Missing scores (NaN) are left out. Each standard error
is the standard deviation with n - 1 in the denominator, divided by the root of n, over the n
scores that are there.
"""


def _table_markdown(table: Table, title: str) -> str:
    head = f"\n## {title}\n\n{table.description}\n\n| column | shape | type | unit | meaning |"
    return "\n".join([head, "|---|---|---|---|---|", *map(_column_markdown, table.columns)])


def _column_markdown(column: Column) -> str:
    shape = " x ".join(["N", *map(str, column.shape)])
    return (
        f"| `{column.name}` | {shape} | {column.dtype} | {column.unit or '-'} | "
        f"{column.description} |"
    )


def _added_markdown() -> str:
    """List what logs of this version may lack, and as what it is then read."""
    tables = [f"- the table /{path}, read as one without rows" for path in TABLES_ADDED_LATER]
    columns = [
        f"- the column /{table}/{name}, read as {'empty' if value == '' else value}"
        for (table, name), value in ADDED_LATER.items()
    ]
    return "\n".join(["- the attribute `responses` of the root, read as spikes", *tables, *columns])


if __name__ == "__main__":
    sys.stdout.write(schema_markdown())
