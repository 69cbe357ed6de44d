"""Torch is slow to import, and only the networks need it."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
import generators.{module}
loaded = "torch" in sys.modules
raise SystemExit(1 if loaded else 0)
"""


@pytest.mark.parametrize(
    "module",
    [
        "base",
        "biggan.codes",
        "deepsim.variants",
        "differentiable",
        "diffusion.head_start",
        "diffusion.settings",
        "diffusion.tiny_settings",
        "embedded.settings",
        "fitted_gaussian.settings",
        "gaussian",
        "images",
        "procedural",
        "registry",
    ],
)
def test_a_module_without_a_network_does_not_load_torch(module: str) -> None:
    finished = subprocess.run([sys.executable, "-c", PROGRAM.format(module=module)], check=False)

    assert finished.returncode == 0
