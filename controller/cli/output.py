"""Where the command line prints: results to standard output, everything else to standard error."""

import json
import math
import textwrap
from typing import Any

from rich.console import Console

out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)


def say(text: str) -> None:
    """Print a result."""
    out.print(_wrapped(out, text), markup=False)


def complain(text: str) -> None:
    """Print what went wrong."""
    err.print(_wrapped(err, f"neuroloop: {text}"), markup=False, style="red")


def duration(seconds: float) -> str:
    """Return a time as a person says it."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _wrapped(console: Console, text: str) -> str:
    """Break lines between words where a person reads them; nothing that is copied is broken."""
    if not console.is_terminal:
        return text
    return "\n".join(_wrapped_line(line, console.width) for line in text.split("\n"))


def _wrapped_line(line: str, width: int) -> str:
    indent = line[: len(line) - len(line.lstrip())]
    return textwrap.fill(
        line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def say_json(value: Any) -> None:
    """Print a result for a program; numbers that are not finite, which JSON lacks, become null."""
    out.out(json.dumps(_finite(value), indent=2, default=str, allow_nan=False))


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
