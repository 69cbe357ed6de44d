"""What the pages on recording systems show: configs, emulators, and the relay protocol's bytes."""

import sys
import threading
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from controller.cli.config_commands import template
from controller.config.checks import problems_of
from controller.config.tables import SessionConfig
from rig_adapters.emulators.process import EmulatorFile
from rig_adapters.relay import neuroloop_relay
from rig_adapters.relay.messages import Hello, Told, read
from rig_adapters.relay.source import connect

from .conftest import PAGES, ROOT, blocks

RIGS = [(page, block) for page in PAGES for block in blocks(page, "toml", "rig")]
EMULATORS = [(page, block) for page in PAGES for block in blocks(page, "toml", "emulator")]
FOLDERS = [(page, block) for page in PAGES for block in blocks(page, "toml", "folders")]
PROTOCOL = ROOT / "docs" / "reference" / "relay.md"
RELAY_PAGE = ROOT / "docs" / "how-to" / "recorders" / "relay.md"


@pytest.mark.parametrize(("page", "block"), RIGS, ids=lambda item: getattr(item, "name", ""))
def test_a_rig_that_a_page_shows_makes_a_valid_session(page: Path, block: Any) -> None:
    tables = tomllib.loads(template())
    tables["rig"] = {**tables["rig"], "settings": {}, **tomllib.loads(block.text)["rig"]}
    config = SessionConfig.model_validate(tables)
    assert problems_of(config) == [], page


def test_folders_that_a_page_shows_make_a_valid_session() -> None:
    ((_, block),) = FOLDERS
    told, tables = tomllib.loads(block.text), tomllib.loads(template())
    del tables["display"]["photodiode"], tables["threads"][0]["driver_units"]
    for name in ("display", "scoring"):
        tables[name] |= told[name]
    tables["threads"][0] |= told["threads"][0]
    tables |= {name: told[name] for name in ("rig", "behaviour", "reward")}
    assert problems_of(SessionConfig.model_validate(tables)) == []


@pytest.mark.parametrize(("page", "block"), EMULATORS, ids=lambda item: getattr(item, "name", ""))
def test_what_a_page_tells_an_emulator_can_be_told(page: Path, block: Any) -> None:
    assert EmulatorFile.model_validate(tomllib.loads(block.text)), page


def test_the_protocols_examples_are_read_as_the_page_says() -> None:
    (hello,), (recorded,) = blocks(PROTOCOL, "json", "hello"), blocks(PROTOCOL, "json", "recorded")
    (hexadecimal,) = blocks(PROTOCOL, "text", "hex")
    data = bytes.fromhex(hexadecimal.text)

    assert isinstance(read(hello.text.strip().encode()), Hello)
    (counting,) = blocks(PROTOCOL, "json", "counting")
    (counted,) = blocks(PROTOCOL, "json", "counted")
    assert read(counting.text.strip().encode()).counts_window == (1221, 4883)  # type: ignore[union-attr]
    assert read(counted.text.strip().encode()).counts == ((812007, 1, 1, 17),)  # type: ignore[union-attr]
    assert data == recorded.text.strip().encode()
    assert f"these {len(data)} bytes" in PROTOCOL.read_text(encoding="utf-8")
    told = read(data)
    assert isinstance(told, Told)
    assert told.through - told.from_sample == 800


class Vendor(SimpleNamespace):
    """Stands for the library of a recording system, whose unit fires every 10 samples."""

    rate_hz = 1000.0
    units = ((13, 1),)

    def __init__(self) -> None:
        super().__init__(began_s=time.monotonic(), ended=threading.Event())

    def now(self) -> int:
        return int((time.monotonic() - self.began_s) * self.rate_hz)

    def running(self) -> bool:
        return not self.ended.is_set()

    def spikes(self, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
        return ((sample, 13, 1) for sample in range(-(-start // 10) * 10, stop, 10))

    def onsets(self, _start: int, _stop: int) -> list[int]:
        return []

    def wait(self, seconds: float) -> None:
        self.ended.wait(seconds)


def test_the_relay_that_the_page_shows_relays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (block,) = blocks(RELAY_PAGE, "python", "relay")
    monkeypatch.setitem(sys.modules, "neuroloop_relay", neuroloop_relay)
    address, vendor = f"ipc://{tmp_path / 'relay'}", Vendor()
    names = {"ADDRESS": address, "vendor": vendor}
    thread = threading.Thread(target=exec, args=(block.text, names))
    thread.start()
    try:
        source = connect({"listen_at": address})
        try:
            source.begin()
            spikes: list[int] = []
            while len(spikes) < 20:
                spikes += [s for each in source.take() for s in each.spike_samples.tolist()]
        finally:
            source.close()
    finally:
        vendor.ended.set()
        thread.join()
    assert spikes == list(range(spikes[0], spikes[0] + 10 * len(spikes), 10))
