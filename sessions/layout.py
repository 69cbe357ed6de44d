"""The terms in which `sessions.schema` describes a file: columns, tables and single values."""

from __future__ import annotations

from dataclasses import dataclass

TEXT = "utf8"
"""Column type of free text: variable-length UTF-8. Short text is `S<n>`, fixed-length bytes."""


@dataclass(frozen=True)
class Column:
    """One extendable dataset: a numpy type (or `TEXT`), trailing shape, unit and a sentence.

    A trailing dimension is a number or the name of one that the session fixes
    ("units", "code_dim", "h", "w", "tables").
    """

    name: str
    dtype: str
    unit: str
    description: str
    shape: tuple[int | str, ...] = ()


@dataclass(frozen=True)
class Table:
    """One HDF5 group whose datasets are row-aligned columns; `chunk_rows` rows to a chunk."""

    path: str
    description: str
    columns: tuple[Column, ...]
    chunk_rows: int = 256


@dataclass(frozen=True)
class Scalar:
    """One attribute of the root, or one single-value dataset under /config."""

    name: str
    dtype: str
    description: str
