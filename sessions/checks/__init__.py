"""Inspection of a log: small checks, each with a severity and a remedy.

A new check is a function that yields a sentence for each fault, registered in the tuple at the end
of its file.
"""

from __future__ import annotations

from sessions.checks.audit import AUDIT_CHECKS
from sessions.checks.base import Check, Finding, Severity
from sessions.checks.identity import IDENTITY_CHECKS
from sessions.checks.pixels import PIXEL_CHECKS
from sessions.checks.recording import RECORDING_CHECKS
from sessions.reader import LogReader

CHECKS: tuple[Check, ...] = (*IDENTITY_CHECKS, *PIXEL_CHECKS, *AUDIT_CHECKS, *RECORDING_CHECKS)
"""Every check, in the order in which findings are reported."""

__all__ = ["CHECKS", "Check", "Finding", "Severity", "run_checks"]


def run_checks(reader: LogReader) -> tuple[Finding, ...]:
    """Ask every check, and return what was found; nothing found is an empty tuple."""
    return tuple(finding for check in CHECKS for finding in check.run(reader))
