"""Files of weights: opened without running anything in them, and compared with what a network has.

Nothing is downloaded, and nothing in a file is executed: only tensors are unpickled
(``weights_only``). Left out: what the parameters of a network are called in which file, which each
network knows, and other formats than torch's, which have to be converted once elsewhere.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from generators.errors import WeightsError

_MOST_NAMED = 8
"""Parameters that one sentence names of each fault."""
_FLOATING = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Return the named tensors of a file written by ``torch.save(network.state_dict(), path)``.

    Raises:
        WeightsError: there is no such file, it cannot be read, it is damaged, or it holds something
            else than named tensors.

    """
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # By its name: whatever could unpickle is imported nowhere in this program.
        if type(error).__name__ == "UnpicklingError":
            raise WeightsError(
                f"{path} is not a plain file of tensors, and nothing else in it was run: if you "
                "trust it, load it once elsewhere and save torch.save(network.state_dict(), path)"
            ) from error
        raise WeightsError(
            f"{path} is cut short, damaged or no file of torch's, so nothing of it was used: copy "
            "it again from where it comes from"
        ) from error
    if not isinstance(loaded, dict) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in loaded.items()
    ):
        raise WeightsError(
            f"{path} holds {type(loaded).__name__} instead of parameter names with tensors: save "
            "network.state_dict() itself"
        )
    return dict(loaded)


def file_sha256(path: Path) -> str:
    """Return the hex digest of a file; WeightsError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise WeightsError(
            f"there is no weights file {path}: give the path of your own file"
        ) from error
    except OSError as error:
        raise WeightsError(f"{path} cannot be read ({error.strerror}): check the path") from error


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


def _finite_in_float32(tensor: Tensor) -> bool:
    if tensor.layout is not torch.strided or tensor.is_meta or tensor.dtype not in _FLOATING:
        return False
    # Not a number is both the least and the greatest, and is not below anything.
    largest = torch.finfo(torch.float32).max
    return all(abs(end.item()) <= largest for end in torch.aminmax(tensor))


def _named(faults: list[str]) -> list[str]:
    more = len(faults) - _MOST_NAMED
    return faults if more <= 0 else [*faults[:_MOST_NAMED], f"and {more} more such"]
