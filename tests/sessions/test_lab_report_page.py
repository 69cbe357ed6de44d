"""The report of a session as a reader has it: in a browser, on paper, with files beside it."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sessions.lab_report import Given, GivenOfThread, Written, write_report
from sessions.log import SessionLog
from sessions.reader import LogReader, open_log
from sessions.records import SessionStart
from sessions.report import thread_curve
from sessions.testing.synthetic import (
    ENDED,
    SyntheticSession,
    synthetic_record,
    synthetic_start,
    write_synthetic_log,
)

from ..browser import Browser

WANTED = SyntheticSession(generations=5, last_rate_hz=90.0)
HOSTILE = '<script>document.title = "owned"</script><img src="http://elsewhere.invalid/x">'
NOT_MATHEMATICS = "$x_{ & \\frac{1"


@dataclass(frozen=True)
class Report:
    """One report, and the log that it was made from."""

    reader: LogReader
    given: Given
    written: Written

    @property
    def html(self) -> str:
        return self.written.page.read_text(encoding="utf-8")


def hostile_start() -> SessionStart:
    """A session of one thread whose names would do harm where they were taken for markup."""
    start = synthetic_start(WANTED)
    thread = replace(
        start.threads[0],
        name=NOT_MATHEMATICS,
        optimizer_settings_json=json.dumps({"kind": HOSTILE}),
    )
    return replace(start, subject_id=HOSTILE, rig_simulated=False, threads=(thread,))


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    folder = tmp_path_factory.mktemp("reported")
    start = hostile_start()
    log = SessionLog.create(folder, start)
    rng = np.random.default_rng(WANTED.seed)
    for block in range(WANTED.generations):
        log.commit_generation(synthetic_record(WANTED, start, block, rng))
    log.finish(ENDED)
    reader = open_log(folder)
    mean_codes = {0: reader.pixels(1000)}
    given = Given("the tests", {0: GivenOfThread(citation=HOSTILE, mean_codes=mean_codes)})
    written = write_report(reader, folder / "day 3.html", folder / "day 3", given)
    return Report(reader, given, written)


def test_the_page_loads_nothing_and_complains_of_nothing(report: Report, browser: Browser) -> None:
    browser.visit(report.written.page)

    assert browser.requests() == [report.written.page.as_uri()]
    assert browser.complaints() == []
    assert browser.run("return document.title") == "synthetic-1 – neuroloop report"


def test_names_in_a_config_are_shown_as_they_are(report: Report, browser: Browser) -> None:
    browser.visit(report.written.page)

    text = browser.run("return document.body.innerText")
    assert HOSTILE in text
    assert NOT_MATHEMATICS in text
    assert browser.run("return document.querySelectorAll('script, img').length") == 0


def test_every_figure_has_a_size_and_its_files(report: Report, browser: Browser) -> None:
    browser.visit(report.written.page)

    sizes = browser.run(
        "return [...document.querySelectorAll('figure > svg')].map(svg => "
        "[svg.getBoundingClientRect().width, svg.getBoundingClientRect().height])"
    )
    assert len(sizes) == len(report.written.figures) >= 12
    assert all(width > 600 and height > 60 for width, height in sizes)
    links = browser.run("return [...document.querySelectorAll('figure a')].map(a => a.href)")
    folder = report.written.figures_folder
    assert set(links) == {file.as_uri() for file in folder.iterdir()}
    assert len(links) == 3 * len(sizes)
    for name in report.written.figures:
        with Image.open(folder / f"{name}.png") as image:
            assert image.width == 1260


def test_colours_follow_the_screen_and_paper_is_white(report: Report, browser: Browser) -> None:
    paper = "return getComputedStyle(document.body).backgroundColor"
    browser.visit(report.written.page)

    assert browser.run(paper) == "rgb(255, 255, 255)"
    browser.prefers("dark")
    assert browser.run(paper) == "rgb(21, 24, 28)"
    dark_on_paper = {
        "media": "print",
        "features": [{"name": "prefers-color-scheme", "value": "dark"}],
    }
    browser.command("Emulation.setEmulatedMedia", dark_on_paper)
    try:
        assert browser.run(paper) == "rgb(255, 255, 255)"
    finally:
        browser.command("Emulation.setEmulatedMedia", {"media": ""})


def test_it_prints(report: Report, browser: Browser) -> None:
    browser.visit(report.written.page)

    pages = re.findall(rb"/Type\s*/Page\b", browser.pdf())
    assert len(pages) > 3


def test_no_two_elements_have_one_id(report: Report) -> None:
    ids: list[str] = []

    class Ids(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            ids.extend(value or "" for name, value in attributes if name == "id")

    Ids().feed(report.html)
    assert len(ids) > 100
    assert len(ids) == len(set(ids))


def test_the_same_log_gives_the_same_bytes_wherever_it_lies(report: Report, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere.h5"
    copy.write_bytes(report.reader.path.read_bytes())
    folder = report.written.figures_folder
    page = tmp_path / "again.html"
    again = write_report(open_log(copy), page, tmp_path / folder.name, report.given)

    assert again.page.read_bytes() == report.written.page.read_bytes()
    for file in sorted(folder.iterdir()):
        assert (again.figures_folder / file.name).read_bytes() == file.read_bytes(), file.name


def test_the_numbers_behind_a_figure_are_those_of_the_log(report: Report) -> None:
    text = (report.written.figures_folder / "thread0_scores.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    curve = thread_curve(report.reader, 0)

    assert [int(row["generation"]) for row in rows] == curve.generation.tolist()
    assert [float(row["evolved_mean_hz"]) for row in rows] == curve.evolved_mean.tolist()
    assert [float(row["reference_sem_hz"]) for row in rows] == curve.reference_sem.tolist()


def test_an_interruption_leaves_what_was_there(tmp_path: Path) -> None:
    log = write_synthetic_log(tmp_path, SyntheticSession(generations=1))
    page = tmp_path / "out" / "report.html"
    page.parent.mkdir()
    page.write_text("of yesterday", encoding="utf-8")

    def interrupt(_doing: str, done: int, _total: int) -> None:
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_report(open_log(log), page, page.with_suffix(""), tell=interrupt)
    assert [each.name for each in page.parent.iterdir()] == ["report.html"]
    assert page.read_text(encoding="utf-8") == "of yesterday"


@pytest.mark.parametrize("end", [None, ENDED])
def test_a_log_without_a_generation_says_so(tmp_path: Path, end: object) -> None:
    wanted = SyntheticSession(generations=0, control="shuffled")
    log = write_synthetic_log(tmp_path, wanted, end=end)  # type: ignore[arg-type]
    written = write_report(open_log(log), tmp_path / "report.html", tmp_path / "report")

    html = written.page.read_text(encoding="utf-8")
    assert written.figures == ()
    assert "no generation was committed" in html
    assert "Shuffled control" in html
    assert ("Unfinished" in html) == (end is None)
    for finding in written.findings:
        assert finding.remedy.split(";")[0] in html
