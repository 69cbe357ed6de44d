"""What the documentation shows how to write passes the suites that it names."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

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


def imported(name: str, source: str) -> None:
    """Make a module of what a page shows; tests on the page import it."""
    module = ModuleType(name)
    sys.modules[name] = module
    exec(source, vars(module))  # noqa: S102 - our own pages


# The classes below are collected from this module, so that the page's own words are what is run.
exec(shown("write_an_adapter.md", "contract"))  # noqa: S102 - our own pages
exec(shown("write_an_optimizer.md", "optimizer"))  # noqa: S102 - our own pages
exec(shown("write_an_optimizer.md", "optimizer_contract"))  # noqa: S102 - our own pages
imported("gratings", shown("write_a_generator.md", "generator"))
exec(shown("write_a_generator.md", "generator_contract"))  # noqa: S102 - our own pages
imported("horizons", shown("write_simulated_neurons.md", "neurons"))
exec(shown("write_simulated_neurons.md", "neuron_contract"))  # noqa: S102 - our own pages


def test_every_suite_was_found() -> None:
    assert {"TestMetronome", "TestHillClimb", "TestGratings", "TestHorizons"} <= set(globals())


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """Give a folder that holds the page's generator as if it had been installed there."""
    source = shown("write_a_generator.md", "generator")
    (tmp_path / "gratings.py").write_text(source, encoding="utf-8")
    told = tomllib.loads(blocks(HOW_TO / "write_a_generator.md", "toml")[0].text)
    ((group, points),) = told["project"]["entry-points"].items()
    about = tmp_path / "gratings-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: gratings\nVersion: 1.0\n")
    lines = [f"{name} = {value}" for name, value in points.items()]
    (about / "entry_points.txt").write_text("\n".join([f"[{group}]", *lines]))
    return tmp_path


def test_an_installed_generator_is_listed_and_paints(installed: Path) -> None:
    def neuroloop(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", "from controller.cli import main; main()", *arguments],
            cwd=installed,
            env={**os.environ, "PYTHONPATH": f"{installed}:{ROOT}"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    listed = {
        kind["kind"]: kind for kind in json.loads(neuroloop("generator", "list", "--json"))["kinds"]
    }
    neuroloop("generator", "render", "gratings:finest_cycles=12", "--n", "4", "--out", "pictures")

    assert listed["gratings"]["package"] == "gratings"
    assert listed["gratings"]["code_dim"] == 32
    assert list(listed["gratings"]["needs"]) == ["finest_cycles"]
    painted = [np.asarray(Image.open(installed / "pictures" / f"000{i}.png")) for i in range(4)]
    assert all(picture.shape == (64, 64, 3) and picture.std() > 10 for picture in painted)
