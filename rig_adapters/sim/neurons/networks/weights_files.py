"""A user's file of weights in torchvision's layout: read without running anything in it, checked.

Two formats are read: what `torch.save(network.state_dict(), path)` writes, of which only tensors
are unpickled, and safetensors, which can hold nothing else. Every parameter of the network has to
be there. `generators.weights` does the same for generators; neither package sees the other.

Left out: any other layout or format, which has to be converted once elsewhere.
"""

import hashlib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor

from rig_adapters.sim.neurons.networks.architectures import ARCHITECTURES, Architecture
from rig_adapters.sim.neurons.settings import SimSettingsError

LARGEST_FILE_BYTES = 2 * 2**30
"""VGG16, the largest network here, has 0.55 GB in float32."""
RECIPE = "docs/how-to/network_units.md"
"""The page that shows how a file is converted."""
_MOST_NAMED = 4
_COUNTERS = ".num_batches_tracked"
"""End of the names of what counts training steps, and is of no use here."""
_FLOATING = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


@dataclass(frozen=True, eq=False)
class FileWeights:
    """Parameters by torchvision's names, and the hex digest of the file that they come from."""

    tensors: Mapping[str, Tensor]
    sha256: str


def read_weights(architecture: Architecture, path: Path) -> FileWeights:
    """Return the parameters of a network.

    Raises:
        SimSettingsError: the file cannot be read, is damaged or too large, holds something else
            than named tensors, or parameters that are missing, unexpected, misshapen or not finite.

    """
    data = _content(path)
    tensors = _of_safetensors(path, data) if path.suffix == ".safetensors" else _of_torch(path)
    tensors = {name: tensor for name, tensor in tensors.items() if not name.endswith(_COUNTERS)}
    _refuse_misfits(path, architecture, tensors)
    return FileWeights(tensors, hashlib.sha256(data).hexdigest())


def _content(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > LARGEST_FILE_BYTES:
            raise SimSettingsError(
                f"{path} has {size / 2**30:.0f} GB, more than any network that is known here, so "
                f"it was not opened: save the network alone, as {RECIPE} shows"
            )
        # All at once: what lies in the file itself would change with it during a session.
        return path.read_bytes()
    except FileNotFoundError as error:
        raise SimSettingsError(
            f"there is no weights file {path} on the machine of the rig adapter: give the path of "
            'your own file, or weights = "random" for a network that has learned nothing'
        ) from error
    except OSError as error:
        raise SimSettingsError(f"{path} cannot be read ({error.strerror}): check it") from error


def _of_safetensors(path: Path, data: bytes) -> dict[str, Tensor]:
    try:
        return load_safetensors(data)
    except (SafetensorError, ValueError, KeyError, AssertionError, RuntimeError) as error:
        raise _damaged(path) from error


def _of_torch(path: Path) -> dict[str, Tensor]:
    _refuse_compression(path)
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # By its name: whatever could unpickle is imported nowhere in this program.
        if type(error).__name__ == "UnpicklingError":
            raise SimSettingsError(
                f"{path} is damaged or holds more than tensors, and nothing in it was run: copy it "
                f"again or, if you trust it, convert it once elsewhere, as {RECIPE} shows"
            ) from error
        raise _damaged(path) from error
    if not isinstance(loaded, dict) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in loaded.items()
    ):
        raise SimSettingsError(
            f"{path} holds {type(loaded).__name__} of other things than parameters: save "
            f"network.state_dict() itself, as {RECIPE} shows"
        )
    return dict(loaded)


def _refuse_compression(path: Path) -> None:
    """Refuse an archive that grows when it is opened; torch itself never compresses."""
    try:
        with path.open("rb") as file:
            if file.read(2) != b"PK":
                return
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise _damaged(path) from error
    packed = any(entry.compress_type != zipfile.ZIP_STORED for entry in entries)
    if packed or sum(entry.file_size for entry in entries) > path.stat().st_size:
        raise SimSettingsError(
            f"{path} would grow when it is opened, as no file that torch writes does, so it was "
            "not: copy it again from where it comes from"
        )


def _damaged(path: Path) -> SimSettingsError:
    return SimSettingsError(
        f"{path} is cut short, damaged or no file of torch's or safetensors', so nothing of it was "
        "used: copy it again from where it comes from"
    )


def _refuse_misfits(path: Path, architecture: Architecture, tensors: Mapping[str, Tensor]) -> None:
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    expected = architecture.shapes()
    faults = [
        *(f"missing {name}" for name in expected if name not in shapes),
        *(f"unexpected {name}" for name in shapes if name not in expected),
        *(
            f"{name} has shape {shapes[name]}, not {shape}"
            for name, shape in expected.items()
            if shapes.get(name, shape) != shape
        ),
    ]
    if faults:
        other = [kind for kind, one in ARCHITECTURES.items() if one.shapes() == shapes]
        remedy = f'use kind = "{other[0]}"' if other else f"convert it as {RECIPE} shows"
        raise _misfit(path, architecture, faults, remedy)
    unusable = [name for name, tensor in tensors.items() if not _is_finite_in_float32(tensor)]
    if unusable:
        values = [f"{name} holds values that are not finite numbers" for name in unusable]
        raise _misfit(path, architecture, values, "copy the file again")
    below = [name for name in tensors if name.endswith("running_var") and (tensors[name] < 0).any()]
    if below:
        values = [f"{name} has variances below 0" for name in below]
        raise _misfit(path, architecture, values, "copy the file again")


def _misfit(
    path: Path, architecture: Architecture, faults: list[str], remedy: str
) -> SimSettingsError:
    more = len(faults) - _MOST_NAMED
    named = faults if more <= 0 else [*faults[:_MOST_NAMED], f"and {more} more such"]
    return SimSettingsError(
        f"{path} does not fit {architecture.title}: {'; '.join(named)}: {remedy}"
    )


def _is_finite_in_float32(tensor: Tensor) -> bool:
    if tensor.layout is not torch.strided or tensor.is_meta or tensor.dtype not in _FLOATING:
        return False
    # Not a number is both the least and the greatest, and is not below anything.
    largest = torch.finfo(torch.float32).max
    return all(abs(end.item()) <= largest for end in torch.aminmax(tensor))
