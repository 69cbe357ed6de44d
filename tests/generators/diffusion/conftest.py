"""What tests of diffusion models share: a small network of EDM's build, and its file."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from generators.diffusion.song_unet import SongShape, SongUNet

SMALL = SongShape(map_px=8, channels=3, width=8, multiples=(1, 2), n_blocks=1, attention_px=(4,))


@pytest.fixture(scope="session")
def small_network() -> SongUNet:
    """Give a network with random parameters, also where training begins with zeros and ones."""
    rng = torch.Generator().manual_seed(3)
    with torch.device("meta"):
        network = SongUNet(SMALL)
    drawn = {
        name: torch.randn(value.shape, generator=rng) / max(1, value[0].numel()) ** 0.5
        + (1.0 if ".norm" in name and name.endswith("weight") else 0.0)
        for name, value in network.state_dict().items()
    }
    network.load_state_dict(drawn, assign=True)
    return network.requires_grad_(False)


@pytest.fixture(scope="session")
def as_nvidia_saves_it(small_network: SongUNet) -> dict[str, Tensor]:
    """Give the parameters as a state dict of NVlabs/edm has them, with what is not a parameter."""
    saved = {f"model.{name}": value for name, value in small_network.state_dict().items()}
    box = torch.full((1, 1, 2, 2), 0.25)
    for part in ("enc.4x4_down", "dec.8x8_up"):
        saved[f"model.{part}.conv0.resample_filter"] = box
        saved[f"model.{part}.skip.resample_filter"] = box
    return saved | {"model.map_augment.weight": torch.zeros(8, 9)}


@pytest.fixture
def edm_file(as_nvidia_saves_it: dict[str, Tensor], tmp_path: Path) -> Path:
    """Give a file of the small network."""
    path = tmp_path / "small.pt"
    torch.save(as_nvidia_saves_it, path)
    return path
