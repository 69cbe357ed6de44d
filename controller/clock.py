"""The time of day, as people read it; the only file that asks for it.

It may be set at any moment, by hand or by a time server, so nothing is measured or waited for with
it: that is the monotonic clock's work.
"""

from datetime import datetime


def wall_time() -> str:
    """Return the time of day, ISO 8601 with zone."""
    return datetime.now().astimezone().isoformat(timespec="milliseconds")


def wall_stamp() -> str:
    """Return the time of day as part of a name: YYYYMMDD-HHMMSS."""
    return f"{datetime.now().astimezone():%Y%m%d-%H%M%S}"
