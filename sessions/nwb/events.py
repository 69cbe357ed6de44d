"""What happened beside the blocks, and the sync edges, as tables of events.

In virtual time notes and faults have the time of day alone, since the file's clock did not run with
it; then they are a table without timestamps in `processing/misc`.
"""

from __future__ import annotations

import numpy as np
from hdmf.common import DynamicTable, VectorData
from pynwb.event import EventsTable, TimestampVectorData

from sessions.nwb.clock import FileClock
from sessions.nwb.columns import column, dynamic_table
from sessions.reader import LogReader
from sessions.records import Floats

_ABOUT = "Notes, pauses, faults and other things beside the blocks, as the log has them."


def session_events(reader: LogReader, clock: FileClock) -> DynamicTable | None:
    """Return notes, pauses and faults; an `EventsTable` where their times are known."""
    rows = reader.events
    if not len(rows.kind):
        return None
    at_s = clock.of_host(rows.host_time_s)
    columns = [
        column("kind", "Short name of what kind of event it is.", rows.kind),
        column("wall", "When, ISO 8601 with zone.", rows.wall_time),
        column("host_time_s", "When, on the clock of the host, seconds.", rows.host_time_s),
    ]
    texts = column("annotation", "What happened, in words.", rows.text)
    if not np.isfinite(at_s).all():
        return dynamic_table("session_events", _ABOUT, [*columns, texts])
    about = f"{_ABOUT} Times of the host, brought to the clock of this file."
    return _events("session_events", about, at_s, [*columns, texts], "neuroloop's log")


def sync_edges(reader: LogReader) -> EventsTable | None:
    """Return every edge of photodiode or line that the rig saw; None where there was none."""
    rows = reader.sync
    if not len(rows.rig_time_s):
        return None
    about = "Every edge of the photodiode or the sync line that the recording system saw."
    blocks = column("block", "Block during which it came.", rows.block)
    return _events("sync_edges", about, rows.rig_time_s, [blocks], "Recording system")


def _events(
    name: str, about: str, at_s: Floats, columns: list[VectorData], source: str
) -> EventsTable:
    timestamps = TimestampVectorData(
        name="timestamp", description="When it happened, seconds.", data=at_s
    )
    return EventsTable(
        name=name, description=about, columns=[timestamps, *columns], source_description=source
    )
