"""What leads the first steps of a user's model: the file of ``neuroloop generator fit``.

Left out: how it is measured (`generators.fitted_gaussian`), and whether the pictures are like
those that the model was trained on, which nobody but its user can know.
"""

from pathlib import Path

import torch
from torch import Tensor

from generators.diffusion.head_start import GaussianModes
from generators.fitted_gaussian.ensemble import head_start_of, load_ensemble


def read_ensemble(path: Path) -> "tuple[GaussianModes[Tensor], str]":
    """Read mean, modes and variances as torch has them, and where they come from, as a sentence.

    Raises:
        WeightsError: the file is missing, damaged, or none of that kind.

    """
    fitted = load_ensemble(path)
    mean, modes, variances = (torch.from_numpy(array) for array in head_start_of(fitted))
    ensemble = GaussianModes(mean.flatten(), modes.flatten(1), variances)
    return ensemble, f"Head start from {path.name}: {fitted.provenance}"
