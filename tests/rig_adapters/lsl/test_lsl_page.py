"""The sender on the page about LSL does what the page says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from rig_adapters.testing.driver import started
from rig_adapters.wire import messages as m
from rig_adapters.wire.conversation import RIG

from .test_lsl_adapter import name
from .test_lsl_streams import events, record

pytestmark = pytest.mark.system

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "recorders" / "lsl.md"
VENDOR = """
import time
import pylsl
from rig_adapters.emulators.lsl import CONFINED

pylsl.set_config_content(CONFINED)

class Vendor:
    told = pylsl.local_clock()

    def running(self):
        return True

    def events_and_time(self):
        "Unit 1 fires 200 times a second and unit 2 never does; the line rises every 0.1 s."
        now, told = pylsl.local_clock(), self.told
        self.told = now
        spikes = [(n / 200, 13, 1) for n in range(int(told * 200) + 1, int(now * 200) + 1)]
        rises = [(n / 10, 1, -2) for n in range(int(told * 10) + 1, int(now * 10) + 1)]
        return spikes + rises, now

    def wait(self, seconds):
        time.sleep(seconds)

vendor = Vendor()
"""


def test_the_sender_on_the_page_is_read_without_loss(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python lsl outlet\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    stream = name()
    script = tmp_path / "sender.py"
    script.write_text(VENDOR + code.replace("my sorter", stream), encoding="utf-8")
    sender = subprocess.Popen([sys.executable, str(script)])
    try:
        with started("rig_adapters.lsl", RIG) as driver:
            driver.send(
                m.ConfigureRig(settings=events(stream), seed=1, time="real", light_endpoint=None)
            )
            recording = record(driver, 1.0)
    finally:
        sender.kill()
        sender.wait()
    assert recording.gaps == []
    spikes = recording.spikes()
    assert set(spikes.unit_ids.tolist()) == {1301}
    assert abs(spikes.times_rig_s.size - 200) < 10
    assert recording.sync_rig_s().size in (9, 10, 11, 12)
