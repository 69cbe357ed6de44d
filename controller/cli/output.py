"""Where the command line prints: results to standard output, everything else to standard error."""

import json
from typing import Any

from rich.console import Console

out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)


def say(text: str) -> None:
    """Print a result."""
    out.print(text, markup=False)


def complain(text: str) -> None:
    """Print what went wrong."""
    err.print(f"neuroloop: {text}", markup=False, style="red")


def say_json(value: Any) -> None:
    """Print a result for a program."""
    out.out(json.dumps(value, indent=2, default=str))
