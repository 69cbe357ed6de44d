"""Numbers and lists as sentences have them."""

from __future__ import annotations

from collections.abc import Sequence


def ms(seconds: float) -> str:
    """Return a time in milliseconds."""
    return f"{1e3 * seconds:.4g} ms"


def duration(seconds: float) -> str:
    """Return how long something took."""
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.1f} min"


def counted(n: int, what: str) -> str:
    """Return how many there are of something, with its plural."""
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def listed(items: Sequence[object], most: int = 12) -> str:
    """Return items as a list in a sentence; of a long one its beginning, and how long it is."""
    texts = [str(item) for item in items]
    if len(texts) > most:
        return f"{', '.join(texts[:most])} and {len(texts) - most} more"
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def number(value: float) -> str:
    """Return a number as short as it is exact."""
    return f"{value:.10g}"
