"""The file that users copy: it runs without neuroloop, and with keys across a network."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rig_adapters.acquisition.source import RecorderError
from rig_adapters.keys import ALLOWED, PUBLIC, make_keys, read_keys
from rig_adapters.relay import neuroloop_relay
from rig_adapters.relay.source import RelaySource, connect

pytestmark = pytest.mark.system

COPY = Path(neuroloop_relay.__file__)
RELAY = """
import sys, time
sys.path.insert(0, {folder!r})
import neuroloop_relay
assert not any(name.split(".")[0] in ("rig_adapters", "numpy") for name in sys.modules)
relay = neuroloop_relay.Relay({address!r}, "test", 1000.0, [(7, 1)], True, keys={keys!r})
for n in range(2000):
    relay.tell(10 * n, 10 * n + 10, [(10 * n + 5, 7, 1)], [10 * n] if n % 10 == 0 else [])
    time.sleep(0.005)
"""


def relay_process(
    folder: Path, address: str, keys: tuple[bytes, bytes, bytes] | None = None
) -> "subprocess.Popen[bytes]":
    shutil.copy(COPY, folder)
    code = RELAY.format(folder=str(folder), address=address, keys=keys)
    # Isolated: neither the current folder nor PYTHONPATH is looked at.
    return subprocess.Popen([sys.executable, "-I", "-c", code])


def told(source: RelaySource, n: int) -> list[int]:
    source.begin()
    spikes: list[int] = []
    while len(spikes) < n:
        for stretch in source.take():
            spikes += stretch.spike_samples.tolist()
            assert set(stretch.spike_unit_ids.tolist()) == {701}
    source.end()
    return spikes


def test_the_copied_file_needs_nothing_of_neuroloop(tmp_path: Path) -> None:
    address = f"ipc://{tmp_path / 'relay'}"
    process = relay_process(tmp_path, address)
    try:
        source = connect({"listen_at": address})
        try:
            spikes = told(source, 20)
        finally:
            source.close()
    finally:
        process.kill()
        process.wait()
    assert spikes == list(range(spikes[0], spikes[0] + 10 * len(spikes), 10))


def test_with_keys_only_the_relay_that_is_known_comes_in(tmp_path: Path) -> None:
    here, there, strange = (tmp_path / name for name in ("here", "there", "strange"))
    for folder in (here, there, strange):
        make_keys(folder, folder.name)
    shutil.copy(there / f"there{PUBLIC}", here / ALLOWED)
    server = read_keys(here).public
    settings = {
        "listen_at": f"ipc://{tmp_path / 'relay'}",
        "relay_keys": str(here),
        "patience_s": 1.5,
    }
    stranger, friend = read_keys(strange), read_keys(there)
    process = relay_process(
        tmp_path, settings["listen_at"], (stranger.public, stranger.secret, server)
    )
    try:
        with pytest.raises(RecorderError, match="unknown key"):
            connect(settings)
    finally:
        process.kill()
        process.wait()
    process = relay_process(tmp_path, settings["listen_at"], (friend.public, friend.secret, server))
    try:
        source = connect({**settings, "patience_s": 20.0})
        try:
            assert told(source, 5)
        finally:
            source.close()
    finally:
        process.kill()
        process.wait()
