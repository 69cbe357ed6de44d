"""The time of day, as the log writes it."""

from datetime import datetime


def wall_time() -> str:
    """Return the time of day, ISO 8601 with zone."""
    return datetime.now().astimezone().isoformat(timespec="milliseconds")
