"""Whether the images of a log are those of its codes: rendered again, stored, and shown.

One thread at a time. Hashes are compared first, and pixels where they tell which of them is wrong.
"""

from collections.abc import Iterator

import numpy as np

from controller.optimizers.base import Codes
from generators.base import Generator
from sessions.reader import LogReader
from sessions.records import Pixels, ThreadInfo, image_sha256
from sessions.tables import BlockRows, CodeRows

RENDER_AT_ONCE = 40


class Painter:
    """Renders the codes of one thread again."""

    def __init__(self, generator: Generator, info: ThreadInfo, reader: LogReader) -> None:
        self._generator, self._info, self._reader = generator, info, reader

    def notes(self) -> Iterator[str]:
        """Say that the generator is another one than the session's."""
        if self._generator.weights_sha256 != self._info.generator_sha256:
            yield (
                f"thread {self._info.thread_id}: the generator {self._info.generator} has other "
                "weights here than in the log."
            )

    def altered_references(self) -> Iterator[tuple[int, str]]:
        """Find stored reference images that have not the hash they were given."""
        references = self._reader.start.references
        columns = (references.image_ids.tolist(), references.sha256s, references.images)
        for image_id, sha256, image in zip(*columns, strict=True):
            if image_sha256(image) != sha256:
                yield image_id, "the stored pixels of this reference image have another hash"

    def differences(
        self, rows: BlockRows, logged: CodeRows, recomputed: Codes
    ) -> Iterator[tuple[int, str]]:
        """Find images of a block whose pixels do not come out of their codes again.

        Where the log holds another code than `recomputed` (n, code_dim), either may give the
        pixels: the code is at fault then, and told of elsewhere.
        """
        images, shown = rows.images, rows.presentations
        sha256_of = dict(zip(images.image_id.tolist(), images.sha256.tolist(), strict=True))
        kept = set(images.image_id[images.pixels_row >= 0].tolist())
        heard = shown.outcome == "completed"
        shown_as: dict[int, set[str]] = {}
        for image_id, sha256 in zip(
            shown.image_id[heard].tolist(), shown.shown_sha256[heard].tolist(), strict=True
        ):
            shown_as.setdefault(image_id, set()).add(sha256)
        for start in range(0, len(logged.code), RENDER_AT_ONCE):
            part = slice(start, start + RENDER_AT_ONCE)
            rendered = self._generator.render(_finite(logged.code[part]))
            for row, image in enumerate(rendered, start=start):
                image_id = int(logged.image_id[row])
                sha256 = sha256_of.get(image_id, "")
                again = image
                if image_sha256(image) != sha256 and not _same(logged.code[row], recomputed[row]):
                    again = self._generator.render(recomputed[row : row + 1])[0]
                stored = self._reader.pixels(image_id) if image_id in kept else None
                message = _message(again, sha256, stored, shown_as.get(image_id, set()))
                if message:
                    yield image_id, message


def _message(again: Pixels, sha256: str, stored: Pixels | None, shown: set[str]) -> str:
    """Say which of rendered, stored and shown pixels is not as hashed; nothing where all are."""
    rendered_so = image_sha256(again) == sha256
    stored_so = stored is None or image_sha256(stored) == sha256
    # A session that went on elsewhere may have shown other pixels before, which then do not count.
    shown_so = shown <= {sha256}
    if rendered_so and stored_so and shown_so:
        return ""
    if rendered_so and shown_so and stored is not None:
        return f"its stored pixels are not those of its code and its hash{_where(again, stored)}"
    if rendered_so:
        return "other pixels were shown than its code gives, by their hash"
    if stored is not None and stored.shape == again.shape and np.array_equal(stored, again):
        return "its hash is not that of its pixels, which its code gives again"
    if shown and image_sha256(again) in shown:
        return "its hash is not that of the pixels that its code gives, and that were shown"
    where = "" if stored is None else _where(again, stored)
    return f"its code gives other pixels than were hashed{where}"


def _where(again: Pixels, stored: Pixels) -> str:
    if again.shape != stored.shape:
        return f" ({again.shape[:2]} in place of {stored.shape[:2]} pixels)"
    places = np.argwhere((again != stored).any(axis=-1))
    if not len(places):
        return ""
    row, column = places[0].tolist()
    more = f", and {len(places) - 1} more differ" if len(places) > 1 else ""
    return (
        f" (the one in row {row}, column {column} is {stored[row, column].tolist()} in place of "
        f"{again[row, column].tolist()}{more})"
    )


def _finite(codes: Codes) -> Codes:
    """Replace what no generator takes, in a log that was altered; its hash differs all the same."""
    return np.nan_to_num(codes, nan=0.0, posinf=0.0, neginf=0.0)


def _same(a: Codes, b: Codes) -> bool:
    return bool(np.array_equal(a.view(np.uint32), b.view(np.uint32)))
