"""The adapter and the optimizer that the documentation shows pass the suites that it names."""

import os
from pathlib import Path

import pytest

from .conftest import ROOT, blocks

HOW_TO = ROOT / "docs" / "how-to"


def shown(page: str, mark: str) -> str:
    (block,) = blocks(HOW_TO / page, "python", mark)
    return block.text


@pytest.fixture(autouse=True)
def adapter_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write the adapter where the processes that the suite starts will find it."""
    source = shown("write_an_adapter.md", "adapter")
    (tmp_path / "metronome_adapter.py").write_text(source, encoding="utf-8")
    before = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{before}" if before else str(tmp_path))


# The classes below are collected from this module, so that the page's own words are what is run.
exec(shown("write_an_adapter.md", "contract"))  # noqa: S102 - our own pages
exec(shown("write_an_optimizer.md", "optimizer"))  # noqa: S102 - our own pages
exec(shown("write_an_optimizer.md", "optimizer_contract"))  # noqa: S102 - our own pages


def test_both_suites_were_found() -> None:
    assert {"TestMetronome", "TestHillClimb"} <= set(globals())
