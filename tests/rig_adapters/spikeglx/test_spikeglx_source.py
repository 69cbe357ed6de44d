"""The source in this process, with an emulated SpikeGLX as another, whatever befalls the two."""

import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rig_adapters.acquisition.source import RecorderError, RecorderRestarted, Stretch
from rig_adapters.emulators.truth import Truth
from rig_adapters.spikeglx import scan
from rig_adapters.spikeglx.source import SpikeGlxSource, connect
from rig_adapters.testing.recorder_contract import Emulated, emulating
from rig_adapters.testing.recorder_kits import spikeglx_settings

pytestmark = pytest.mark.system

RATE_HZ = 30_000.0
PHOTODIODE = {"kind": "photodiode", "dark": 0.2, "lit": 3.0}
RISING = {"kind": "ttl", "line": 7, "edges": "rising"}
PATIENCE_S = 30.0


def settings_for(emulated: Emulated, **more: Any) -> dict[str, Any]:
    return {**spikeglx_settings(emulated.addresses), **more}


def file_of(vendor: Mapping[str, Any], **mischief: float) -> dict[str, Any]:
    return {"vendor": vendor, "steady": {"rate_hz": 40.0}, "mischief": mischief}


def recorded(source: SpikeGlxSource, seconds: float, pieces: int = 1) -> list[Stretch]:
    """Record for so long on the recorder's clock, and until it is told in so many pieces."""
    source.begin()
    stretches: list[Stretch] = []
    deadline_s = time.monotonic() + PATIENCE_S
    while (
        not stretches
        or stretches[-1].through_sample - stretches[0].from_sample < seconds * RATE_HZ
        or sum(a.through_sample < b.from_sample for a, b in pairwise(stretches)) < pieces - 1
    ):
        assert time.monotonic() < deadline_s
        stretches += source.take()
        time.sleep(0.005)
    source.end()
    return stretches


def check(stretches: Sequence[Stretch], truth: Truth) -> int:
    """Compare all that was told with what was sent; return how many samples of it were unknown."""
    known = np.zeros(stretches[-1].through_sample + 1, np.bool_)
    for stretch in stretches:
        assert not known[stretch.from_sample : stretch.through_sample].any()
        known[stretch.from_sample : stretch.through_sample] = True
    first = stretches[0].from_sample
    spikes = truth.spikes[truth.spikes[:, 0] < known.size]
    sent = spikes[known[spikes[:, 0]]]
    told = np.concatenate(
        [np.stack([each.spike_samples, each.spike_unit_ids], axis=1) for each in stretches]
    )
    assert len(sent)
    np.testing.assert_array_equal(told[np.lexsort((told[:, 1], told[:, 0]))], sent)
    edges = truth.edges[truth.edges < known.size]
    np.testing.assert_array_equal(
        np.concatenate([each.sync_samples for each in stretches]), edges[known[edges]]
    )
    return int((~known[first : stretches[-1].through_sample]).sum())


def told_until_it_refuses(source: SpikeGlxSource, told: list[Stretch]) -> None:
    """Add what is told to `told`."""
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s:
        told += source.take()
        time.sleep(0.005)


@pytest.mark.parametrize(
    ("vendor", "mischief", "more"),
    [
        ({"stream": "imec0", "closes": 0.05, "slow_s": 0.01}, {"half": 0.1}, {}),
        (
            {"stream": "nidq", "volts_per_bit": 2e-7},
            {},
            {
                "sync": {**PHOTODIODE, "channel": "XA0"},
                "detect": [{"channels": "1-4", "threshold_noise": -15}],
            },
        ),
        (
            {"stream": "obx0", "tells_voltages": False},
            {},
            {"uv_per_bit": 2.34375},
        ),
    ],
    ids=["a probe whose connections break", "nidq", "OneBox"],
)
def test_nothing_is_lost_where_spikeglx_still_has_it(
    tmp_path: Path, vendor: dict[str, Any], mischief: dict[str, float], more: dict[str, Any]
) -> None:
    with emulating("spikeglx", file_of(vendor, **mischief), tmp_path) as emulated:
        settings = settings_for(emulated, **more)
        source = connect(settings)
        stretches = recorded(source, 1.0)
        source.close()
        assert check(stretches, emulated.truth()) == 0


def test_what_spikeglx_no_longer_has_is_a_gap(tmp_path: Path) -> None:
    with emulating("spikeglx", file_of({"too_late": 0.02}), tmp_path) as emulated:
        source = connect(settings_for(emulated))
        # However seldom a busy machine asks: until something was too late.
        stretches = recorded(source, 1.0, pieces=2)
        source.close()
        truth = emulated.truth()
        unknown = check(stretches, truth)
        start, stop = stretches[0].from_sample, stretches[-1].through_sample
        harmed = {n for a, b in truth.lost for n in range(max(a, start), min(b, stop))}
        assert unknown == len(harmed) > 0


def test_a_run_that_is_another_one_is_noticed_also_when_it_has_as_many_samples(
    tmp_path: Path,
) -> None:
    with emulating("spikeglx", file_of({}, restart_after_s=2.0), tmp_path) as emulated:
        source = connect(settings_for(emulated))
        source.begin()
        stretches: list[Stretch] = []
        while not stretches:
            stretches += source.take()
        fetched, restarted = stretches[-1].through_sample, False
        # The adapter's machine stands still, until the new run has overtaken the old one.
        while not restarted or emulated.truth().through_sample < fetched + RATE_HZ:
            restarted = any(event["event"] == "restarted" for event in emulated.truth().events)
            time.sleep(0.1)
        told: list[Stretch] = []
        with pytest.raises(RecorderRestarted, match="anew"):
            told_until_it_refuses(source, told)
        source.close()
        # What the reply that was under way had in it is of the old run; nothing is of the new one.
        assert all(each.through_sample < fetched + RATE_HZ / 2 for each in told)


def test_a_run_that_was_begun_for_a_session_ends_with_it(tmp_path: Path) -> None:
    vendor = {"running": False}
    with emulating("spikeglx", file_of(vendor), tmp_path) as emulated:
        with pytest.raises(RecorderError, match="press Run"):
            connect(settings_for(emulated))
        source = connect(settings_for(emulated, run="record"))
        recorded(source, 0.1)
        source.close()
        told = [event["command"] for event in emulated.truth().events]
        assert told == ["STARTRUN", "SETRECORDENAB 1", "SETRECORDENAB 0", "STOPRUN"]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"stream": "nidq"}, "nidq stream not enabled"),
        ({"stream": "imec1"}, "must be in range"),
        ({"detect": [{"channels": [11], "threshold_uv": -80}]}, "no analog channel 11"),
        ({"sync": {**RISING, "line": 17}}, "no digital line 17"),
        ({"sync": {**PHOTODIODE, "channel": "XA0"}}, "no analog channel 'XA0'"),
    ],
)
def test_what_this_spikeglx_does_not_have_is_refused_in_a_sentence(
    emulated: Emulated, more: dict[str, Any], why: str
) -> None:
    with pytest.raises(RecorderError, match=why):
        connect(settings_for(emulated, **more))


@pytest.fixture(scope="module")
def emulated(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """An emulated SpikeGLX that several tests can ask."""
    with emulating("spikeglx", file_of({}), tmp_path_factory.mktemp("emulated")) as emulated:
        yield emulated


def test_one_that_was_never_told_what_to_acquire_is_refused(tmp_path: Path) -> None:
    vendor = {"validated": False, "running": False}
    with (
        emulating("spikeglx", file_of(vendor), tmp_path) as emulated,
        pytest.raises(RecorderError, match="Verify"),
    ):
        connect(settings_for(emulated, run="run"))


def test_a_scan_finds_one_that_listens_and_connects_to_none(
    emulated: Emulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = emulated.addresses["port"]
    monkeypatch.setattr(scan, "PORT", port)
    found = [answer for answer in scan.look("spikeglx") if answer.where.endswith(str(port))]
    assert [answer.adapter for answer in found] == ["spikeglx"]
    assert "listens for commands" in found[0].tells
