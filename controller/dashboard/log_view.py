"""What the log says of a session while it is written: curves, responses in time, images, notes.

A look opens the log for some milliseconds and closes it again; it reads one row for each generation
and the rows of the last block, never those of the blocks before. It looks only where the file has
changed, and never spends more than a tenth of the time on it, so that a session in virtual time
keeps its cores. Totals over all blocks come from the daemon while there is one.
"""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sessions.analysis.responses import Flags, Psth, psth
from sessions.errors import SessionLogError
from sessions.psths import PSTH_BIN_S, PSTH_WINDOW_S
from sessions.reader import LogReader, open_log
from sessions.records import Floats, SessionEnd, SessionStart, ThreadInfo
from sessions.report import duration_s
from sessions.tables import BlockRows, GenerationRows, ImageRows

LOOK_EVERY_S = 1.0
AT_MOST_BUSY = 0.1
"""Part of the time that looking may take."""
NOTES_KEPT = 60


@dataclass(frozen=True)
class CurveRow:
    """One generation of one thread, rates in spikes/s; NaN where there is no number."""

    generation: int
    mean: float
    sem: float
    best: float
    reference_mean: float
    reference_sem: float
    n_scored: int
    n_images: int


@dataclass(frozen=True, eq=False)
class BlockResponse:
    """The response in time to the last block's images of one thread, and to the references."""

    block: int
    generated: Psth
    references: Psth


@dataclass(frozen=True)
class ShownImage:
    """One image of the last block with its score; `place` is where its pixels are in the log."""

    image_id: int
    sha256: str
    kind: str
    name: str
    score: float
    place: tuple[str, int] | None


@dataclass(frozen=True, eq=False)
class ThreadView:
    """All that is shown of one evolution thread; images are sorted, best first."""

    info: ThreadInfo
    curve: tuple[CurveRow, ...]
    response: BlockResponse | None
    images: tuple[ShownImage, ...]


@dataclass(frozen=True)
class LastBlock:
    """What the last block says of the screen and the recording."""

    block: int
    outcomes: Mapping[str, int]
    dropped_frames: int
    gap_s: float
    """From the last image of the block before to the first of this one; NaN where not known."""
    clock_residual_s: float
    onset_uncertainty_s: float


@dataclass(frozen=True)
class Remark:
    """A note of the operator, or another event of the log."""

    wall_time: str
    kind: str
    text: str


@dataclass(frozen=True)
class Totals:
    """What all blocks together say; of a log that nobody writes any more."""

    outcomes: Mapping[str, int]
    trials_begun: int
    trials_completed: int
    reward_ml: float
    elapsed_s: float
    """From the start to the end by the clock on the wall, or to the end of the last block."""
    images_per_s: float
    """Completed presentations per second of blocks."""


@dataclass(frozen=True, eq=False)
class LogView:
    """All that is shown of one log."""

    path: Path
    start: SessionStart
    generations: int
    threads: tuple[ThreadView, ...]
    last: LastBlock | None
    remarks: tuple[Remark, ...]
    end: SessionEnd | None
    totals: Totals | None = None


@dataclass(eq=False)
class LogFollower:
    """Looks at one log again and again; `view` is None until there is something to see."""

    path: Path
    clock: Callable[[], float] = time.monotonic
    view: LogView | None = None
    _start: SessionStart | None = None
    _references: dict[int, ShownImage] = field(default_factory=dict)
    _seen: tuple[int, int, int] = (0, 0, 0)
    _not_before_s: float = -np.inf
    _last_off_s: dict[int, float] = field(default_factory=dict)

    def look(self, *, whole: bool = False) -> LogView | None:
        """Look again where it is time to; `whole`: also at what all blocks say together."""
        now_s = self.clock()
        due = now_s >= self._not_before_s or whole
        stamp = _stamp(self.path)
        lacks_totals = whole and self.view is not None and self.view.totals is None
        if stamp is None or not (due and (stamp != self._seen or lacks_totals)):
            return self.view
        with contextlib.suppress(SessionLogError, OSError):
            # One that cannot be read now may be read at the next look; the former view stays.
            self.view = self._read(whole=whole)
            self._seen = stamp
        took_s = self.clock() - now_s
        self._not_before_s = now_s + max(LOOK_EVERY_S, took_s / AT_MOST_BUSY)
        return self.view

    def _read(self, *, whole: bool) -> LogView:
        reader = open_log(self.path)
        if self._start is None:
            self._start = reader.start
            self._references = _references(reader.images)
        committed = reader.generations_committed
        block = reader.block(committed - 1) if committed else None
        before = self.view.generations if self.view is not None else 0
        rows = reader.generations
        threads = tuple(self._thread(info, rows, block) for info in self._start.threads)
        last = self.view.last if self.view is not None else None
        if block is not None and (last is None or before != committed):
            last = self._last_block(reader, block)
        return LogView(
            path=self.path,
            start=self._start,
            generations=committed,
            threads=threads,
            last=last,
            remarks=_remarks(reader),
            end=reader.end,
            totals=_totals(reader) if whole else None,
        )

    def _thread(
        self, info: ThreadInfo, rows: GenerationRows, block: BlockRows | None
    ) -> ThreadView:
        curve = _curve(rows, info.thread_id)
        if block is None:
            return ThreadView(info, curve, None, ())
        response = None
        if self._start is not None and self._start.response_window_s is not None:
            response = response_of(block, info, list(self._references))
        return ThreadView(info, curve, response, self._images(block, info))

    def _images(self, block: BlockRows, info: ThreadInfo) -> tuple[ShownImage, ...]:
        """Return the images of a thread's scores of the block, the best ones first."""
        scores, made = block.scores, _by_id(block.images)
        mine = np.flatnonzero(scores.thread_id == info.thread_id)
        found = []
        for row in mine:
            image_id = int(scores.image_id[row])
            image = made.get(image_id) or self._references.get(image_id)
            if image is not None:
                found.append(_with_score(image, float(scores.score[row])))
        sign = 1.0 if info.direction == "minimise" else -1.0
        return tuple(sorted(found, key=lambda i: (np.isnan(i.score), sign * i.score)))

    def _last_block(self, reader: LogReader, block: BlockRows) -> LastBlock:
        shown = block.presentations
        on_s, off_s = shown.flip_on_host_s, shown.flip_off_host_s
        if block.block - 1 not in self._last_off_s and block.block:
            former = reader.block(block.block - 1).presentations.flip_off_host_s
            self._last_off_s[block.block - 1] = _most(former)
        gap_s = -_most(-on_s) - self._last_off_s.get(block.block - 1, np.nan)
        self._last_off_s = {block.block: _most(off_s)}
        residual_s = block.clock.residual_s
        return LastBlock(
            block=block.block,
            outcomes=Counter(shown.outcome.tolist()),
            dropped_frames=int(shown.dropped_frames.sum()),
            gap_s=float(gap_s),
            clock_residual_s=float(residual_s[-1]) if len(residual_s) else np.nan,
            onset_uncertainty_s=_most(shown.onset_uncertainty_s),
        )


def response_of(block: BlockRows, thread: ThreadInfo, reference_ids: list[int]) -> BlockResponse:
    """Return how the driver units of a thread fired in one block, as `sessions.psths` has it."""
    shown = block.presentations
    x_deg, y_deg = thread.position_deg
    placed = (shown.x_deg == x_deg) & (shown.y_deg == y_deg) & (shown.size_deg == thread.size_deg)
    of_reference = np.isin(shown.image_id, reference_ids)
    mine = shown.thread_id == thread.thread_id

    def to(chosen: Flags) -> Psth:
        onsets_s = shown.onset_rig_s[chosen & (shown.outcome == "completed")]
        spikes, units = block.spikes, thread.driver_unit_ids
        return psth(spikes.rig_time_s, spikes.unit_id, units, onsets_s, PSTH_WINDOW_S, PSTH_BIN_S)

    return BlockResponse(block.block, to(mine & ~of_reference), to(placed & of_reference))


def _curve(rows: GenerationRows, thread_id: int) -> tuple[CurveRow, ...]:
    mine = rows.thread_id == thread_id
    columns = (
        rows.generation,
        rows.score_mean,
        rows.score_sem,
        rows.score_max,
        rows.reference_mean,
        rows.reference_sem,
        rows.n_scored,
        rows.n_images,
    )
    return tuple(
        CurveRow(*values) for values in zip(*(c[mine].tolist() for c in columns), strict=True)
    )


def _references(images: ImageRows) -> dict[int, ShownImage]:
    return {i: image for i, image in _by_id(images).items() if image.kind == "reference"}


def _by_id(images: ImageRows) -> dict[int, ShownImage]:
    columns = (
        images.image_id,
        images.sha256,
        images.kind,
        images.name,
        images.pixels_dataset,
        images.pixels_row,
    )
    return {
        image_id: ShownImage(
            image_id, sha256, kind, name, np.nan, (dataset, row) if row >= 0 else None
        )
        for image_id, sha256, kind, name, dataset, row in zip(
            *(column.tolist() for column in columns), strict=True
        )
    }


def _with_score(image: ShownImage, score: float) -> ShownImage:
    return ShownImage(image.image_id, image.sha256, image.kind, image.name, score, image.place)


def _remarks(reader: LogReader) -> tuple[Remark, ...]:
    events = reader.events
    columns = (events.wall_time, events.kind, events.text)
    last = zip(*(column[-NOTES_KEPT:].tolist() for column in columns), strict=True)
    return tuple(Remark(when, kind, text) for when, kind, text in last)


def _totals(reader: LogReader) -> Totals:
    trials, rows = reader.trials, reader.generations
    outcomes = Counter(reader.presentations.outcome.tolist())
    # All threads of a block have its times.
    _, first = np.unique(rows.block, return_index=True)
    blocks_s = float((rows.ended_host_s - rows.started_host_s)[first].sum())
    return Totals(
        outcomes=outcomes,
        trials_begun=int(np.isfinite(trials.acquired_host_s).sum()),
        trials_completed=int(trials.completed.sum()),
        reward_ml=float(trials.reward_ml.sum()),
        elapsed_s=duration_s(reader),
        images_per_s=outcomes["completed"] / blocks_s if blocks_s > 0 else np.nan,
    )


def _most(values: Floats) -> float:
    """Return the largest known value; NaN where none is."""
    known = values[np.isfinite(values)]
    return float(known.max()) if len(known) else np.nan


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
