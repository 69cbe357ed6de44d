"""The NWB file of a log: put together, written beside its name, and named when it is complete.

The log is only read. The same log and metadata give the same file, but for the moment at which it
was made: identifiers follow from the session's id and from where an object is in the file.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, tzinfo
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from pynwb import NWBHDF5IO, NWBFile
from pynwb.epoch import TimeIntervals
from pynwb.event import EventsTable
from pynwb.file import Subject

from sessions.nwb.clock import FileClock, clock_of, reference_time
from sessions.nwb.drafts import draft_of, require_place, sync
from sessions.nwb.events import session_events, sync_edges
from sessions.nwb.facts import session_tables, settings_table
from sessions.nwb.metadata import Metadata, SubjectFacts
from sessions.nwb.pixels import Progress
from sessions.nwb.stimuli import add_stimuli
from sessions.nwb.trials import (
    Moments,
    block_table,
    fixation_table,
    moments_of,
    presentation_table,
)
from sessions.nwb.units import add_devices, add_units, observed_spans, unit_table
from sessions.reader import LogReader

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://neuroloop/session")


@dataclass(frozen=True)
class Exported:
    """What was written: the file, its size, and how much is in it."""

    path: Path
    n_bytes: int
    n_presentations: int
    n_images: int
    n_images_without_pixels: int
    n_spikes: int


def export_nwb(
    reader: LogReader,
    path: Path,
    metadata: Metadata,
    *,
    created_at: datetime,
    force: bool = False,
    progress: Progress = lambda _doing, _done, _total: None,
) -> Exported:
    """Write what `reader` holds to `path`; nothing is left behind where that fails.

    `created_at` is written as the moment at which the file was made, with its zone.

    Raises:
        ExportError: there is a file at `path` and `force` is not given, or no such folder.

    """
    require_place(path, force)
    nwbfile = build(reader, metadata, created_at=created_at, progress=progress)
    with draft_of(path) as draft:
        with NWBHDF5IO(draft, "w") as io:
            built = io.manager.build(nwbfile, source=io.source, root=True)
            _settle_ids(built, uuid.UUID(nwbfile.identifier))
            # What is not modified is written as it was built.
            nwbfile.set_modified(False)
            io.write(nwbfile)
        sync(draft)
        require_place(path, force)
        draft.replace(path)
    images = reader.images
    return Exported(
        path=path,
        n_bytes=path.stat().st_size,
        n_presentations=len(reader.presentations.block),
        n_images=len(images.image_id),
        n_images_without_pixels=int((images.pixels_row < 0).sum()),
        n_spikes=len(reader.spikes.unit_id),
    )


def build(
    reader: LogReader, metadata: Metadata, *, created_at: datetime, progress: Progress
) -> NWBFile:
    """Return the file's content; pixels are read when it is written."""
    clock = clock_of(reader)
    moments, spans = moments_of(reader, clock), observed_spans(reader)
    nwbfile = _empty_file(reader, metadata, clock, _earliest_s(moments, spans), created_at)
    add_devices(nwbfile, reader, metadata.electrodes)
    misc = nwbfile.create_processing_module(
        name="misc",
        description="What the closed loop did: codes, scores, optimizers, clocks, settings.",
    )
    presentations = presentation_table(reader, moments)
    if len(reader.spikes.unit_id):
        add_units(nwbfile, reader, spans)
    else:
        misc.add(unit_table(reader))
    if isinstance(presentations, TimeIntervals):
        nwbfile.trials = presentations
    elif presentations is not None:
        misc.add(presentations)
    intervals = (fixation_table(reader, clock), block_table(reader, clock, spans))
    for table in filter(None, intervals):
        nwbfile.add_time_intervals(table)
    images = add_stimuli(nwbfile, reader, clock, moments, progress)
    for table in (images, *session_tables(reader), settings_table(reader, metadata, _program())):
        if table is not None:
            misc.add(table)
    for table in (session_events(reader, clock), sync_edges(reader)):
        if isinstance(table, EventsTable):
            nwbfile.add_events_table(table)
        elif table is not None:
            misc.add(table)
    return nwbfile


def _empty_file(
    reader: LogReader, metadata: Metadata, clock: FileClock, first_s: float, created_at: datetime
) -> NWBFile:
    start, lab = reader.start, metadata.lab
    began = datetime.fromisoformat(start.started_at)
    zero, told = reference_time(reader, clock, first_s)
    simulated = "simulated neurons, " if start.rig_simulated else ""
    cut = "" if reader.end else " It was not over when this file was made, or was cut off."
    return NWBFile(
        session_description=f"Closed-loop evolution of images by neuroloop, {simulated}"
        f"{len(start.threads)} evolution thread(s), {reader.generations_committed} block(s).{cut}",
        identifier=str(uuid.uuid5(_NAMESPACE, f"{start.session_id} {start.started_at}")),
        session_start_time=began,
        timestamps_reference_time=zero,
        file_create_date=created_at,
        session_id=start.session_id,
        notes=told,
        was_generated_by=[["neuroloop", start.versions.get("neuroloop", "unknown")]],
        stimulus_notes="; ".join(
            f"thread {t.thread_id}: generator {t.generator}, {t.generator_provenance}"
            for t in start.threads
        ),
        subject=_subject(metadata.subject, began.tzinfo),
        **_given(
            institution=lab.institution,
            lab=lab.lab,
            experimenter=list(lab.experimenter),
            experiment_description=lab.description,
            keywords=list(lab.keywords),
            protocol=lab.protocol,
            related_publications=list(lab.related_publications),
        ),
    )


def _subject(facts: SubjectFacts, zone: tzinfo | None) -> Subject:
    born = datetime.fromisoformat(facts.date_of_birth) if facts.date_of_birth else None
    if born is not None and born.tzinfo is None:
        born = born.replace(tzinfo=zone)
    return Subject(
        subject_id=facts.subject_id,
        date_of_birth=born,
        **_given(
            species=facts.species,
            sex=facts.sex,
            age=facts.age,
            strain=facts.strain,
            genotype=facts.genotype,
            description=facts.description,
        ),
    )


def _given(**values: Any) -> dict[str, Any]:
    """Return what is not empty: NWB wants the rest left out."""
    return {key: value for key, value in values.items() if value}


def _program() -> dict[str, str]:
    return {name: version(name) for name in ("neuroloop", "pynwb", "hdmf", "h5py")}


def _earliest_s(moments: Moments, spans: np.typing.NDArray[np.float64]) -> float:
    times_s = np.concatenate([moments.start_s, spans[:, 0]])
    return float(np.nanmin(times_s)) if np.isfinite(times_s).any() else np.nan


def _settle_ids(built: Any, session: uuid.UUID, path: str = "/") -> None:
    """Have the id of each object that is to be written follow from its path, not from chance."""
    if "object_id" in built.attributes:
        built.set_attribute("object_id", str(uuid.uuid5(session, path)))
    children = (getattr(built, kind, {}) for kind in ("groups", "datasets"))
    for name, inner in (item for each in children for item in each.items()):
        _settle_ids(inner, session, f"{path}{name}/")
