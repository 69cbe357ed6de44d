"""The tiny diffusion model that comes with neuroloop, trained by ``scripts/train_tiny_diffusion``.

It paints heads, flowers, landscapes and objects of 32 pixels, and is there so that sampling, the
head start and whatever uses a diffusion model can be tried and tested without weights of anybody
else. It is no generator for an experiment: 755,084 parameters, a quarter of an hour of training
on one core.

One file holds the network in half precision, and mean and modes of the pictures it was trained
on.
"""

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from generators.diffusion.checkpoints import checked_weights
from generators.diffusion.edm import edm_model
from generators.diffusion.head_start import GaussianModes
from generators.diffusion.model import DiffusionModel
from generators.diffusion.schedule import edm_sigmas
from generators.weights import file_sha256

_PREFIX = "network."


@dataclass(frozen=True)
class TinyDiffusion:
    """The embedded model, and what its training pictures are like."""

    model: DiffusionModel
    ensemble: "GaussianModes[Tensor]"


def tiny_diffusion(n_steps: int) -> TinyDiffusion:
    """Read the embedded model, with a schedule of `n_steps` from noise level 80 to 0.002."""
    data = resources.files("generators") / "data" / "tiny_diffusion.npz"
    with resources.as_file(data) as path:
        return read_tiny(path, n_steps)


def read_tiny(path: Path, n_steps: int) -> TinyDiffusion:
    """Read a file of ``scripts/train_tiny_diffusion``; WeightsError for weights that do not fit."""
    with np.load(path, allow_pickle=False) as file:
        tensors = {
            name.removeprefix(_PREFIX): torch.from_numpy(file[name])
            for name in file.files
            if name.startswith(_PREFIX)
        }
        ensemble = GaussianModes(
            *(torch.from_numpy(file[name]).float() for name in ("mean", "modes", "variances"))
        )
        provenance, sigma_data = str(file["provenance"]), float(file["sigma_data"])
    written = {name: _PREFIX + name for name in tensors}
    weights = checked_weights(tensors, written, path, file_sha256(path), provenance)
    model = edm_model(weights, "tiny", edm_sigmas(n_steps).tolist(), sigma_data)
    return TinyDiffusion(model, ensemble)
