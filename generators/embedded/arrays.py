"""The file of weights of the embedded network: named arrays in half precision, and what they are.

Nothing in the file is executed (no pickled objects). Left out: how the weights came to be, which
the file's recipe says in words and `generators.embedded.training` in full.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from generators.errors import WeightsError

_RECIPE, _PROVENANCE = "recipe", "provenance"


@dataclass(frozen=True, eq=False)
class EmbeddedWeights:
    """Parameters of a decoder.

    Attributes:
        arrays: parameter name to float16, any shape.
        recipe: sizes, numbers of pictures and steps, seed and versions, as JSON.
        provenance: a sentence for the log that says where the weights come from.

    """

    arrays: Mapping[str, NDArray[np.float16]]
    recipe: str
    provenance: str

    def sha256(self) -> str:
        """Hex digest of names, shapes and values."""
        digest = hashlib.sha256()
        for name in sorted(self.arrays):
            digest.update(f"{name} {self.arrays[name].shape}".encode())
            digest.update(np.ascontiguousarray(self.arrays[name]).data)
        return digest.hexdigest()

    def save(self, path: Path) -> None:
        """Write the file, whole or not at all; the same weights give the same bytes."""
        texts = {_RECIPE: np.array(self.recipe), _PROVENANCE: np.array(self.provenance)}
        beside = path.with_suffix(".part.npz")
        named: dict[str, NDArray[np.generic]] = {**self.arrays, **texts}
        np.savez_compressed(beside, allow_pickle=False, **named)
        beside.rename(path)


def read_arrays(path: Path) -> EmbeddedWeights:
    """Read what `EmbeddedWeights.save` wrote.

    Raises:
        WeightsError: the file is missing, is no such file, or holds values that cannot be.

    """
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            held = {name: file[name] for name in file.files}
            recipe, provenance = str(held.pop(_RECIPE)), str(held.pop(_PROVENANCE))
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile) as error:
        raise WeightsError(
            f"{path} cannot be read as weights of the embedded network ({error}): make it with "
            "scripts/train_embedded_generator"
        ) from error
    for name, array in held.items():
        if array.dtype != np.float16 or not np.isfinite(array).all():
            raise WeightsError(
                f"{path} holds {name} with values that are not finite numbers in half precision: "
                "copy the file again"
            )
    return EmbeddedWeights(held, recipe, provenance)
