"""The browser of the tests notices what pages must not do, so that tests of pages can fail."""

from pathlib import Path

from .browser import Browser


def test_requests_and_complaints_of_a_page_are_noticed(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(
        '<!doctype html><title>t</title><img src="http://elsewhere.invalid/a.png">'
        "<script>console.error('alas')</script>",
        encoding="utf-8",
    )
    browser.visit(page)

    assert browser.requests() == [page.as_uri(), "http://elsewhere.invalid/a.png"]
    said = browser.complaints()
    assert any("alas" in each for each in said)
    assert any("ERR_NAME_NOT_RESOLVED" in each for each in said)


def test_a_visit_begins_with_nothing_said(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<!doctype html><p>hello", encoding="utf-8")
    browser.visit(page)

    assert browser.complaints() == []
    assert browser.pdf().startswith(b"%PDF")
    assert browser.screenshot().startswith(b"\x89PNG")


def test_the_user_may_prefer_dark(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<!doctype html><p>hello", encoding="utf-8")
    browser.visit(page)
    dark = "return matchMedia('(prefers-color-scheme: dark)').matches"

    browser.prefers("dark")
    assert browser.run(dark)
    browser.prefers("light")
    assert not browser.run(dark)
