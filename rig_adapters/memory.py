"""Keeps a process that runs for hours as large as its data, by settings of the C library."""

import contextlib
import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_USUAL_THRESHOLD = 128 * 1024


def give_memory_back() -> None:
    """Have glibc return large blocks to the system as soon as they are free.

    By itself it raises both thresholds with each large block that is freed. Then buffers of many
    sizes leave holes, and on a busy machine a process whose data stay the same grows by several MB
    a minute. Other C libraries have no such choice.
    """
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(_M_MMAP_THRESHOLD, _USUAL_THRESHOLD)
        library.mallopt(_M_TRIM_THRESHOLD, _USUAL_THRESHOLD)
