"""Ids, hashes and settings of one block: which image, of which thread, was shown where.

Light carries no ids; that a presentation showed the image it names is known from the hash that the
stimulus process reported of the pixels it drew.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from sessions.audit.block import LoggedBlock, listed, place_of
from sessions.records import NO_THREAD, SessionStart


class SeenIds:
    """The ids of earlier blocks, none of which may come again."""

    def __init__(self) -> None:
        self._images: set[int] = set()
        self._presentations: set[int] = set()

    def repeated(self, logged: LoggedBlock) -> Iterator[str]:
        """Find ids that were given before, and remember those of this block."""
        images = logged.rows.images.image_id.tolist()
        shown = logged.rows.presentations.presentation_id.tolist()
        known = self._images | logged.references.keys()
        for what, ids, before in (
            ("image", images, known),
            ("presentation", shown, self._presentations),
        ):
            again = sorted({*_twice(ids), *before.intersection(ids)})
            if again:
                yield f"{what} ids {listed(again)} are given more than once"
        self._images.update(images)
        self._presentations.update(shown)


def rows_disagree(logged: LoggedBlock) -> Iterator[str]:
    """Find images, codes, scores and presentations of a block that do not fit by their ids."""
    images, scores = logged.rows.images, logged.rows.scores
    known = {thread.thread_id for thread in logged.start.threads}
    for name, column in (("/images", images.thread_id), ("/scores", scores.thread_id)):
        foreign = sorted(set(column.tolist()) - known)
        if foreign:
            yield f"{name} names threads {listed(foreign)}, which this session does not have"
    if set(images.kind.tolist()) - {"generated"}:
        yield "/images has other images than generated ones"
    references = list(logged.references)
    for thread in logged.start.threads:
        t = thread.thread_id
        made = images.image_id[images.thread_id == t].tolist()
        of_thread = scores.thread_id == t
        scored = scores.image_id[of_thread & (scores.kind == "generated")].tolist()
        compared = scores.image_id[of_thread & (scores.kind == "reference")].tolist()
        coded = logged.rows.code_ids.get(t, images.image_id[:0]).tolist()
        yield from _unlike(f"codes of thread {t}", coded, made)
        yield from _unlike(f"scores of thread {t}", scored, made)
        yield from _unlike(f"reference scores of thread {t}", compared, references)
    yield from _wrong_generations(logged)


def presentations_disagree(logged: LoggedBlock) -> Iterator[str]:
    """Find presentations of an image that is not of this block, or not of that thread or place."""
    images, shown = logged.rows.images, logged.rows.presentations
    thread_of = dict.fromkeys(logged.references, NO_THREAD)
    thread_of.update(zip(images.image_id.tolist(), images.thread_id.tolist(), strict=True))
    place_by_thread = {thread.thread_id: place_of(thread) for thread in logged.start.threads}
    everywhere = set(place_by_thread.values())
    unknown, foreign, elsewhere = [], [], []
    columns = (shown.presentation_id.tolist(), shown.image_id.tolist(), shown.thread_id.tolist())
    for (presentation_id, image_id, thread_id), place in zip(
        zip(*columns, strict=True), logged.places, strict=True
    ):
        if image_id not in thread_of:
            unknown.append(presentation_id)
        elif thread_of[image_id] != thread_id:
            foreign.append(presentation_id)
        elif place not in everywhere or place != place_by_thread.get(thread_id, place):
            elsewhere.append(presentation_id)
    if unknown:
        yield f"presentations {listed(unknown)} name images that are not of this block"
    if foreign:
        yield f"presentations {listed(foreign)} name another thread than their images do"
    if elsewhere:
        yield f"presentations {listed(elsewhere)} were not at the place of their thread"
    never = sorted(set(images.image_id.tolist()) - set(shown.image_id.tolist()))
    if never:
        yield f"images {listed(never)} have no presentation"


def shown_is_not_sent(logged: LoggedBlock) -> Iterator[str]:
    """Find presentations that showed other pixels than those of the image that they name.

    Only what completed counts: a session that goes on elsewhere may render other pixels from the
    same codes, and leaves out the responses to those before.
    """
    images, shown = logged.rows.images, logged.rows.presentations
    sent = {
        **logged.references,
        **dict(zip(images.image_id.tolist(), images.sha256.tolist(), strict=True)),
    }
    wrong, unseen = [], []
    columns = (shown.presentation_id, shown.image_id, shown.shown_sha256, shown.outcome)
    for presentation_id, image_id, sha256, outcome in zip(
        *(column.tolist() for column in columns), strict=True
    ):
        if outcome != "completed":
            continue
        if not sha256:
            unseen.append(presentation_id)
        elif sent.get(image_id) != sha256:
            wrong.append(presentation_id)
    if wrong:
        yield f"presentations {listed(wrong)} showed pixels with another hash than their image"
    if unseen:
        yield f"presentations {listed(unseen)} completed without a hash of what was shown"


def settings_disagree(logged: LoggedBlock) -> Iterator[str]:
    """Find settings by which the log says scores were made that are not those of the config.

    A config that does not have a key (of a log that another program wrote) says nothing about it.
    """
    start, config = logged.start, json.loads(logged.start.config_json)
    pairs: list[tuple[str, Any, Any]] = [
        ("control", _at(config, "session", "control"), start.control),
        (
            "response_window_s",
            _at(config, "scoring", "response_window_s"),
            start.response_window_s or "as_reported",
        ),
    ]
    window = _at(config, "scoring", "baseline_window_s")
    if window is not None:
        mode = "none" if window == "none" else _at(config, "scoring", "baseline")
        pairs.append(("baseline_window_s", window, start.baseline_window_s or "none"))
        pairs.append(("baseline_mode", mode, start.baseline_mode))
    for thread in start.threads:
        table = _at(config, "threads", thread.thread_id)
        for name, key, used in (
            ("direction", "direction", thread.direction),
            ("position", "position_deg", thread.position_deg),
            ("size", "size_deg", thread.size_deg),
        ):
            pairs.append((f"{name} of thread {thread.thread_id}", _at(table, key), used))
        drivers = (_drivers(table, start), thread.driver_unit_ids)
        pairs.append((f"driver units of thread {thread.thread_id}", *drivers))
    for name, asked, used in pairs:
        if asked is not None and _plain(asked) != _plain(used):
            yield f"the {name} of the log is {_plain(used)}, but the config says {_plain(asked)}"


def _wrong_generations(logged: LoggedBlock) -> Iterator[str]:
    images, generations, scores = logged.rows.images, logged.rows.generations, logged.rows.scores
    rows = {
        thread_id: (generation, n_images)
        for thread_id, generation, n_images in zip(
            generations.thread_id.tolist(),
            generations.generation.tolist(),
            generations.n_images.tolist(),
            strict=True,
        )
    }
    if sorted(generations.thread_id.tolist()) != sorted(t.thread_id for t in logged.start.threads):
        yield "/generations does not have one row for each thread"
        return
    for thread_id, (generation, n_images) in rows.items():
        made = images.thread_id == thread_id
        scored = scores.thread_id == thread_id
        numbers = {*images.generation[made].tolist(), *scores.generation[scored].tolist()}
        if numbers - {generation}:
            yield f"images or scores of thread {thread_id} are not of generation {generation}"
        if n_images != int(made.sum()):
            yield f"thread {thread_id} has {int(made.sum())} images where {n_images} were made"


def _unlike(what: str, ids: Sequence[int], expected: Sequence[int]) -> Iterator[str]:
    twice = _twice(ids)
    if twice:
        yield f"{what} name images {listed(twice)} more than once"
    other = sorted(set(ids) ^ set(expected))
    if other:
        yield f"{what} and its images do not fit at ids {listed(other)}"


def _twice(ids: Sequence[int]) -> list[int]:
    return sorted(i for i, count in Counter(ids).items() if count > 1)


def _at(table: Any, *path: str | int) -> Any:
    """Return what lies at a path of nested tables and lists, or None."""
    for key in path:
        try:
            table = table[key]
        except (KeyError, IndexError, TypeError):
            return None
    return table


def _drivers(table: Any, start: SessionStart) -> Any:
    """Return the ids of the units that a thread's table of the config asks for, or None."""
    channels = _at(table, "driver_channels")
    if channels is None:
        return _at(table, "driver_units")
    return sorted(unit.unit_id for unit in start.units if unit.channel_id in channels)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
