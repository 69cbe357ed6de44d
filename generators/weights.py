"""Files of weights: opened without running anything in them, and compared with what a network has.

Two formats are read: what ``torch.save`` writes, of which only tensors are unpickled
(``weights_only``), and safetensors, which can hold nothing else. Nothing is downloaded, and nothing
in a file is executed. A file can ask for no more memory than a few times its own size, which has a
limit.

Left out: what the parameters of a network are called in which file, which each network knows, and
all other formats, which have to be converted once elsewhere.
"""

import hashlib
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor

from generators.errors import WeightsError

LARGEST_FILE_BYTES = 8 * 2**30
"""More than the largest network that this program knows, with all that training keeps beside it."""
RECIPE = "docs/how-to/own_generator_weights.md"
"""The page that shows how a file is converted."""
_MOST_NAMED = 8
"""Parameters that one sentence names of each fault."""
_FLOATING = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def read_tensors(path: Path, within: tuple[str, ...] = ()) -> dict[str, Tensor]:
    """Return the named tensors of a file of torch's, or of one whose name ends in .safetensors.

    Args:
        path: a file written by ``torch.save(network.state_dict(), path)`` or by safetensors.
        within: where the file holds several dictionaries, as training programs write them, the
            names of the one to read, best first. Tensors that lie beside it are read as well.

    Returns:
        Tensors in memory of their own, by their names in the file.

    Raises:
        WeightsError: there is no such file, it cannot be read, it is damaged or too large, or it
            holds something else than named tensors.

    """
    _refuse_size(path)
    if path.suffix == ".safetensors":
        return _of_safetensors(path)
    loaded = _of_torch(path)
    for name in within:
        if isinstance(loaded, dict) and isinstance(loaded.get(name), dict):
            beside = {key: value for key, value in loaded.items() if isinstance(value, Tensor)}
            loaded = beside | loaded[name]
    if not isinstance(loaded, dict) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in loaded.items()
    ):
        raise WeightsError(
            f"{path} holds {type(loaded).__name__} instead of parameter names with tensors: save "
            f"network.state_dict() itself, as {RECIPE} shows"
        )
    return dict(loaded)


def _of_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        # All at once: tensors that lie in the file itself would change, or end the process, when
        # somebody replaces it during a session.
        return load_safetensors(path.read_bytes())
    except OSError as error:
        raise _unreadable(path, error) from error
    except (SafetensorError, ValueError, KeyError, AssertionError, RuntimeError) as error:
        raise WeightsError(
            f"{path} is cut short, damaged or no file of safetensors, so nothing of it was used: "
            "copy it again from where it comes from"
        ) from error


def _of_torch(path: Path) -> object:
    _refuse_compression(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # By its name: whatever could unpickle is imported nowhere in this program.
        if type(error).__name__ == "UnpicklingError":
            raise WeightsError(
                f"{path} is not a plain file of tensors, and nothing else in it was run: if you "
                "trust it, load it once elsewhere and save torch.save(network.state_dict(), path), "
                f"as {RECIPE} shows"
            ) from error
        raise _damaged(path) from error


def _refuse_size(path: Path) -> None:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise _unreadable(path, error) from error
    if size > LARGEST_FILE_BYTES:
        raise WeightsError(
            f"{path} has {size / 2**30:.0f} GB, more than any network that is known here, so it "
            f"was not opened: save the generator alone, as {RECIPE} shows"
        )


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
        raise WeightsError(
            f"{path} would grow when it is opened, as no file that torch writes does, so it was "
            "not: copy it again from where it comes from"
        )


def _unreadable(path: Path, error: OSError) -> WeightsError:
    if isinstance(error, FileNotFoundError):
        return WeightsError(f"there is no weights file {path}: give the path of your own file")
    return WeightsError(f"{path} cannot be read ({error.strerror}): check the path")


def _damaged(path: Path) -> WeightsError:
    return WeightsError(
        f"{path} is cut short, damaged or no file of torch's, so nothing of it was used: copy it "
        "again from where it comes from"
    )


def file_sha256(path: Path) -> str:
    """Return the hex digest of a file; WeightsError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(path, error) from error


def nearest_networks(
    shapes: Mapping[str, tuple[int, ...]], networks: Mapping[str, Mapping[str, tuple[int, ...]]]
) -> list[str]:
    """Say for which of several networks a file is meant, complete or not.

    Args:
        shapes: shapes of the file's tensors, by the names that the networks have.
        networks: by the name of each network, the shapes that it has.

    Returns:
        Those networks that have the fewest tensors missing, unexpected or misshapen; none where
        most names are unknown to all of them.

    """
    known = {name for expected in networks.values() for name in expected}
    if not shapes or 2 * len(known & shapes.keys()) < len(shapes):
        return []
    misfits = {name: len(expected.items() ^ shapes.items()) for name, expected in networks.items()}
    return [name for name, count in misfits.items() if count == min(misfits.values())]


def faults_of_shapes(
    tensors: Mapping[str, Tensor],
    expected: Mapping[str, tuple[int, ...]],
    written: Mapping[str, str],
) -> list[str]:
    """Say which parameters are missing, unexpected or misshapen, in a few words for each.

    Args:
        tensors: what a file holds, by the names that the network has.
        expected: every parameter of the network and its shape.
        written: the names in the file of those that it holds.

    """
    missing = [name for name in expected if name not in tensors]
    unexpected = [written[name] for name in tensors if name not in expected]
    misshapen = [
        f"{written[name]} has shape {tuple(tensors[name].shape)}, not {expected[name]}"
        for name in expected
        if name in tensors and tuple(tensors[name].shape) != expected[name]
    ]
    return [
        *_named([f"missing {name}" for name in missing]),
        *_named([f"unexpected {name}" for name in unexpected]),
        *_named(misshapen),
    ]


def faults_of_values(tensors: Mapping[str, Tensor], written: Mapping[str, str]) -> list[str]:
    """Say which parameters hold values that no image can be computed from."""
    faulty = [name for name, tensor in tensors.items() if not _finite_in_float32(tensor)]
    return _named([f"{written[name]} holds values that are not finite numbers" for name in faulty])


def refuse_faults(
    path: Path,
    network: str,
    faults: Sequence[str],
    tensors: Mapping[str, Tensor],
    shapes: Mapping[str, tuple[int, ...]],
    written: Mapping[str, str],
    remedy: str,
) -> None:
    """Refuse a file with faults of its shapes, or in the values of what has the right shape.

    Args:
        path: the file.
        network: what it does not fit, in words.
        faults: of shapes, see `faults_of_shapes`.
        tensors: what the file holds, by the names that the network has.
        shapes: every parameter of the network and its shape.
        written: the names in the file.
        remedy: what to give instead, where shapes are at fault.

    Raises:
        WeightsError: there are any.

    """
    fitting = {name: t for name, t in tensors.items() if tuple(t.shape) == shapes.get(name)}
    damaged = faults_of_values(fitting, written)
    if faults or damaged:
        advice = remedy if faults else "copy the file again"
        raise WeightsError(
            f"{path} does not fit {network}: {'; '.join([*faults, *damaged])}: {advice}"
        )


def _finite_in_float32(tensor: Tensor) -> bool:
    if tensor.layout is not torch.strided or tensor.is_meta or tensor.dtype not in _FLOATING:
        return False
    # Not a number is both the least and the greatest, and is not below anything.
    largest = torch.finfo(torch.float32).max
    return all(abs(end.item()) <= largest for end in torch.aminmax(tensor))


def _named(faults: list[str]) -> list[str]:
    more = len(faults) - _MOST_NAMED
    return faults if more <= 0 else [*faults[:_MOST_NAMED], f"and {more} more such"]
