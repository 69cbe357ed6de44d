"""Replaying a logged session: the same pixels again, and the same config again.

`rerender` asks whether the logged codes still give the logged pixels. `replay_config` makes the
config of a virtual-time run of the same session, changed where the user asks. `first_difference`
compares two logs. Nothing is printed or started here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from controller import assembly
from controller.config.load import apply_overrides, validate_config
from controller.config.tables import SessionConfig
from sessions.reader import LogReader
from sessions.records import image_sha256
from sessions.storage import json_value

RENDER_AT_ONCE = 40


@dataclass(frozen=True)
class Rerendered:
    """How many logged codes were rendered again, and which images came out differently."""

    thread_id: int
    generator: str
    same_weights: bool
    n_images: int
    differing_image_ids: tuple[int, ...]

    @property
    def identical(self) -> bool:
        """Whether every image is the same to the last bit."""
        return not self.differing_image_ids


def logged_config(reader: LogReader) -> SessionConfig:
    """Return the config that the session ran with."""
    tables = json_value(reader.start.config_json, "config")
    # Logs from before the policy had a name of its own tell it by the number of attempts.
    again = (tables["scoring"].get("max_attempts") or 1) > 1
    policy = "show_again" if again else "close_incomplete"
    tables["scoring"].setdefault("without_response", policy)
    return validate_config(tables)


def rerender(reader: LogReader) -> list[Rerendered]:
    """Render every logged code again and compare the pixels by their hash."""
    config = replay_config(reader, ())
    generators = assembly.build_generators(config)
    images = reader.images
    sha256_of = dict(zip(images.image_id.tolist(), images.sha256, strict=True))
    found = []
    for info in reader.threads:
        generator = generators[config.threads[info.thread_id].generator]
        codes = reader.codes(info.thread_id)
        differing: list[int] = []
        for start in range(0, len(codes.image_id), RENDER_AT_ONCE):
            ids = codes.image_id[start : start + RENDER_AT_ONCE].tolist()
            pixels = generator.render(codes.code[start : start + RENDER_AT_ONCE])
            differing += [
                image_id
                for image_id, image in zip(ids, pixels, strict=True)
                if image_sha256(image) != sha256_of[image_id]
            ]
        found.append(
            Rerendered(
                thread_id=info.thread_id,
                generator=info.generator,
                same_weights=generator.weights_sha256 == info.generator_sha256,
                n_images=len(codes.image_id),
                differing_image_ids=tuple(differing),
            )
        )
    return found


def replay_config(
    reader: LogReader, overrides: Sequence[str], folder: str | None = None
) -> SessionConfig:
    """Return the session's config for a run in virtual time, with `overrides` applied."""
    tables = json_value(reader.start.config_json, "config")
    tables["session"]["time"] = "virtual"
    tables["display"].update(kind="virtual", ttl=None)
    tables["rig"].update(endpoint="local", keys=None)
    tables["session"]["name"] = f"{tables['session']['name'][:57]}-replay"
    if folder is not None:
        tables["session"]["folder"] = folder
    apply_overrides(tables, overrides)
    return validate_config(tables)


def first_difference(a: LogReader, b: LogReader) -> str | None:
    """Return where two logs first differ in codes, pixels or scores; None where nowhere."""
    if a.generations_committed != b.generations_committed:
        counts = f"{a.generations_committed} and {b.generations_committed}"
        return f"the logs hold {counts} generations"
    if len(a.threads) != len(b.threads):
        return f"the logs hold {len(a.threads)} and {len(b.threads)} threads"
    for info in a.threads:
        difference = _difference_of_codes(info.thread_id, a, b)
        if difference is not None:
            return difference
    if not np.array_equal(a.images.sha256, b.images.sha256):
        return "the codes are the same, but some images have other pixels"
    if not np.array_equal(a.scores.image_id, b.scores.image_id):
        return "the codes are the same, but other images have scores"
    same = (a.scores.score == b.scores.score) | (
        np.isnan(a.scores.score) & np.isnan(b.scores.score)
    )
    if not same.all():
        row = int(np.flatnonzero(~same)[0])
        return f"the scores differ from image {a.scores.image_id[row]} on"
    return None


def _difference_of_codes(thread_id: int, a: LogReader, b: LogReader) -> str | None:
    codes_a, codes_b = a.codes(thread_id), b.codes(thread_id)
    if not np.array_equal(codes_a.image_id, codes_b.image_id):
        return f"thread {thread_id} has other images"
    dims = codes_a.code.shape[1], codes_b.code.shape[1]
    if dims[0] != dims[1]:
        return f"the codes of thread {thread_id} have {dims[0]} and {dims[1]} dimensions"
    rows = np.flatnonzero((codes_a.code != codes_b.code).any(axis=1))
    if not rows.size:
        return None
    where = f"generation {codes_a.generation[rows[0]]}, image {codes_a.image_id[rows[0]]}"
    return f"the codes of thread {thread_id} differ from {where} on"
