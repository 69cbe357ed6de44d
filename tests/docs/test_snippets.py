"""Configs and programs that the documentation shows work as they stand."""

import subprocess
import sys
from pathlib import Path

import pytest

from controller.config.load import parse_config

from .conftest import PAGES, ROOT, Bench, blocks

HOW_TO = ROOT / "docs" / "how-to"
CONFIGS = [(page, block) for page in PAGES for block in blocks(page, "toml", "complete")]
PROGRAMS = [(page, block) for page in PAGES for block in blocks(page, "python", "run")]
SHORT = (
    "session.time=virtual",
    "display.kind=virtual",
    "stopping.max_generations=2",
    "generators.main.code_dim=256",
    "scoring.baseline_window_s=[0.0, 0.04]",
    "threads.1.position_deg=[0.5, 0.0]",
)


@pytest.mark.parametrize(("page", "block"), CONFIGS, ids=lambda item: getattr(item, "name", ""))
def test_a_complete_config_is_valid(page: Path, block) -> None:
    assert parse_config(block.text, source=page.name).threads


@pytest.fixture(scope="module", params=["block", "presentation"])
def log_folder(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, runtime: Path
) -> Path:
    """Run the session of two threads that the documentation shows; return its folder."""
    bench = Bench(tmp_path_factory.mktemp("log"), runtime)
    (config,) = blocks(HOW_TO / "two_threads.md", "toml", "complete")
    (bench.folder / "two.toml").write_text(config.text, encoding="utf-8")
    overrides = [*SHORT, f"scoring.baseline={request.param}"]
    options = " ".join(f"--set '{override}'" for override in overrides)
    done = bench.run(f"neuroloop run two.toml {options}")
    assert done.returncode == 0, done.stdout
    (folder,) = bench.folder.glob("runs/*")
    return folder


@pytest.mark.system
@pytest.mark.parametrize(("page", "block"), PROGRAMS, ids=lambda item: getattr(item, "name", ""))
def test_a_program_runs_beside_the_log_of_a_session(page: Path, block, log_folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", block.text],
        cwd=log_folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, f"{page.name}: {done.stderr}"
    assert done.stdout.strip()
