"""The images that were shown, each of them once, and when.

Generated images, nearly all different, are one `OpticalSeries` for each thread: a frame for each
image, at its first onset. That opens at once however many there are. References, few and shown
again and again, are one `Images` with an `IndexSeries` that has each of their presentations.
`processing/misc/images` says where each image is. Pixels are read and written a few images at a
time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from hdmf.backends.hdf5 import H5DataIO
from hdmf.common import DynamicTable
from pynwb import NWBFile
from pynwb.base import ImageReferences, Images
from pynwb.device import Device
from pynwb.image import IndexSeries, OpticalSeries, RGBImage

from sessions.nwb.clock import FileClock
from sessions.nwb.columns import Rows, column, columns_of, dynamic_table
from sessions.nwb.pixels import Progress, StoredPixels
from sessions.nwb.trials import Moments
from sessions.reader import LogReader
from sessions.records import Floats, Ints, Pixels, ThreadInfo
from sessions.schema import IMAGES
from sessions.storage import json_value

REFERENCES, NEVER_SHOWN = "reference_images", "images_never_shown"
_ORIENTATION = "upright: row 0 of an image is its top, column 0 its left, as the subject sees it"
_UNIT = "n.a."


@dataclass(eq=False)
class _Places:
    """Where the file has each image: the name of a series or a set, and the row in it, by id."""

    of: dict[int, tuple[str, int]] = field(default_factory=dict)

    def put(self, name: str, image_ids: Ints) -> None:
        self.of.update({int(each): (name, row) for row, each in enumerate(image_ids)})


def add_stimuli(
    nwbfile: NWBFile, reader: LogReader, clock: FileClock, moments: Moments, progress: Progress
) -> DynamicTable | None:
    """Add all images and their onsets; return the table that says where each of them is."""
    images, places = reader.images, _Places()
    if not len(images.image_id):
        return None
    onset_s = _first_onsets(reader, clock, moments)
    kept = images.pixels_row >= 0
    display = nwbfile.devices.get("display")
    for thread in reader.threads:
        mine = (images.thread_id == thread.thread_id) & kept & np.isfinite(onset_s)
        rows = np.flatnonzero(mine)
        rows = rows[np.argsort(onset_s[rows], kind="stable")]
        if len(rows):
            series = _series(reader, clock, thread, rows, onset_s[rows], display, progress)
            nwbfile.add_stimulus(series)
            places.put(series.name, images.image_id[rows])
    _add_references(nwbfile, reader, moments, places)
    never = np.flatnonzero((images.kind == "generated") & kept & np.isnan(onset_s))
    if len(never):
        about = "Images that were made and never shown, in no order."
        ids = images.image_id[never]
        pixels = [reader.pixels(int(image_id)) for image_id in ids]
        nwbfile.add_stimulus_template(
            _image_set(NEVER_SHOWN, about, ids, images.name[never].tolist(), pixels)
        )
        places.put(NEVER_SHOWN, ids)
    return _image_table(reader, places, onset_s)


def _first_onsets(reader: LogReader, clock: FileClock, moments: Moments) -> Floats:
    """Return when each image `(n,)` was first shown; NaN for never.

    A rig that reports rates tells no onsets: there it is the start of the block.
    """
    shown, rows = reader.presentations, reader.generations
    start_s = moments.start_s
    if clock.name == "host":
        began = dict(zip(rows.block.tolist(), rows.started_host_s.tolist(), strict=True))
        of_block = np.array([began[int(block)] for block in shown.block])
        start_s = np.where(shown.outcome == "not_shown", np.nan, of_block)
    first: dict[int, float] = {}
    for image_id, at_s in zip(shown.image_id.tolist(), start_s.tolist(), strict=True):
        if math.isfinite(at_s):
            first[image_id] = min(at_s, first.get(image_id, math.inf))
    return np.array([first.get(int(each), math.nan) for each in reader.images.image_id])


def _series(
    reader: LogReader,
    clock: FileClock,
    thread: ThreadInfo,
    rows: Rows,
    onset_s: Floats,
    display: Device | None,
    progress: Progress,
) -> OpticalSeries:
    when = "its first onset" if clock.name == "rig" else "the start of its block, onsets unknown"
    field_of_view = _field_of_view(reader, thread)
    return OpticalSeries(
        name=f"generated_images_thread_{thread.thread_id}",
        description=f"Images of the evolution thread {thread.thread_id} ({thread.name}), each of "
        "them once, as they were rendered: before they were scaled to their size on the screen, "
        f"masked or corrected for gamma. A timestamp is {when}; every presentation is in the table "
        "of presentations, by image_id, and processing/misc/images says which frame is which image",
        data=H5DataIO(
            StoredPixels(reader, thread, rows, progress), compression="gzip", compression_opts=1
        ),
        timestamps=onset_s,
        unit=_UNIT,
        format="raw",
        orientation=_ORIENTATION,
        device=display,
        **field_of_view,
    )


def _field_of_view(reader: LogReader, thread: ThreadInfo) -> dict[str, Any]:
    """Return distance and size on the screen, m, where the config of the log says them.

    An edge at an angle a is at distance · tan(a) from the middle of a flat screen.
    """
    config = json_value(reader.start.config_json, "config")
    display = config.get("display") if isinstance(config, dict) else None
    distance_cm = display.get("viewing_distance_cm") if isinstance(display, dict) else None
    if distance_cm is None:
        return {}
    half = thread.size_deg / 2
    spans = [
        math.tan(math.radians(middle + half)) - math.tan(math.radians(middle - half))
        for middle in thread.position_deg
    ]
    distance_m = distance_cm / 100
    return {"distance": distance_m, "field_of_view": distance_m * np.array(spans)}


def _add_references(nwbfile: NWBFile, reader: LogReader, moments: Moments, places: _Places) -> None:
    references, shown = reader.start.references, reader.presentations
    ids = references.image_ids
    if not len(ids):
        return
    about = "The fixed images that were shown for comparison in every block."
    images = _image_set(REFERENCES, about, ids, list(references.names), list(references.images))
    nwbfile.add_stimulus_template(images)
    places.put(REFERENCES, ids)
    index_of = {int(image_id): index for index, image_id in enumerate(ids)}
    rows = np.flatnonzero(np.isin(shown.image_id, ids) & np.isfinite(moments.start_s))
    rows = rows[np.argsort(moments.start_s[rows], kind="stable")]
    if len(rows):
        nwbfile.add_stimulus(
            IndexSeries(
                name="reference_presentations",
                description="Every presentation of a reference image, at its onset; data are "
                f"indices, from 0, into the order of {REFERENCES}.",
                data=np.array([index_of[int(each)] for each in shown.image_id[rows]], np.uint32),
                timestamps=moments.start_s[rows],
                indexed_images=images,
                unit="N/A",
            )
        )


def _image_set(
    name: str, about: str, image_ids: Ints, names: list[str], pixels: list[Pixels]
) -> Images:
    """Return a set of images in order; each is called by its id, and described by its name."""
    images = [
        RGBImage(name=f"image_{int(image_id):06d}", data=data, description=called)
        for image_id, called, data in zip(image_ids, names, pixels, strict=True)
    ]
    order = ImageReferences(name="order_of_images", data=images)
    return Images(name=name, description=about, images=images, order_of_images=order)


def _image_table(reader: LogReader, places: _Places, onset_s: Floats) -> DynamicTable:
    images = reader.images
    found = [places.of.get(int(each), ("", -1)) for each in images.image_id]
    place_rows: npt.NDArray[np.int64] = np.array([row for _, row in found], np.int64)
    columns = [
        *columns_of(IMAGES, images, without=("image_id", "name", "pixels_dataset", "pixels_row")),
        column("image_name", "Name for people.", images.name),
        column(
            "stored_in",
            "Name of the series under stimulus/presentation, or of the set under "
            "stimulus/templates, that has its pixels; empty where the session kept hashes alone.",
            np.array([name for name, _ in found]),
        ),
        column("stored_at", "Index in it, from 0; -1 where there are no pixels.", place_rows),
        column(
            "first_onset_s",
            "When it was first shown, seconds (the start of its block, where the rig tells no "
            "onsets); NaN if never.",
            onset_s,
        ),
    ]
    about = "One row for each image; id is its image_id, by which other tables name it."
    return dynamic_table("images", about, columns, images.image_id)
