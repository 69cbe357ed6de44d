"""Whole sessions through an adapter of a recording system, whose emulator watches the screen."""

import json
import socket
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from rig_adapters.emulators.truth import Truth
from rig_adapters.testing.recorder_contract import emulating
from sessions.checks import run_checks
from sessions.reader import LogReader

from .conftest import Lab

REHEARSAL = (
    "stopping.max_generations=2",
    "generators.main.code_dim=256",
    "threads.0.optimizer.population_size=6",
    "references.count=2",
    "display.max_dropped_frames=30",
    "display.presentations_per_trial=2",
    "behaviour.kind=always",
    "supervision.max_restarts=0",
)
"""A short session in a real window, in real time; a busy machine may drop frames.

Trials are short, so that few images make a pattern that fits sync edges in one way only.
"""

Settings = Callable[[Mapping[str, Any]], Mapping[str, Any]]


def rehearsed(
    lab: Lab,
    adapter: str,
    emulator: str,
    vendor: Mapping[str, Any],
    settings: Settings,
    *overrides: str,
) -> tuple[LogReader, Truth]:
    """Run a session whose spikes come from `emulator`; return its log, and what was sent."""
    light = f"tcp://127.0.0.1:{free_port()}"
    with emulating(emulator, {"vendor": dict(vendor)}, lab.folder, light=light) as emulated:
        use_adapter(lab, adapter, settings(emulated.addresses), light)
        log = lab.run(*REHEARSAL, *overrides)
        return log, emulated.truth()


def use_adapter(
    lab: Lab, adapter: str, settings: Mapping[str, Any], light: str | None = None
) -> None:
    """Have the lab's session record with an adapter, told of `settings`."""
    head, _, rest = lab.config.read_text(encoding="utf-8").partition("[rig.settings]")
    named = f'adapter = "{adapter}"' + (f'\nlight = "{light}"' if light else "")
    head = head.replace('adapter = "sim"', named).rstrip()
    text = f"{head}\nsettings = {_inline(settings)}\n{rest[rest.index(chr(10) + '[') :]}"
    lab.config.write_text(text, encoding="utf-8")


def counts_are_those_that_were_sent(log: LogReader, truth: Truth) -> int:
    """Compare the spike counts of every presentation that was heard; return how many were."""
    assert [f.message for f in run_checks(log) if f.severity == "error"] == []
    shown, rate_hz = log.presentations, float(json.loads(log.start.extra["rig"])["sample_rate_hz"])
    heard = np.flatnonzero(shown.response_counts.min(axis=1) >= 0)
    assert log.start.rig_simulated
    # On a busy machine an emulator may see a patch too late to mark its onset.
    by_edge = shown.onset_rig_s[shown.sync == "photodiode"]
    assert len(by_edge) > len(heard) / 2
    assert set(np.rint(by_edge * rate_hz).astype(np.int64).tolist()) <= set(truth.edges.tolist())
    sent = truth.counts(log.unit_ids, shown.onset_rig_s[heard], log.rule.response_window_s, rate_hz)
    np.testing.assert_array_equal(shown.response_counts[heard], sent)
    return len(heard)


def free_port() -> int:
    """Return a port of this machine that nothing listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _inline(table: Mapping[str, Any]) -> str:
    """Return a table as TOML in one line."""
    return "{ " + ", ".join(f"{key} = {_value(value)}" for key, value in table.items()) + " }"


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return _inline(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    # What JSON and TOML write alike: texts, numbers, truth values.
    return json.dumps(value)
