"""A rig as XDream's labs have it: finds images in a folder, shows them, writes responses into one.

Its neurons look at the image files, each at the centre of their field. A block is complete when no
image has come for a while; then its reply is written in place, as such rigs do. Written from the
format of the replies alone, and not from what the session reads.
"""

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
import numpy.typing as npt
import PIL.Image
from pydantic import BaseModel, ConfigDict, Field

from rig_adapters.emulators.process import Stage
from rig_adapters.sim.neurons.registry import build_neurons
from rig_adapters.sim.neurons.shape.settings import ShapeSettings
from rig_adapters.sim.simulation import Recorded

_IMAGE = re.compile(r"block(\d+)_.*\.(png|bmp)")
_COUNTED_S = 0.15
"""Over how long the rig counts spikes."""
_PIECES_S = 1.0


class XdreamTable(BaseModel):
    """The table `[vendor]` of this emulator."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    image_folder: Path = Field(description="where it looks for images")
    reply_folder: Path = Field(description="where it writes replies")
    format: Literal["mat", "h5"] = Field(default="mat", description="of its replies")
    channels: int = Field(default=4, ge=1, le=1000, description="neurons, one on each channel")
    complete_s: float = Field(
        default=0.2, gt=0, description="a block is complete when nothing has come for so long"
    )
    answer_s: float = Field(
        default=0.1, ge=0, description="how long it takes for a block, beside showing it"
    )
    image_s: float = Field(default=0.0, ge=0, description="how long it shows each image")


def emulate(stage: Stage) -> "EmulatedXdreamRig":
    """Return the emulator."""
    return EmulatedXdreamRig(stage)


class EmulatedXdreamRig:
    """Answers block after block.

    Mischief: `drop` leaves images out of a reply, `half` writes one in two pieces, with a pause,
    `reorder` tells its images in any order, `repeat` writes that of the block before once more.
    """

    block_samples = 1
    acquiring = False
    """It sends no samples."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._table = XdreamTable.model_validate(stage.vendor)
        channels = range(1, self._table.channels + 1)
        self._units = [ShapeSettings(channel=channel, seed=channel) for channel in channels]
        self._neurons = build_neurons(self._units)
        self._answered = -1
        self._seen: frozenset[str] = frozenset()
        self._since_s = 0.0
        self._last: tuple[Path, bytes] | None = None
        self._rest: tuple[float, Path, bytes] | None = None
        """When the rest of a reply follows, and what it is."""

    def addresses(self) -> Mapping[str, Any]:
        """Return its folders."""
        return {
            "image_folder": str(self._table.image_folder),
            "reply_folder": str(self._table.reply_folder),
            "channels": self._table.channels,
        }

    def attend(self) -> None:
        """Look for a block, and answer one that is complete."""
        now_s = time.monotonic()
        if self._rest is not None and now_s > self._rest[0]:
            _, path, rest = self._rest
            self._rest = None
            with path.open("ab") as file:
                file.write(rest)
        names = self._newest()
        if names != self._seen:
            self._seen, self._since_s = names, now_s
        due_s = self._table.complete_s + self._table.answer_s + self._table.image_s * len(names)
        if names and now_s - self._since_s > due_s:
            self._answer(sorted(names))

    def send(self, block: Recorded) -> None:
        """There is nothing to send."""

    def restart(self) -> None:
        """Forget which blocks were answered."""
        self._answered = -1

    def close(self) -> None:
        """Nothing is open."""

    def _newest(self) -> frozenset[str]:
        """Return the images of the last block, where it is not answered yet."""
        found: dict[int, set[str]] = {}
        for path in self._table.image_folder.iterdir():
            match = _IMAGE.fullmatch(path.name)
            if match is not None:
                found.setdefault(int(match[1]), set()).add(path.name)
        newest = max(found, default=-1)
        return frozenset(found[newest]) if newest > self._answered else frozenset()

    def _answer(self, names: list[str]) -> None:
        block = int(names[0][len("block") :].split("_")[0])
        try:
            values = np.array([self._look_at(name) for name in names])
        except OSError:
            # The images were taken away meanwhile.
            return
        self._answered = block
        keep = self._stage.rng.random(len(names)) >= self._stage.mischief.drop
        rows = np.flatnonzero(keep)
        if self._stage.rng.random() < self._stage.mischief.reorder:
            self._stage.rng.shuffle(rows)
        told = [names[row] for row in rows]
        self._stage.truth.event(
            "reply", block=block, names=told, values=values[rows].tolist(), of=len(names)
        )
        if self._last is not None and self._stage.rng.random() < self._stage.mischief.repeat:
            self._last[0].write_bytes(self._last[1])
        self._write(block, told, names, values[rows])

    def _look_at(self, name: str) -> npt.NDArray[np.float64]:
        with PIL.Image.open(self._table.image_folder / name) as picture:
            image = np.asarray(picture.convert("RGB"), np.uint8)[None]
        rates = self._neurons.evoked_hz(image)[0] + [unit.spontaneous_hz for unit in self._units]
        counts = self._stage.rng.poisson(rates * _COUNTED_S)
        found: npt.NDArray[np.float64] = counts / _COUNTED_S
        return found

    def _write(
        self, block: int, told: list[str], names: list[str], values: npt.NDArray[np.float64]
    ) -> None:
        path = self._table.reply_folder / f"block{block:03d}.{self._table.format}"
        # Elsewhere at first, so that it can come in two pieces.
        whole = path.with_suffix(".whole")
        with h5py.File(whole, "w") as file:
            if self._table.format == "mat":
                _as_matlab(file, told, values)
            else:
                file["scores"] = values
                file["indices"] = np.array([names.index(name) for name in told], np.int64)
        data = whole.read_bytes()
        whole.unlink()
        self._last = (path, data)
        cut = len(data) // 2 if self._stage.rng.random() < self._stage.mischief.half else len(data)
        path.write_bytes(data[:cut])
        if cut < len(data):
            self._rest = (time.monotonic() + _PIECES_S, path, data[cut:])


def _as_matlab(file: h5py.File, names: list[str], values: npt.NDArray[np.float64]) -> None:
    """Write what `save -v7.3` makes of tEvokedResp (channels by images) and of a cell of names."""
    file["tEvokedResp"] = values
    cells = file.create_dataset("stimulusID", (len(names), 1), h5py.ref_dtype)
    for n, name in enumerate(names):
        # Rigs name whole paths, most of them on Windows.
        text = np.frombuffer(f"D:\\images\\{name}".encode("utf-16-le"), "<u2")
        file[f"#refs#/{n}"] = text[:, None]
        cells[n, 0] = file[f"#refs#/{n}"].ref
