"""Devices, electrodes, and units with their spikes and when they were listened to.

Spike times are those of the recording system, not moved. `obs_intervals` has one interval for each
block: what was surely recorded, from the first thing heard for it to the end of its last window,
without the gaps that the log tells of.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from hdmf.common import DynamicTable
from pynwb import NWBFile
from pynwb.device import Device, DeviceModel
from pynwb.misc import Units

from sessions.nwb.columns import column, dynamic_table
from sessions.nwb.metadata import UNKNOWN, ElectrodeFacts
from sessions.reader import LogReader
from sessions.records import Floats
from sessions.storage import json_value

_GAP = re.compile(r"nothing was recorded from (\S+) to (\S+) s \(rig time\)")
"""How the text of an event "recording gap" tells of one."""


def add_devices(nwbfile: NWBFile, reader: LogReader, facts: ElectrodeFacts) -> None:
    """Add recording system, display and electrodes, and a row for each channel."""
    start = reader.start
    simulated = "Simulated neurons: nothing was recorded. " if start.rig_simulated else ""
    recorder = f"{simulated}neuroloop's rig adapter {start.rig_adapter}."
    nwbfile.add_device(Device(name="recording_system", description=recorder))
    nwbfile.add_device(Device(name="display", description=start.display_label))
    group = nwbfile.create_electrode_group(
        name="probe",
        description=facts.device or "Channels of the recording system.",
        location=facts.location or UNKNOWN,
        device=_probe(nwbfile, facts),
    )
    for channel_id in _channel_ids(reader):
        nwbfile.add_electrode(
            id=channel_id,
            location=facts.location_of(channel_id),
            group=group,
            group_name=group.name,
        )


def _probe(nwbfile: NWBFile, facts: ElectrodeFacts) -> Device:
    if not facts.device:
        return nwbfile.devices["recording_system"]
    model = None
    if facts.manufacturer:
        model = DeviceModel(name="probe_model", manufacturer=facts.manufacturer)
        nwbfile.add_device_model(model)
    probe = Device(name="probe", description=facts.device, model=model)
    nwbfile.add_device(probe)
    return probe


def _channel_ids(reader: LogReader) -> list[int]:
    return sorted({unit.channel_id for unit in reader.units})


def observed_spans(reader: LogReader) -> Floats:
    """Return from when to when each block was recorded, `(b, 2)` on the rig's clock.

    From its first spike, edge or window to its last; NaN where nothing at all is known.
    """
    rule, shown = reader.rule, reader.presentations
    windows = [w for w in (rule.response_window_s, rule.baseline_window_s) if w is not None]
    heard = [
        (reader.spikes.rig_time_s, reader.spikes.block),
        (reader.sync.rig_time_s, reader.sync.block),
        *((shown.onset_rig_s + edge, shown.block) for window in windows for edge in window),
    ]
    blocks = np.unique(reader.generations.block)
    spans = np.full((len(blocks), 2), np.nan)
    for row, block in enumerate(blocks):
        times_s = np.concatenate([times[of_block == block] for times, of_block in heard])
        if np.isfinite(times_s).any():
            spans[row] = np.nanmin(times_s), np.nanmax(times_s)
    return spans


def without_gaps(spans: Floats, gaps: Sequence[tuple[float, float]]) -> Floats:
    """Return intervals `(k, 2)` that are within the spans `(b, 2)` and in no gap."""
    left = [(float(a), float(b)) for a, b in spans if np.isfinite(a) and a < b]
    for gap_start, gap_stop in gaps:
        left = (
            [
                part
                for a, b in left
                for part in ((a, min(b, gap_start)), (max(a, gap_stop), b))
                if part[0] < part[1]
            ]
            if gap_start < gap_stop
            else left
        )
    return np.array(left, np.float64).reshape(-1, 2)


def gaps_of(reader: LogReader) -> list[tuple[float, float]]:
    """Return the stretches, on the rig's clock, that the log says were not recorded."""
    found = [_GAP.search(str(text)) for text in reader.events.text]
    return [(float(gap[1]), float(gap[2])) for gap in found if gap]


def add_units(nwbfile: NWBFile, reader: LogReader, spans: Floats) -> None:
    """Add the units with their spikes; id is the unit_id of the log."""
    spikes = reader.spikes
    resolution_s = _resolution_s(reader)
    units = Units(
        name="units",
        description="Units of the session, as the recording system sorted them; id is the unit_id "
        "of the log. obs_intervals are the stretches that were recorded for the blocks.",
        electrode_table=nwbfile.electrodes,
        **({} if resolution_s is None else {"resolution": resolution_s}),
    )
    nwbfile.units = units
    units.add_column("channel_id", "Recording contact that the unit was found on.")
    units.add_column("label", "Name of the unit.")
    units.add_column("drives_threads", _DRIVES)
    channels = _channel_ids(reader)
    observed = without_gaps(spans, gaps_of(reader))
    for unit in reader.units:
        units.add_unit(
            id=unit.unit_id,
            spike_times=spikes.rig_time_s[spikes.unit_id == unit.unit_id],
            obs_intervals=observed,
            electrodes=[channels.index(unit.channel_id)],
            channel_id=unit.channel_id,
            label=unit.label,
            drives_threads=_drives(reader, unit.unit_id),
        )


_DRIVES = "Threads whose score is made of this unit's response, ids with commas; empty: none."


def unit_table(reader: LogReader) -> DynamicTable:
    """Return the units of a session that has no spikes: without them they are no `Units`."""
    units = reader.units
    columns = [
        column("channel_id", "Recording contact.", np.array([u.channel_id for u in units])),
        column("label", "Name of the unit.", np.array([u.label for u in units])),
        column("drives_threads", _DRIVES, np.array([_drives(reader, u.unit_id) for u in units])),
    ]
    about = "One row for each unit, in the order of the columns of rates; id is its unit_id."
    return dynamic_table("unit_list", about, columns, reader.unit_ids)


def _drives(reader: LogReader, unit_id: int) -> str:
    return ",".join(str(t.thread_id) for t in reader.threads if unit_id in t.driver_unit_ids)


def _resolution_s(reader: LogReader) -> float | None:
    """Return the time between two samples of the recording system, where it told its rate."""
    rig: Any = json_value(reader.start.extra.get("rig", "{}"), "description of the rig")
    rate_hz = rig.get("sample_rate_hz") if isinstance(rig, dict) else None
    return 1 / rate_hz if rate_hz else None
