"""A plan that is small enough to run in a test."""

from collections.abc import Callable
from typing import Any

import pytest

SMALL = """
[plan]
name = "small"
generations = 4
repeats = 2
seed = 3
noise = ["none", "gain_0.5"]
reference = "Cholesky CMA"

[generators.main]
kind = "gaussian"
code_dim = 16
image_size_px = 72

[[optimizers]]
name = "Cholesky CMA"
settings = { kind = "cholesky_cma", initial = "zeros", sigma0 = 3.0, population_size = 8 }

[[optimizers]]
name = "GA"
settings = { kind = "genetic", initial = "normal", population_size = 8, n_elites = 2 }

[[neurons]]
generator = "main"
settings = { kind = "shape", spontaneous_hz = 0.0 }
each = { seed = [1, 2] }
"""


@pytest.fixture(scope="session")
def small() -> str:
    """Return the TOML of a small plan: 2 optimizers, 2 neurons, 2 noise levels, 2 repeats."""
    return SMALL


@pytest.fixture
def changed() -> Callable[[str, str], str]:
    """Return the small plan with one piece of its text replaced."""

    def change(old: str, new: str) -> str:
        assert old in SMALL
        return SMALL.replace(old, new)

    return change


@pytest.fixture
def one_thread(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let runs compute in this process, as in a worker."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
