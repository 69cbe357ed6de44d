"""A comparison as plain values: for a script, and as a table with a row for each pair."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sessions.comparing.comparison import Comparison, MeanCurve
from sessions.comparing.measures import Measured, Side


def plain(found: Comparison) -> dict[str, Any]:
    """Return everything that was found, as JSON can hold it but for numbers that are not finite."""
    return {
        "by": found.by,
        "first": found.first,
        "second": found.second,
        "scaled_to": found.scale_to or "either",
        "n_sessions": found.n_sessions,
        "pooled": asdict(found.pooled),
        "pairs": [pair_row(found, each) for each in found.pairs],
        "curves": {
            "first": _curve(found.mean_curve(lambda each: each.first)),
            "second": _curve(found.mean_curve(lambda each: each.second)),
        },
        "notes": list(found.notes),
    }


def csv_text(found: Comparison) -> str:
    """Return a table of pairs, whose columns are those of `pair_row`; empty where unknown."""
    text = io.StringIO()
    rows = [pair_row(found, each) for each in found.pairs]
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return text.getvalue()


def pair_row(found: Comparison, measured: Measured) -> dict[str, Any]:
    """Return one pair: rates in spikes/s, rises in generations, differences first minus second."""
    pair, apart = measured.pair, measured.apart
    return {
        "first_session": pair.first.session_id,
        "second_session": pair.second.session_id,
        "first_thread": pair.first.thread.name,
        "second_thread": pair.second.thread.name,
        "subject": pair.first.log.start.subject_id,
        "unit": pair.first.site,
        "interleaved": pair.interleaved,
        "pooled": measured in found.counted,
        "generations": len(measured.generations),
        "scale_hz": measured.scale,
        "difference_hz": apart.final.value,
        "difference_low_hz": apart.final.low,
        "difference_high_hz": apart.final.high,
        "p": apart.p,
        **_side("first", measured.first),
        **_side("second", measured.second),
    }


def _side(name: str, side: Side) -> Mapping[str, Any]:
    return {
        f"{name}_final_hz": side.final,
        f"{name}_normalised": side.normalised,
        f"{name}_half_rise_generations": side.half_rise.value,
        f"{name}_half_rise_low": side.half_rise.low,
        f"{name}_half_rise_high": side.half_rise.high,
        f"{name}_succeeded": side.succeeded,
    }


def _curve(curve: MeanCurve) -> dict[str, Any]:
    columns = ("generation", "mean", "sem", "n")
    return {name: getattr(curve, name).tolist() for name in columns}


def _cell(value: object) -> object:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    return value
