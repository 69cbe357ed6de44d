"""The content of XDream's replies: `blockNNN.mat` (MATLAB 7.3) and `blockNNN.h5`, read and written.

Rows match by the names of images. A reply that names an image which was not shown, or one twice, is
refused as a whole, since then it is not known to be of this block. An image that it does not name,
or whose values are NaN, has no response, which is not 0. Files and folders are left to the caller:
a reply is bytes.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import h5py
import numpy as np
import numpy.typing as npt

from sessions.errors import SessionLogError

ReplyFormat = Literal["mat", "h5"]
MOST_VALUES = 10_000_000
MOST_ROWS = 10_000
_LONGEST_NAME = 4096
_USERBLOCK = 512
_OF_HDF5 = (AttributeError, RuntimeError, TypeError, ValueError)
"""What h5py raises beside these where a file is damaged: by experience, nearly anything."""
_MATLAB_TEXT = b"MATLAB 7.3 MAT-file, written by neuroloop. HDF5 schema 1.00 ."


class ReplyError(SessionLogError):
    """A reply cannot be used."""


class WrongReply(ReplyError):
    """It is not one to this block."""


class UnreadableReply(ReplyError):
    """HDF5 cannot open it: it is cut off, or still being written."""


@dataclass(frozen=True, eq=False)
class Responses:
    """The values (n, channels) of a reply to n images, NaN where there is none.

    answered (n,): whether the reply names the image.
    """

    names: tuple[str, ...]
    values: npt.NDArray[np.float64]
    answered: npt.NDArray[np.bool_]


def read_reply(data: bytes, format: ReplyFormat, names: Sequence[str]) -> Responses:
    """Read a reply to the images that were shown as `names`. Raises ReplyError."""
    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            if format == "mat":
                rows, values = _of_matlab(file)
            else:
                rows, values = _of_h5(file, sorted(names))
    except ReplyError:
        raise
    except (ArithmeticError, LookupError, MemoryError, OSError, *_OF_HDF5) as error:
        raise UnreadableReply(f"the reply cannot be read as HDF5 ({error})") from error
    return _matched(rows, values, tuple(names))


def told_of(
    data: bytes, format: ReplyFormat, names: Sequence[str], channels: int
) -> dict[str, Any]:
    """Return what a reply says as plain values, for `responses_from` in another process.

    channels: how many responses there must be for each image.
    """
    try:
        read = read_reply(data, format, names)
        if not read.answered.any():
            # Of nothing, nobody says how many channels there are.
            nothing = np.full((len(read.names), channels), np.nan)
            read = replace(read, values=nothing)
        if read.values.shape[1] != channels:
            raise WrongReply(
                f"the reply has {read.values.shape[1]} responses for each image, and "
                f"rig.settings.channels says {channels}: correct one of them"
            )
    except UnreadableReply as error:
        return {"unreadable": str(error)}
    except ReplyError as error:
        return {"wrong": str(error)}
    return {
        "names": list(read.names),
        "values": read.values.tolist(),
        "answered": read.answered.tolist(),
    }


def responses_from(told: Mapping[str, Any]) -> Responses:
    """Return what `told_of` said. Raises WrongReply or UnreadableReply, as it found."""
    if "unreadable" in told:
        raise UnreadableReply(told["unreadable"])
    if "wrong" in told:
        raise WrongReply(told["wrong"])
    return Responses(
        tuple(told["names"]),
        np.array(told["values"], np.float64),
        np.array(told["answered"], np.bool_),
    )


def write_reply(
    format: ReplyFormat, names: Sequence[str], values: npt.NDArray[np.float64]
) -> bytes:
    """Return a reply with the values (n, channels) of images that were shown as `names`.

    Images without a response are left out of a .mat by the caller. An .h5 has none of their names:
    its rows are those of `names` in sorted order.
    """
    if values.ndim != 2 or len(values) != len(names) or not np.all(np.isfinite(values)):
        raise ReplyError("a reply has one row of numbers for each image: the caller is at fault")
    stream = io.BytesIO()
    if format == "h5":
        order = sorted(range(len(names)), key=names.__getitem__)
        with h5py.File(stream, "w") as file:
            file.create_dataset("scores", data=values[order])
        return stream.getvalue()
    with h5py.File(stream, "w", userblock_size=_USERBLOCK, libver=("earliest", "v110")) as file:
        _write_matlab(file, names, values)
    header = _MATLAB_TEXT.ljust(116) + bytes(8) + b"\x00\x02IM"
    return header + stream.getvalue()[len(header) :]


def _of_matlab(file: h5py.File) -> tuple[list[str], npt.NDArray[np.float64]]:
    cells, values = _dataset(file, "stimulusID"), _numbers(_dataset(file, "tEvokedResp"))
    if h5py.check_ref_dtype(cells.dtype) is not h5py.Reference or cells.size > MOST_ROWS:
        raise WrongReply("stimulusID of the reply is no cell array of names: save it as one")
    rows = [_text(file[reference]) for reference in cells[()].ravel()]
    # The text after the last separator: rigs name whole paths, most of them on Windows.
    return [row.replace("\\", "/").rsplit("/", 1)[-1] for row in rows], values


def _of_h5(file: h5py.File, ordered: list[str]) -> tuple[list[str], npt.NDArray[np.float64]]:
    values = _numbers(_dataset(file, "scores"))
    if "indices" not in file:
        if len(values) != len(ordered):
            raise WrongReply(
                f"the reply has {len(values)} scores for {len(ordered)} images, and no indices "
                "that would say whose they are: write indices, or all scores"
            )
        return ordered, values
    indices = _numbers(_dataset(file, "indices"))[:, 0]
    wrong = (indices < 0) | (indices >= len(ordered)) | (indices != np.floor(indices))
    if np.any(wrong | ~np.isfinite(indices)):
        raise WrongReply(
            f"indices of the reply must go from 0 to {len(ordered) - 1}, by images in the order of "
            "their names"
        )
    return [ordered[int(index)] for index in indices], values


def _dataset(file: h5py.File, name: str) -> h5py.Dataset:
    """Return a dataset that is in the file itself: none that leads to another file."""
    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        raise WrongReply(f"the reply has no {name}: let the rig write it")
    found = file[name]
    if not isinstance(found, h5py.Dataset) or found.external is not None or found.is_virtual:
        raise WrongReply(f"{name} of the reply is no array of its own")
    if found.size is None or found.size > MOST_VALUES:
        raise WrongReply(f"{name} of the reply is empty, or has more than {MOST_VALUES} values")
    return found


def _numbers(dataset: h5py.Dataset) -> npt.NDArray[np.float64]:
    """Return (n, channels) of a dataset; one dimension is one channel."""
    if dataset.dtype.kind not in "iuf" or dataset.ndim not in (1, 2):
        raise WrongReply(f"{dataset.name} of the reply is no table of numbers")
    values = np.asarray(dataset[()], np.float64)
    return values[:, np.newaxis] if values.ndim == 1 else values


def _text(found: object) -> str:
    if (
        not isinstance(found, h5py.Dataset)
        or found.dtype.kind != "u"
        or found.size is None
        or found.size > _LONGEST_NAME
        or found.external is not None
        or found.is_virtual
    ):
        raise WrongReply("stimulusID of the reply has a cell that is no text")
    codes = np.asarray(found[()]).ravel()
    return codes.astype("<u2").tobytes().decode("utf-16-le", errors="replace")


def _matched(rows: list[str], values: npt.NDArray[np.float64], names: tuple[str, ...]) -> Responses:
    if len(rows) != len(values):
        raise WrongReply(
            f"the reply has {len(values)} rows of responses for {len(rows)} names: in MATLAB, "
            "tEvokedResp is channels by images, and stimulusID has a cell for each image"
        )
    if np.any(np.isinf(values)):
        raise WrongReply("the reply has infinite responses; say NaN where there is none")
    place = {name: n for n, name in enumerate(names)}
    unknown = sorted({row for row in rows if row not in place})
    if unknown:
        raise WrongReply(
            f"the reply names {len(unknown)} images that were not shown in this block, such as "
            f"{unknown[0]!r}: it is of another block or session"
        )
    if len(set(rows)) < len(rows):
        twice = next(row for row in rows if rows.count(row) > 1)
        raise WrongReply(f"the reply names {twice!r} twice: average them at the rig")
    found = np.full((len(names), values.shape[1]), np.nan)
    answered = np.zeros(len(names), np.bool_)
    at = [place[row] for row in rows]
    found[at], answered[at] = values, True
    return Responses(names, found, answered)


def _write_matlab(file: h5py.File, names: Sequence[str], values: npt.NDArray[np.float64]) -> None:
    # MATLAB's own order of dimensions is the reverse of that in the file.
    responses = file.create_dataset("tEvokedResp", data=values)
    responses.attrs["MATLAB_class"] = np.bytes_("double")
    cells = file.create_dataset("stimulusID", (1, len(names)), dtype=h5py.ref_dtype)
    cells.attrs["MATLAB_class"] = np.bytes_("cell")
    texts = file.create_group("#refs#")
    for n, name in enumerate(names):
        codes = np.frombuffer(name.encode("utf-16-le"), "<u2")
        text = texts.create_dataset(f"name{n}", data=codes[:, np.newaxis])
        text.attrs["MATLAB_class"] = np.bytes_("char")
        text.attrs["MATLAB_int_decode"] = np.int32(2)
        cells[0, n] = text.ref
