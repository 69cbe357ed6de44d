"""Exact replay: everything of a log that follows from the rest of it, computed again.

The codes of each generation follow from config, seed and the told scores; pixels from codes; counts
from spikes; scores from counts; ids from one another. No rig is started, so a session in real time
can be replayed like any other. Differences come in the order in which a session makes things; what
became of spikes before they were logged cannot be asked.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from controller import assembly
from controller.branching import inherit
from controller.optimizers.base import Codes, Population
from controller.replay.configs import logged_config
from controller.replay.course import Course, Story, Told
from controller.replay.painted import Painter
from controller.resume import where_a_branch_begins
from sessions.audit import identity, recompute, replies
from sessions.audit.block import LoggedBlock
from sessions.reader import LogReader
from sessions.records import NO_THREAD
from sessions.tables import BlockRows, CodeRows, ScoreRows

KINDS = ("id", "code", "pixel", "count", "score")
"""What can differ, in the order in which it is looked at within a block."""


@dataclass(frozen=True)
class Difference:
    """Something in the log that does not come out again; `message` says what, of one image."""

    kind: str
    block: int
    message: str
    thread_id: int | None = None
    generation: int | None = None
    image_id: int | None = None

    @property
    def sentence(self) -> str:
        """The difference with its place."""
        of_thread = self.thread_id is not None and self.thread_id != NO_THREAD
        places = [
            f"thread {self.thread_id}" if of_thread else "",
            f"block {self.block}" if self.generation is None else f"generation {self.generation}",
            "" if self.image_id is None else f"image {self.image_id}",
        ]
        return f"{', '.join(place for place in places if place)}: {self.message}"


@dataclass(frozen=True)
class BlockReplay:
    """What came of one block; `notes` say which story of a difference before is true."""

    block: int
    n_images: int
    n_presentations: int
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]


class ExactReplay:
    """Replays the committed blocks of one log in their order."""

    def __init__(self, reader: LogReader, *, pixels: bool = True) -> None:
        """Build generators and optimizers; `pixels` False leaves out what takes the longest.

        Raises GeneratorError where weights are missing.
        """
        self._reader, self._start = reader, reader.start
        self._inherited_otherwise: tuple[str, ...] = ()
        config = logged_config(reader)
        generators = assembly.build_generators(config)
        threads, lineage = assembly.build_threads(config, generators), self._start.lineage
        if lineage is not None:
            threads, differing = inherit(config, threads, generators, lineage)
            self._inherited_otherwise = tuple(differing)
        shuffled = self._start.control == "shuffled"
        self._courses = [Course(thread, shuffled=shuffled) for thread in threads]
        n_references = len(self._start.references.image_ids)
        self._next_image_id = where_a_branch_begins(lineage, n_references).next_image_id
        self._ids = identity.SeenIds()
        self._painters = {
            info.thread_id: Painter(generators[thread.generator_name], info, reader)
            for info, thread in zip(self._start.threads, threads, strict=True)
            if pixels
        }

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be known before the first block: generators with other weights."""
        inherited = tuple(
            f"{place}: the codes that this branch inherited come out otherwise."
            for place in self._inherited_otherwise
        )
        return *inherited, *(n for painter in self._painters.values() for n in painter.notes())

    def blocks(self) -> Iterator[BlockReplay]:
        """Replay one block after the other."""
        for block in range(self._reader.generations_committed):
            rows = self._reader.block(block)
            notes: list[str] = []
            found = list(self._differences(rows, notes))
            found.sort(key=lambda difference: KINDS.index(difference.kind))
            n_presentations = len(rows.presentations.presentation_id)
            yield BlockReplay(
                block, len(rows.images.image_id), n_presentations, tuple(found), tuple(notes)
            )

    def reference_differences(self) -> Iterator[Difference]:
        """Find reference images whose stored pixels are not those that were hashed."""
        for painter in list(self._painters.values())[:1]:
            for image_id, message in painter.altered_references():
                yield Difference("pixel", 0, message, NO_THREAD, None, image_id)

    def _differences(self, rows: BlockRows, notes: list[str]) -> Iterator[Difference]:
        logged = LoggedBlock(self._start, rows, self._reader.path.parent)
        for question in (
            self._ids.repeated,
            identity.rows_disagree,
            identity.presentations_disagree,
        ):
            for message in question(logged):
                yield Difference("id", rows.block, message)
        yield from _count_differences(logged)
        scores = list(recompute.wrong_scores(logged))
        for found in scores:
            yield _score_difference(rows, found)
        expected = {(s.thread_id, s.image_id): s for s in scores}
        for info, course in zip(self._start.threads, self._courses, strict=True):
            codes = self._reader.codes_of_block(info.thread_id, rows.block)
            yield from self._thread(rows, info.thread_id, course, codes, expected, notes)

    def _thread(
        self,
        rows: BlockRows,
        thread_id: int,
        course: Course,
        logged: CodeRows,
        wrong_scores: Mapping[tuple[int, int], recompute.WrongScore],
        notes: list[str],
    ) -> Iterator[Difference]:
        generation, n = course.generation, len(logged.image_id)
        first_id, self._next_image_id = self._next_image_id, self._next_image_id + n
        # Without its first codes a thread has no generation to ask.
        asked = course.ask(first_id, logged.code) if n and generation is not None else None
        if course.explained is not None and generation is not None:
            notes.append(_story(course.explained, thread_id, generation - 1))

        def difference(kind: str, image_id: int | None, message: str) -> Difference:
            return Difference(kind, rows.block, message, thread_id, generation, image_id)

        if asked is None or len(asked.ids) != n:
            due = "none" if asked is None else str(len(asked.ids))
            yield difference("id", None, f"the log has {n} codes where {due} come out")
            course.lost()
            asked = None
        else:
            for image_id, message in _wrong_ids(asked, logged, rows, thread_id, generation):
                yield difference("id", image_id, message)
            for image_id, message in _wrong_codes(asked.codes, logged):
                yield difference("code", image_id, message)
        if thread_id in self._painters:
            recomputed = logged.code if asked is None else asked.codes
            for image_id, message in self._painters[thread_id].differences(
                rows, logged, recomputed
            ):
                yield difference("pixel", image_id, message)
        if asked is not None:
            told = _told(rows.scores, thread_id, logged, course.told_order(n), wrong_scores)
            for row in told.wrong_rows:
                image_id = int(logged.image_id[row])
                yield difference("score", image_id, told.message(row))
            course.tell(asked.ids, told.logged, Told(asked.codes, told.scores, told.n_valid))


def _wrong_ids(
    asked: Population, logged: CodeRows, rows: BlockRows, thread_id: int, generation: int | None
) -> Iterator[tuple[int, str]]:
    """Find ids and generations of codes that are not those which come out, row by row."""
    made = rows.images.thread_id == thread_id
    names = (("/codes", logged), ("/images", rows.images))
    for name, table in names:
        mine = made if table is rows.images else slice(None)
        ids, numbers = table.image_id[mine].tolist(), table.generation[mine].tolist()
        for due, image_id, number in zip(asked.ids.tolist(), ids, numbers, strict=False):
            if image_id != due:
                yield due, f"{name} calls it image {image_id}"
            elif number != generation:
                yield due, f"{name} counts it to generation {number}"


def _wrong_codes(recomputed: Codes, logged: CodeRows) -> Iterator[tuple[int, str]]:
    # Compared bit by bit: a code that is not a number differs from none.
    differs = recomputed.view(np.uint32) != logged.code.view(np.uint32)
    for row in np.flatnonzero(differs.any(axis=1)):
        elements = np.flatnonzero(differs[row])
        first = int(elements[0])
        more = f", and {len(elements) - 1} more elements differ" if len(elements) > 1 else ""
        yield (
            int(logged.image_id[row]),
            f"element {first} of its code is {logged.code[row, first]:.9g} in the log, and "
            f"{recomputed[row, first]:.9g} recomputed{more}",
        )


def _count_differences(logged: LoggedBlock) -> Iterator[Difference]:
    images = logged.rows.images
    places = {
        image_id: (thread_id, generation)
        for image_id, thread_id, generation in zip(
            images.image_id.tolist(),
            images.thread_id.tolist(),
            images.generation.tolist(),
            strict=True,
        )
    }
    for found in recompute.wrong_counts(logged):
        thread_id, generation = places.get(found.image_id, (NO_THREAD, None))
        yield Difference(
            "count",
            logged.number,
            f"presentation {found.presentation_id} {_count_message(found, logged)}",
            thread_id,
            generation,
            found.image_id,
        )
    for message in replies.rates_differ(logged):
        yield Difference("count", logged.number, message)


def _count_message(found: recompute.WrongCount, logged: LoggedBlock) -> str:
    window = found.column.removesuffix("_counts")
    if found.fault == "unheard":
        return f"was not heard, yet has counts in the {window} window"
    if found.fault == "uncounted" or not found.counted:
        return f"has no count in the {window} window that its spikes could give"
    column = next(
        i for i, (a, b) in enumerate(zip(found.logged, found.counted, strict=True)) if a != b
    )
    return (
        f"has {found.logged[column]} spikes of unit {logged.start.units[column].unit_id} in the "
        f"{window} window by its count, and {found.counted[column]} in /spikes"
    )


def _score_difference(rows: BlockRows, found: recompute.WrongScore) -> Difference:
    if recompute.equal(found.logged, found.expected):
        message = (
            f"its score is of {found.logged_n_valid} presentations in the log, and of "
            f"{found.n_valid} by /presentations"
        )
    else:
        message = (
            f"its score is {found.logged:.9g} in the log, and {found.expected:.9g} from its spikes"
        )
    generation = rows.generations.generation[rows.generations.thread_id == found.thread_id]
    number = int(generation[0]) if len(generation) else None
    return Difference("score", rows.block, message, found.thread_id, number, found.image_id)


@dataclass(frozen=True, eq=False)
class _ToldScores:
    """What an optimizer was told by the log, and what it should have been by the spikes."""

    logged: Told
    scores: npt.NDArray[np.float64]
    n_valid: npt.NDArray[np.int64]
    wrong_rows: Sequence[int]

    def message(self, row: int) -> str:
        return (
            f"the optimizer was told {self.logged.scores[row]:.9g} of it by the log, where its "
            f"score says {self.scores[row]:.9g}"
        )


def _told(
    scores: ScoreRows,
    thread_id: int,
    logged: CodeRows,
    order: npt.NDArray[np.int64],
    wrong: Mapping[tuple[int, int], recompute.WrongScore],
) -> _ToldScores:
    """Bring the scores of a thread into the order of its codes; what has none is missing."""
    mine = np.flatnonzero((scores.thread_id == thread_id) & (scores.kind == "generated"))
    row_of = {int(scores.image_id[row]): int(row) for row in mine}
    rows = [row_of.get(image_id) for image_id in logged.image_id.tolist()]
    nan = float("nan")
    own = np.array([nan if row is None else scores.score[row] for row in rows])
    told = np.array([nan if row is None else scores.told_score[row] for row in rows])
    n_valid = np.array([0 if row is None else scores.n_valid[row] for row in rows])
    expected, expected_n = own.copy(), n_valid.copy()
    for place, image_id in enumerate(logged.image_id.tolist()):
        if found := wrong.get((thread_id, image_id)):
            expected[place], expected_n[place] = found.expected, found.n_valid
    # A score that differs is told of once, not again where the optimizer was told it.
    is_wrong = [
        row
        for row in range(len(told))
        if not recompute.equal(told[row], expected[order][row])
        and not recompute.equal(told[row], own[order][row])
    ]
    return _ToldScores(
        logged=Told(logged.code, told, n_valid[order]),
        scores=expected[order],
        n_valid=expected_n[order],
        wrong_rows=is_wrong,
    )


def _story(story: Story, thread_id: int, generation: int) -> str:
    place = f"thread {thread_id}, generation {generation}"
    return {
        Story.LOGGED: f"{place}: the session went on from what is logged.",
        Story.RECOMPUTED: (
            f"{place}: the session went on from what comes out again, so the log was altered "
            "afterwards."
        ),
        Story.NEITHER: (
            f"{place}: what followed comes neither from what is logged nor from what comes out "
            "again; it is compared with what is logged."
        ),
    }[story]
