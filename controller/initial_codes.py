"""The codes that a thread shows first, from what its config says in `initial`.

Each entry adds codes, in the order of the list:

    random          Gaussian codes of natural contrast, as many as the others leave of a generation
    normal          the same with N(0, 1) in each gene, so of norm sqrt(code_dim)
    zeros           one code of zeros
    picture:FILE    the code whose image comes nearest to a picture
    FILE            the codes of an .npy or .npz file

So a short set of codes is topped up by a last entry "random" or "normal". What is left out: whether
an optimizer can start from them.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from controller.code_files import UnusableFile, read_codes
from generators.base import Generator, Invertible
from generators.errors import GeneratorError
from generators.images import load_image

DRAWN = ("random", "normal")
"""Entries that fill up a generation."""
PICTURE = "picture:"


def file_of(entry: str) -> Path | None:
    """Return the file that an entry of `initial` names; None where it names none."""
    return None if entry in (*DRAWN, "zeros") else Path(entry.removeprefix(PICTURE))


def problem_of(entries: Sequence[str]) -> str | None:
    """Return why these entries cannot be, in half a sentence; None where they can."""
    drawn = [entry for entry in entries if entry in DRAWN]
    if len(drawn) > 1:
        return f"it names {' and '.join(drawn)}, but only one entry can fill up the generation"
    missing = [file for file in map(file_of, entries) if file is not None and not file.is_file()]
    return f"there is no file {missing[0]}" if missing else None


def first_codes(
    entries: Sequence[str], n: int, generator: Generator, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Return the codes (m, code_dim) that the entries name.

    Args:
        entries: as the config has them, see above.
        n: how many codes the optimizer usually starts from, for an entry that fills up.
        generator: draws random codes and inverts pictures.
        rng: source of all randomness.

    Raises:
        UnusableFile: a file or picture cannot be used.

    """
    given = {e: _given(e, generator) for e in dict.fromkeys(entries) if e not in DRAWN}
    left = max(0, n - sum(len(given[entry]) for entry in entries if entry in given))
    parts = [given[e] if e in given else _drawn(e, left, generator, rng) for e in entries]
    codes = np.concatenate(parts)
    codes.setflags(write=False)
    return codes


def _drawn(
    entry: str, n: int, generator: Generator, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    if entry == "random":
        return generator.initial_codes(n, rng)
    return rng.standard_normal((n, generator.code_dim), dtype=np.float32)


def _given(entry: str, generator: Generator) -> npt.NDArray[np.float32]:
    file = file_of(entry)
    if file is None:
        return np.zeros((1, generator.code_dim), np.float32)
    if not entry.startswith(PICTURE):
        return read_codes(file, generator.code_dim)
    if not isinstance(generator, Invertible):
        raise UnusableFile(f"{file}: the generator {generator.name} cannot turn pictures to codes")
    try:
        picture = load_image(file, generator.image_shape[0])
        return generator.invert(picture[np.newaxis])
    except GeneratorError as error:
        raise UnusableFile(str(error)) from error
