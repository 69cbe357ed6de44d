"""The page itself: everything that is said of a log, put into the template.

Text of a config is escaped there like all other; the only markup that comes from here is that of
figures, which matplotlib escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from urllib.parse import quote

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sessions.checks import Finding
from sessions.lab_report.given import Given
from sessions.lab_report.methods import methods
from sessions.lab_report.numbers import Number, numbers_of
from sessions.lab_report.of_thread import OfThread
from sessions.lab_report.plate import ENDINGS, NotDrawn, Plate, inline_svg
from sessions.reader import LogReader
from sessions.report import Summary, summary_sentences

_RANK = {"error": 0, "warning": 1, "info": 2}


@dataclass(frozen=True, eq=False)
class PlacedFigure:
    """A figure in the page: its number, its markup, and where its files are."""

    number: int
    title: str
    caption: str
    svg: Markup
    files: tuple[tuple[str, str], ...]


@dataclass(frozen=True, eq=False)
class Section:
    """A part of the page: one thread, or the session; `missing` figures have no data."""

    title: str
    numbers: tuple[Number, ...]
    figures: tuple[PlacedFigure, ...]
    missing: tuple[NotDrawn, ...]
    generations: tuple[tuple[str, ...], ...] = ()


class Placing:
    """Numbers the figures of a page, and names their files in `folder`, as seen from the page."""

    def __init__(self, folder: str) -> None:
        self._folder = PurePath(folder)
        self._n = 0

    def section(
        self,
        title: str,
        drawn: Sequence[Plate | NotDrawn],
        svgs: dict[str, bytes],
        thread: tuple[OfThread, Given] | None = None,
    ) -> Section:
        """Return a section with its figures; `svgs` are their drawings by name."""
        figures = []
        for plate in drawn:
            if isinstance(plate, NotDrawn):
                continue
            self._n += 1
            figures.append(self._placed(plate, svgs[plate.name]))
        missing = tuple(each for each in drawn if isinstance(each, NotDrawn))
        if thread is None:
            return Section(title, (), tuple(figures), missing)
        of_thread, given = thread
        numbers = numbers_of(of_thread, given.of(of_thread.info.thread_id))
        return Section(title, numbers, tuple(figures), missing, _generations(of_thread))

    def _placed(self, plate: Plate, svg: bytes) -> PlacedFigure:
        paths = [(ending, self._folder / f"{plate.name}.{ending}") for ending in ENDINGS]
        files = tuple((ending, quote(path.as_posix())) for ending, path in paths)
        # Escaped by matplotlib, as text of a drawing is; see the tests.
        markup = Markup(inline_svg(svg, plate.name))  # noqa: S704
        return PlacedFigure(self._n, plate.title, plate.caption, markup, files)


def page(
    reader: LogReader,
    found: Summary,
    findings: Sequence[Finding],
    sections: Sequence[Section],
    given: Given,
) -> str:
    """Return the page as HTML."""
    environment = Environment(
        loader=PackageLoader("sessions.lab_report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("template.html.j2").render(
        title=found.session_id,
        facts=_facts(reader, found),
        banners=_banners(reader, found),
        findings=sorted(findings, key=lambda finding: _RANK[finding.severity]),
        sentences=summary_sentences(found),
        sections=sections,
        methods=methods(reader, given),
        events=_events(reader),
        made_by=given.made_by,
    )


def _facts(reader: LogReader, found: Summary) -> list[tuple[str, str]]:
    start, ended = reader.start, found.exit_status
    n = found.generations_committed
    return [
        ("Subject", "simulated neurons" if found.rig_simulated else found.subject_id),
        ("Began", start.started_at.replace("T", " ")),
        ("Ended", reader.end.ended_at.replace("T", " ") if reader.end else "no end in the log"),
        ("Outcome", f"{ended}: {found.reason}" if ended else "running, or cut off"),
        (
            "Generations",
            f"{n} of each of {len(found.threads)}" if len(found.threads) > 1 else f"{n}",
        ),
        ("Presentations", f"{found.completed} completed of {found.presentations}"),
        ("Seed", str(start.seed)),
    ]


def _banners(reader: LogReader, found: Summary) -> list[tuple[str, str]]:
    """Return what nobody may overlook, each as a word and a sentence."""
    banners = []
    if found.rig_simulated:
        told = "The neurons were simulated: no animal was recorded, and no rate here is biology."
        banners.append(("Simulated", told))
    if found.control == "shuffled":
        told = (
            "Every optimizer was told the scores of other images. Nothing should have evolved, and "
            "what rises here rises without selection."
        )
        banners.append(("Shuffled control", told))
    if reader.end is None:
        told = (
            "This log has no end: the session was running when this page was made, or was cut off. "
            "Its committed generations are complete."
        )
        banners.append(("Unfinished", told))
    return banners


def _generations(thread: OfThread) -> tuple[tuple[str, ...], ...]:
    """Return a row of text for each generation."""
    rows, curve = thread.reader.generations, thread.curve
    mine = {
        int(rows.generation[i]): i for i in np.flatnonzero(rows.thread_id == thread.info.thread_id)
    }
    table = []
    for k, generation in enumerate(curve.generation.tolist()):
        row = mine.get(generation)
        sigma = float(rows.sigma[row]) if row is not None else float("nan")
        norm = float(rows.mean_norm[row]) if row is not None else float("nan")
        table.append(
            (
                str(generation),
                str(curve.n_scored[k]),
                _mean(curve.evolved_mean[k], curve.evolved_sem[k]),
                _cell(curve.evolved_max[k], ".1f"),
                _mean(curve.reference_mean[k], curve.reference_sem[k]),
                _cell(sigma, ".3g"),
                _cell(norm, ".1f"),
            )
        )
    return tuple(table)


def _events(reader: LogReader) -> list[tuple[str, str, str]]:
    rows = reader.events
    return [
        (str(when).replace("T", " "), str(kind), str(text))
        for when, kind, text in zip(rows.wall_time, rows.kind, rows.text, strict=True)
    ]


def _mean(mean: float, sem: float) -> str:
    return _cell(mean, ".1f") + (f" ± {sem:.1f}" if np.isfinite(sem) else "")


def _cell(value: float, form: str) -> str:
    return format(value, form) if np.isfinite(value) else "–"
