"""The same code gives the same bytes in another process, as a replay on another day needs."""

import hashlib
import json
import os
import subprocess
import sys

import pytest

PROGRAM = """
import hashlib, json, sys
import numpy as np
from generators.registry import kinds

found = {}
for table in json.loads(sys.argv[1]):
    generator = kinds()[table["kind"]].model_validate(table).build()
    codes = generator.initial_codes(3, np.random.default_rng(4))
    found[table["kind"]] = hashlib.sha256(generator.render(codes).tobytes()).hexdigest()
print(json.dumps(found))
"""
TABLES = [
    {"kind": "embedded"},
    {"kind": "gaussian"},
    {"kind": "deepsim_pool5", "weights": "random"},
]


@pytest.fixture(scope="module")
def hashes() -> list[dict[str, str]]:
    """Give the hash of each kind's images from two processes, with other hash seeds each."""
    found = []
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, json.dumps(TABLES)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        found.append(json.loads(done.stdout))
    return found


@pytest.mark.parametrize("kind", [table["kind"] for table in TABLES])
def test_images_have_the_same_hash_in_every_process(
    hashes: list[dict[str, str]], kind: str
) -> None:
    ours = {found[kind] for found in hashes}

    assert len(ours) == 1
    assert ours != {hashlib.sha256(b"").hexdigest()}
