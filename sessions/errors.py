"""Errors of the session log: each says what happened, whose fault it is and what to do."""

from __future__ import annotations


class SessionLogError(Exception):
    """Base of all errors that this package raises on purpose."""


class RecordError(SessionLogError):
    """A record does not fit together or does not fit the session; the caller built it wrongly."""


class LogExistsError(SessionLogError):
    """A log was to be created where one already lies; nothing was overwritten."""


class LogBusyError(SessionLogError):
    """Another process holds the file for writing."""


class LogFormatError(SessionLogError):
    """The file is no session log, is cut short, or was made by a newer version."""


class JournalError(SessionLogError):
    """A journal is damaged where no crash can have damaged it."""


class LogClosedError(SessionLogError):
    """Something was to be written to a session that has already ended."""


class NotComparable(SessionLogError):
    """Logs that were to be compared differ in more than what is compared."""


class LogBehindJournal(UserWarning):
    """A durable generation is in the journal of a session and not in its log yet."""
