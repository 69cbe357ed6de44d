"""From checked weights of EDM's network to a model that can be sampled."""

from collections.abc import Sequence
from functools import partial

import torch

from generators.diffusion.checkpoints import SongWeights
from generators.diffusion.denoisers import edm_denoiser
from generators.diffusion.model import DiffusionModel
from generators.diffusion.song_unet import SongUNet


def edm_model(
    weights: SongWeights, name: str, sigmas: Sequence[float], sigma_data: float
) -> DiffusionModel:
    """Put weights into their network.

    Args:
        weights: of `generators.diffusion.checkpoints`, or the embedded ones.
        name: short identifier for the log.
        sigmas: noise levels to go through, falling, the last one 0.
        sigma_data: standard deviation of pixels that the training assumed.

    """
    # Layers made on the device "meta" draw no initial values from torch's global randomness.
    with torch.device("meta"):
        network = SongUNet(weights.shape)
    network.load_state_dict(dict(weights.tensors), assign=True)
    return DiffusionModel(
        network=network,
        denoiser=partial(edm_denoiser, sigma_data=sigma_data, fold=weights.fold),
        image_px=weights.shape.map_px * weights.fold,
        sigmas=tuple(sigmas),
        start_deviation=sigmas[0],
        name=name,
        sha256=weights.sha256,
        provenance=weights.provenance,
    )
