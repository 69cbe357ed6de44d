"""What was shown, how, and to whom."""

from __future__ import annotations

from collections.abc import Iterator

from sessions.lab_report.config import LoggedConfig
from sessions.lab_report.methods.words import counted, listed, ms, number
from sessions.reader import LogReader
from sessions.storage import json_value

_SEXES = {"M": "male", "F": "female"}


def animal(reader: LogReader, config: LoggedConfig) -> Iterator[str]:
    """Say who looked at the screen, what was asked of it, and what it got."""
    start = reader.start
    if start.rig_simulated:
        yield (
            f"The neurons of this session were simulated (subject “{start.subject_id}”): no animal "
            "was recorded."
        )
    else:
        about = [config.text("subject", "species"), _SEXES.get(config.text("subject", "sex"), "")]
        born = config.text("subject", "date_of_birth")
        known = [word for word in (*about, f"born {born}" if born else "") if word]
        yield f"Subject {start.subject_id}" + (f" ({', '.join(known)})." if known else ".")
    yield from _watched(config)
    yield from _rewarded(config)


def _watched(config: LoggedConfig) -> Iterator[str]:
    kind = config.text("behaviour", "kind")
    if kind == "simulated":
        share = config.number("behaviour", "correct_probability")
        told = (
            f"; a fresh animal completes {100 * share:.0f} % of the trials that it begins"
            if share
            else ""
        )
        yield f"Fixation was simulated{told}."
    elif kind == "eye_tracker":
        radius = config.number("behaviour", "window_radius_deg")
        yield (
            "An eye tracker followed the gaze; fixation was held while it stayed within "
            f"{number(radius or 0.0)}° of the spot."
        )
    elif kind == "always":
        yield "Fixation was not checked by neuroloop."
    if diameter := config.number("display", "fixation_diameter_deg"):
        yield f"The fixation spot was {number(diameter)}° wide."


def _rewarded(config: LoggedConfig) -> Iterator[str]:
    kind = config.text("reward", "kind")
    pulse_s = config.number("reward", "completed_pulse_s")
    if kind in ("", "none") or not pulse_s:
        return
    flow = config.number("reward", "ml_per_s") or 0.0
    simulated = "simulated reward" if kind == "simulated" else "reward"
    yield f"A completed trial earned a {simulated} of {ms(pulse_s)} ({pulse_s * flow:.3g} ml)."


def stimuli(reader: LogReader, config: LoggedConfig) -> Iterator[str]:
    """Say for how long, how large and where images were shown, and between what."""
    yield from _timing(config)
    for thread in reader.threads:
        height, width, _ = thread.image_shape
        x, y = thread.position_deg
        whose = f"Images of thread {thread.thread_id}" if len(reader.threads) > 1 else "They"
        yield (
            f"{whose} were {number(thread.size_deg)}° wide ({width} × {height} pixels of the "
            f"generator) and centred {number(x)}° right of and {number(y)}° above fixation."
        )
    mask = config.text("display", "mask")
    if mask in ("circle", "soft"):
        yield f"A {'round' if mask == 'circle' else 'soft round'} mask covered their corners."
    if (grey := config.number("display", "background_grey")) is not None:
        yield f"The background was grey (level {grey:.0f} of 255)."
    references = reader.start.references
    if not references.names:
        yield "There were no reference images."
        return
    repeats = int(config.number("scoring", "repeats") or 1)
    yield (
        f"In every block {counted(len(references.names), 'reference image')} "
        f"({listed(references.names)}) were shown among the generated ones, in a new random order; "
        f"each image was shown {'once' if repeats == 1 else counted(repeats, 'time')}."
    )


def _timing(config: LoggedConfig) -> Iterator[str]:
    refresh_hz = config.number("display", "refresh_hz")
    frames = {
        key: config.number("display", f"{key}_frames")
        for key in ("on", "off", "fixation", "inter_trial")
    }
    on, off = frames["on"], frames["off"]
    if not refresh_hz or on is None or off is None:
        return
    yield (
        f"Images were presented for {ms(on / refresh_hz)} ({on:.0f} frames at "
        f"{number(refresh_hz)} Hz), each followed by {ms(off / refresh_hz)} of blank "
        f"({off:.0f} frames)."
    )
    in_a_trial = int(config.number("display", "presentations_per_trial") or 0)
    before, between = frames["fixation"], frames["inter_trial"]
    if in_a_trial and before is not None and between is not None:
        yield (
            f"A trial held up to {counted(in_a_trial, 'image')} within one fixation; the first "
            f"came {ms(before / refresh_hz)} after fixation was acquired, and trials were "
            f"{ms(between / refresh_hz)} apart or more."
        )


def display(reader: LogReader, config: LoggedConfig) -> Iterator[str]:
    """Say on what the images were shown, and how their onsets are known."""
    kind = config.text("display", "kind")
    found = _screen(reader)
    if kind == "virtual":
        yield "There was no screen: the display was simulated."
    elif kind == "folder":
        yield "Another program of the rig showed the images, out of a folder."
    elif reader.start.display_label:
        yield f"Screen: {reader.start.display_label}."
    size = config.get("display", "screen_size_px")
    width, distance = (
        config.number("display", key) for key in ("screen_width_cm", "viewing_distance_cm")
    )
    if isinstance(size, list) and len(size) == 2 and width and distance:
        yield (
            f"Degrees are those of {size[0]} × {size[1]} pixels on {number(width)} cm, seen from "
            f"{number(distance)} cm."
        )
    if isinstance(found.get("measured_refresh_hz"), float):
        yield f"The measured refresh rate was {found['measured_refresh_hz']:.3f} Hz."
    if (gamma := config.get("display", "gamma")) and kind != "virtual":
        as_is = gamma == "as_is"
        yield "Gamma was left as it is." if as_is else f"Levels were corrected for gamma {gamma}."


def _screen(reader: LogReader) -> dict[str, object]:
    text = reader.start.extra.get("display", "{}")
    found = json_value(text, "description of the display")
    return found if isinstance(found, dict) else {}
