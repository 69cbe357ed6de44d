"""Standings as JSON, one line for each row, from which pages are printed anew.

What is left out: results of single runs (`controller.bench.saved_results`).
"""

import json
import math
from dataclasses import asdict
from typing import Any

from controller.bench.errors import BenchError
from controller.bench.standings import Estimate, Row, Standings

_DIGITS = 4


def standings_json(standings: Standings) -> str:
    """Return standings as text; numbers rounded to four places, infinite ones null."""
    fields = asdict(standings)
    rows = fields.pop("rows")
    head = json.dumps(_plain(fields))[1:-1]
    lines = ",\n".join(json.dumps(_plain(row), allow_nan=False) for row in rows)
    return f'{{{head}, "rows": [\n{lines}\n]}}\n'


def standings_of(text: str) -> Standings:
    """Return the standings that `standings_json` has written.

    Raises:
        BenchError: they are something else.

    """
    try:
        fields = json.loads(text)
        rows = tuple(_row(row) for row in fields.pop("rows"))
        fields |= {name: tuple(fields[name]) for name in ("grid", "never_began")}
        return Standings(rows=rows, **fields)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BenchError(f"the file holds no standings of a race ({error!r})") from error


def _row(fields: dict[str, Any]) -> Row:
    estimates = ("final", "best", "ahead", "to_reference")
    tuples = ("finals", "curve", "ask_tell_ms", "errors")
    read: dict[str, Any] = {name: _estimate(fields[name]) for name in estimates}
    read |= {name: tuple(fields[name]) for name in tuples}
    read["pairs"] = tuple((neuron, seed) for neuron, seed in fields["pairs"])
    return Row(**(fields | read))


def _estimate(fields: dict[str, float | None] | None) -> Estimate | None:
    if fields is None:
        return None
    return Estimate(**{n: math.inf if value is None else value for n, value in fields.items()})


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, _DIGITS) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
