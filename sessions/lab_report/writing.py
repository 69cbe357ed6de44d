"""A report on disk: its page and the files of its figures, whole or not at all.

Everything is made in a folder beside the page and put in place at the end, the page last, so that
an interruption leaves no half file. Files of an earlier report are replaced; others are left alone.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from sessions.checks import Finding, run_checks
from sessions.lab_report.drawing import Drawn, figures_of_session, figures_of_thread
from sessions.lab_report.given import Given, Tell
from sessions.lab_report.of_thread import OfThread
from sessions.lab_report.page import Placing, Section, page
from sessions.lab_report.plate import Plate, settings
from sessions.reader import LogReader
from sessions.report import summary

STEPS_OF_THREAD, STEPS_OF_SESSION = 10, 3
"""Figures at most, for saying how far it is."""


@dataclass(frozen=True)
class Written:
    """Where a report was written, what inspection found, and the names of its figures."""

    page: Path
    figures_folder: Path
    figures: tuple[str, ...]
    findings: tuple[Finding, ...]


def write_report(
    reader: LogReader,
    output: Path,
    figures_folder: Path,
    given: Given | None = None,
    tell: Tell = lambda _doing, _done, _total: None,
) -> Written:
    """Write the report of the committed part of a log.

    Args:
        reader: of the log.
        output: the page, replaced if it is there.
        figures_folder: gets three files of each figure; made if it is not there.
        given: what the log alone does not say.
        tell: is told how far it is.

    Raises:
        OSError: something could not be written; then nothing was.
        SessionLogError: the log cannot be read.

    """
    given = given or Given()
    found = summary(reader)
    threads = tuple(OfThread(reader, each, index) for index, each in enumerate(found.threads))
    total = STEPS_OF_THREAD * len(threads) + STEPS_OF_SESSION
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".report-") as made:
        drawing = _Drawing(Path(made), lambda done: tell("drawing figures", done, total))
        placing = Placing(os.path.relpath(figures_folder, output.parent))
        sections: list[Section] = []
        for thread in threads:
            drawn = drawing.draw(figures_of_thread(thread, given))
            sections.append(
                placing.section(thread.name, drawn, drawing.svgs, thread=(thread, given))
            )
        drawn = drawing.draw(figures_of_session(reader, threads))
        sections.append(placing.section("The whole session", drawn, drawing.svgs))
        findings = run_checks(reader)
        text = page(reader, found, findings, sections, given)
        whole = Path(made) / "page"
        whole.write_text(text, encoding="utf-8")
        figures_folder.mkdir(parents=True, exist_ok=True)
        for file in drawing.files:
            os.replace(file, figures_folder / file.name)
        os.replace(whole, output)
    return Written(output, figures_folder, tuple(drawing.svgs), findings)


class _Drawing:
    """Draws figures and saves them in a folder; keeps the drawings for the page."""

    def __init__(self, folder: Path, tell: Callable[[int], None]) -> None:
        self._folder, self._tell, self._done = folder, tell, 0
        self.svgs: dict[str, bytes] = {}
        self.files: list[Path] = []

    def draw(self, figures: Iterable[Callable[[], Drawn | None]]) -> list[Drawn]:
        drawn = []
        for figure in figures:
            with settings():
                plate = figure()
            self._done += 1
            self._tell(self._done)
            if plate is None:
                continue
            drawn.append(plate)
            if isinstance(plate, Plate):
                self._save(plate)
        return drawn

    def _save(self, plate: Plate) -> None:
        files = plate.files()
        self.svgs[plate.name] = files["svg"]
        for ending, content in files.items():
            file = self._folder / f"{plate.name}.{ending}"
            file.write_bytes(content)
            self.files.append(file)
