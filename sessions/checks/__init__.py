"""Inspection of a log: small checks, each with a severity and a remedy.

A new check is a function that yields a sentence for each fault, registered in the tuple at the end
of its file.
"""

from __future__ import annotations

from sessions.checks.audit import AUDIT_CHECKS
from sessions.checks.base import Check, Finding, Severity
from sessions.checks.gaps import GAP_CHECKS
from sessions.checks.identity import IDENTITY_CHECKS
from sessions.checks.layout import LAYOUT_CHECKS
from sessions.checks.pixels import SAMPLE, Progress, Sample, pixel_checks
from sessions.checks.recording import RECORDING_CHECKS
from sessions.reader import LogReader

__all__ = [
    "CHECKS",
    "LAYOUT_CHECKS",
    "SAMPLE",
    "Check",
    "Finding",
    "Sample",
    "Severity",
    "checks",
    "run_checks",
]


def checks(
    sample: Sample | None = SAMPLE, progress: Progress = lambda *_: None
) -> tuple[Check, ...]:
    """Return every check, in the order in which findings are reported.

    A `sample` of the stored pixels is compared with their hashes, None for all of them; `progress`
    is told how far that is.
    """
    return (
        *LAYOUT_CHECKS,
        *IDENTITY_CHECKS,
        *GAP_CHECKS,
        *pixel_checks(sample, progress),
        *AUDIT_CHECKS,
        *RECORDING_CHECKS,
    )


CHECKS = checks()
"""Every check, with a sample of the stored pixels."""


def run_checks(reader: LogReader, asked: tuple[Check, ...] = CHECKS) -> tuple[Finding, ...]:
    """Ask every check, and return what was found; nothing found is an empty tuple."""
    return tuple(finding for check in asked for finding in check.run(reader))
