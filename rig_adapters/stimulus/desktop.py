"""What stands between a window and its monitor, as far as the desktop tells: for pre-flight.

Compositors delay flips by a frame and scaling blurs pixels, and neither shows in the framebuffer.
What software cannot know (the monitor's own processing, triple buffering) only a photodiode tells.
Systems without X are only asked for their environment.
"""

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass

Levels = tuple[int, ...]
_SCALES = ("GDK_SCALE", "GDK_DPI_SCALE", "QT_SCALE_FACTOR", "QT_SCREEN_SCALE_FACTORS")


@dataclass(frozen=True, slots=True)
class Monitor:
    """A monitor as it describes itself; `width_cm` is None where it does not know."""

    name: str
    width_cm: float | None


class _MonitorInfo(ctypes.Structure):
    """`XRRMonitorInfo` of libXrandr 1.5."""

    _fields_ = (
        ("name", ctypes.c_ulong),
        ("primary", ctypes.c_int),
        ("automatic", ctypes.c_int),
        ("n_outputs", ctypes.c_int),
        ("x", ctypes.c_int),
        ("y", ctypes.c_int),
        ("width_px", ctypes.c_int),
        ("height_px", ctypes.c_int),
        ("width_mm", ctypes.c_int),
        ("height_mm", ctypes.c_int),
        ("outputs", ctypes.c_void_p),
    )


def suspicions(
    environment: Mapping[str, str],
    compositor_runs: bool,
    size_px: tuple[int, int],
    buffer_px: tuple[int, int],
) -> tuple[str, ...]:
    """Return a sentence for each thing that may delay, scale or cover a window of `size_px`.

    buffer_px: the size of its framebuffer.
    """
    found = []
    if compositor_runs:
        found.append("a compositor runs, which may delay flips by a frame or more")
    if environment.get("WAYLAND_DISPLAY"):
        found.append("the desktop is Wayland, which composes all windows, also this one")
    if buffer_px != size_px:
        found.append(
            f"the window of {size_px[0]} x {size_px[1]} has a framebuffer of "
            f"{buffer_px[0]} x {buffer_px[1]} pixels, so the desktop scales it"
        )
    for name in _SCALES:
        value = environment.get(name, "")
        if value not in ("", "1", "1.0"):
            found.append(f"{name} is {value}, so the desktop may scale windows")
    return tuple(found)


def compositor_runs(library: ctypes.CDLL, connection: int) -> bool:
    """Whether somebody composes the first screen of an X server (they own its `_NET_WM_CM_S0`)."""
    library.XInternAtom.restype = ctypes.c_ulong
    library.XGetSelectionOwner.restype = ctypes.c_ulong
    here = ctypes.c_void_p(connection)
    atom = library.XInternAtom(here, b"_NET_WM_CM_S0", 0)
    return bool(library.XGetSelectionOwner(here, ctypes.c_ulong(atom)))


def gamma_table(library: ctypes.CDLL, connection: int) -> "tuple[Levels, Levels, Levels] | None":
    """Return what the graphics card makes of each level of red, green and blue; None if unknown.

    Levels are out of 65535.
    """
    try:
        modes = ctypes.CDLL("libXxf86vm.so.1")
    except OSError:
        return None
    here, size = ctypes.c_void_p(connection), ctypes.c_int(0)
    major, minor = ctypes.c_int(0), ctypes.c_int(0)
    # Asking a server that lacks the extension for anything else would end this process.
    if not modes.XF86VidModeQueryExtension(here, ctypes.byref(major), ctypes.byref(minor)):
        return None
    screen = library.XDefaultScreen(here)
    if not modes.XF86VidModeGetGammaRampSize(here, screen, ctypes.byref(size)) or size.value < 2:
        return None
    tables = [(ctypes.c_ushort * size.value)() for _ in range(3)]
    if not modes.XF86VidModeGetGammaRamp(here, screen, size, *tables):
        return None
    red, green, blue = (tuple(int(level) for level in table) for table in tables)
    return red, green, blue


def is_linear(table: "tuple[Levels, Levels, Levels]") -> bool:
    """Whether a gamma table leaves levels as they are, to within half a step of eight bits."""
    return all(
        abs(level - 65535 * k / (len(levels) - 1)) <= 65535 / 510
        for levels in table
        for k, level in enumerate(levels)
    )


def first_monitor(library: ctypes.CDLL, connection: int) -> Monitor:
    """Return the monitor at the corner of the desktop, where the window opens; else no name."""
    try:
        randr = ctypes.CDLL("libXrandr.so.2")
        get_monitors = randr.XRRGetMonitors
    except (OSError, AttributeError):
        return Monitor("", None)
    library.XDefaultRootWindow.restype = ctypes.c_ulong
    get_monitors.restype = ctypes.POINTER(_MonitorInfo)
    here, count = ctypes.c_void_p(connection), ctypes.c_int(0)
    root = ctypes.c_ulong(library.XDefaultRootWindow(here))
    found = get_monitors(here, root, 1, ctypes.byref(count))
    try:
        corner = [found[k] for k in range(count.value) if found[k].x == 0 and found[k].y == 0]
        return _described(library, here, corner[0]) if corner else Monitor("", None)
    finally:
        if found:
            randr.XRRFreeMonitors(found)


def _described(library: ctypes.CDLL, here: ctypes.c_void_p, info: _MonitorInfo) -> Monitor:
    library.XGetAtomName.restype = ctypes.c_void_p
    address = library.XGetAtomName(here, ctypes.c_ulong(info.name))
    name = ctypes.string_at(address).decode(errors="replace") if address else ""
    if address:
        library.XFree(ctypes.c_void_p(address))
    return Monitor(name, info.width_mm / 10 if info.width_mm > 0 else None)
