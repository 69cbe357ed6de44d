"""Pages printed from the code have not drifted, links lead somewhere, and no machine is named."""

import re
from pathlib import Path
from types import ModuleType

import pytest

from controller.optimizers.registry import KINDS

from .conftest import PAGES, ROOT, loaded_script

_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_MACHINE_PATH = re.compile(r"(?<![\w.])/(work|tmp|root|home|Users|mnt)\b")
MAX_IMAGE_BYTES = 400_000


@pytest.fixture(scope="module")
def printer() -> ModuleType:
    """Load the program that prints the reference."""
    return loaded_script("reference_pages")


@pytest.mark.parametrize(
    "name", ["config.md", "plan.md", "cli.md", "wire.md", "states.md", "log_format.md"]
)
def test_a_reference_page_is_what_the_code_says(printer: ModuleType, name: str) -> None:
    page = ROOT / "docs" / "reference" / name
    assert page.read_text(encoding="utf-8") == printer.PAGES[name](), "run scripts/docs"


def test_every_reference_page_is_printed(printer: ModuleType) -> None:
    pages = {page.name for page in (ROOT / "docs" / "reference").glob("*.md")}
    # The protocol that others write programs for is no mirror of our code.
    assert pages == {*printer.PAGES, "relay.md"}


def test_the_page_on_choosing_an_optimizer_names_every_kind() -> None:
    page = (ROOT / "docs" / "how-to" / "choose_an_optimizer.md").read_text(encoding="utf-8")
    assert [name for name in KINDS if f"`{name}`" not in page] == []


def links(page: Path) -> list[str]:
    return _LINK.findall(_FENCED.sub("", page.read_text(encoding="utf-8")))


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.strip().replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        target, _, anchor = link.partition("#")
        if link.startswith("https://"):
            continue
        path = (page.parent / target).resolve() if target else page
        assert path.is_file(), link
        assert not anchor or anchor in anchors(path), link


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        waiting += [
            (page.parent / link.partition("#")[0]).resolve()
            for link in links(page)
            if not link.startswith(("https://", "#"))
        ]
    assert reached == set(PAGES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_names_a_folder_of_one_machine(page: Path) -> None:
    assert not _MACHINE_PATH.findall(page.read_text(encoding="utf-8"))


def test_pictures_are_small() -> None:
    pictures = [*(ROOT / "docs" / "images").iterdir()]
    assert pictures
    assert all(picture.stat().st_size < MAX_IMAGE_BYTES for picture in pictures)


def test_decisions_have_the_three_parts_and_a_row_in_the_list() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = (folder / "README.md").read_text(encoding="utf-8")
    for page in folder.glob("0*.md"):
        text = page.read_text(encoding="utf-8")
        parts = re.findall(r"^## (\w+)$", text, re.MULTILINE)
        assert parts == ["Context", "Decision", "Consequences"], page.name
        assert page.name in listed
