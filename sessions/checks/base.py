"""What a check is and what it reports; the checks themselves are in the files beside this one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from sessions.errors import SessionLogError
from sessions.reader import LogReader

Severity = Literal["info", "warning", "error"]


@dataclass(frozen=True)
class Finding:
    """One thing that a check found: what it is, how bad, and what to do about it."""

    check: str
    severity: Severity
    message: str
    remedy: str


@dataclass(frozen=True)
class Check:
    """A named question to a log; `find` yields a sentence for each fault, or none."""

    name: str
    severity: Severity
    remedy: str
    find: Callable[[LogReader], Iterator[str]]

    def run(self, reader: LogReader) -> tuple[Finding, ...]:
        """Ask one log; a check that cannot be carried out is a finding too."""
        try:
            messages = tuple(self.find(reader))
        # A damaged file lacks columns, or holds pieces that HDF5 cannot read.
        except (SessionLogError, ValueError, KeyError, OSError) as error:
            message = f"This could not be checked: {error}"
            return (Finding(self.name, "error", message, self.remedy),)
        return tuple(Finding(self.name, self.severity, text, self.remedy) for text in messages)


def listed(items: Sequence[object], most: int = 5) -> str:
    """Return the first few items as text, and how many more there are."""
    shown = ", ".join(str(item) for item in items[:most])
    return shown if len(items) <= most else f"{shown} and {len(items) - most} more"
