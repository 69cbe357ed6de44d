"""Notices what comes to lie over a window while it is shown: X servers tell of it.

Told by an X connection of which nothing is asked meanwhile, so that looking costs a frame loop some
microseconds. What covers the window already when the watch begins is not known; nor is
anything where a compositor shows the windows, since none covers another there before they are
composed.
"""

import ctypes

_VISIBILITY_NOTIFY, _UNOBSCURED = 15, 0
_VISIBILITY_CHANGE_MASK = 1 << 16
"""X.h"""


class _Event(ctypes.Structure):
    """`XVisibilityEvent` of Xlib.h, as long as its longest event."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("is_sent", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("state", ctypes.c_int),
        ("padding", ctypes.c_long * 24),
    )


class CoverWatch:
    """Watches `window` from now on."""

    def __init__(self, library: ctypes.CDLL, connection: int, window: int) -> None:
        self._library = library
        self._here = ctypes.c_void_p(connection)
        self._event = _Event()
        self._covered = False
        mask = ctypes.c_long(_VISIBILITY_CHANGE_MASK)
        library.XSelectInput(self._here, ctypes.c_ulong(window), mask)
        library.XSync(self._here, 0)

    def was_covered(self) -> bool:
        """Whether any part of the window has been covered since the watch began."""
        while self._library.XPending(self._here):
            self._library.XNextEvent(self._here, ctypes.byref(self._event))
            if self._event.type == _VISIBILITY_NOTIFY and self._event.state != _UNOBSCURED:
                self._covered = True
        return self._covered
