"""Judges what the stimulus process found its screen to be. Pure.

Limits: a refresh rate more than 5 % off is refused by the display itself when it opens.
"""

from collections.abc import Iterator

from controller.config.tables import SessionConfig
from controller.preflight.findings import Finding
from rig_adapters.wire.messages import DisplayConfigured

RATE_TOLERANCE = 0.01
INTERVAL_SD_S = 0.001
WIDTH_TOLERANCE = 0.05


def screen_findings(
    config: SessionConfig, display: DisplayConfigured, *, simulated: bool
) -> Iterator[Finding]:
    """Judge the screen. `simulated`: no animal looks at it, so bad timing is no reason to stop."""
    not_ours = config.display.kind != "psychopy"
    yield _identity(config, display, not_ours)
    if not_ours:
        return
    yield from _timing(config, display, simulated)
    yield _read_back(display)
    yield _gamma(display)
    yield from _desktop(config, display, simulated)


def _identity(config: SessionConfig, display: DisplayConfigured, not_ours: bool) -> Finding:
    width_px, height_px = config.display.screen_size_px
    if not_ours:
        return Finding("screen", "pass", display.label)
    named = f"{display.monitor or 'monitor without a name'}, {width_px} x {height_px} pixels"
    told_cm, config_cm = display.monitor_width_cm, config.display.screen_width_cm
    if told_cm is not None and abs(told_cm / config_cm - 1) > WIDTH_TOLERANCE:
        return Finding(
            "screen",
            "warn",
            f"{named}; it says that it is {told_cm:.1f} cm wide, but the config says "
            f"{config_cm:.1f} cm",
            "measure the visible width again, and look whether it is the right monitor",
        )
    return Finding("screen", "pass", named)


def _timing(
    config: SessionConfig, display: DisplayConfigured, simulated: bool
) -> Iterator[Finding]:
    if not display.waits_for_vertical_blank or display.measured_refresh_hz is None:
        yield Finding(
            "vertical blank",
            "warn" if simulated else "refuse",
            f"flips do not wait for the monitor ({display.label})",
            "at a rig use a real monitor, full screen, with vsync on in the driver and no "
            "compositor; here, frames are paced by the clock and onsets are not to be trusted",
        )
        return
    yield Finding("vertical blank", "pass", "flips wait for the monitor")
    nominal_hz, measured_hz = config.display.refresh_hz, display.measured_refresh_hz
    off = abs(measured_hz / nominal_hz - 1)
    yield Finding(
        "refresh rate",
        "pass" if off <= RATE_TOLERANCE else "warn",
        f"{measured_hz:.3f} Hz measured, {nominal_hz:g} Hz configured",
        "" if off <= RATE_TOLERANCE else "correct display.refresh_hz, or set the screen's mode",
    )
    sd_s = display.flip_interval_sd_s or 0.0
    yield Finding(
        "flip intervals",
        "pass" if sd_s <= INTERVAL_SD_S else "warn",
        f"they vary by {1e3 * sd_s:.2f} ms (standard deviation)",
        "" if sd_s <= INTERVAL_SD_S else "close other programs and turn power saving off",
    )


def _read_back(display: DisplayConfigured) -> Finding:
    if display.pixels_exact is False:
        return Finding(
            "read-back",
            "refuse",
            "the screen does not show the pixels that it is given (a test image came back changed "
            "from the framebuffer)",
            "use a 24-bit colour depth and turn off colour management",
        )
    sha256 = display.readback_sha256 or ""
    return Finding("read-back", "pass", f"all 256 levels came back exactly (SHA-256 {sha256[:12]})")


def _gamma(display: DisplayConfigured) -> Finding:
    if display.gamma_is_linear is False:
        return Finding(
            "gamma",
            "warn",
            "the graphics card's gamma table is not linear, so levels do not reach the monitor as "
            "they are logged",
            "turn night light and colour profiles off, or know that your calibration loaded it",
        )
    if display.gamma_is_linear is None:
        return Finding(
            "gamma",
            "pass",
            "the graphics card does not tell its gamma table; none was loaded by neuroloop",
        )
    return Finding("gamma", "pass", "the graphics card leaves levels as they are")


def _desktop(
    config: SessionConfig, display: DisplayConfigured, simulated: bool
) -> Iterator[Finding]:
    for suspicion in display.suspicions:
        yield Finding(
            "desktop", "warn", suspicion, "turn it off for the stimulus screen, or use plain X"
        )
    if not display.suspicions:
        yield Finding("desktop", "pass", "no compositor and no scaling was found")
    if not config.display.full_screen and not simulated:
        yield Finding(
            "full screen",
            "warn",
            "the window does not cover the screen, so others may cover it",
            "set display.full_screen = true",
        )
