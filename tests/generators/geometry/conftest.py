"""Small networks whose geometry is known, or can be computed in another way."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from generators.geometry.decoder import Decoder

CODE_DIM = 12
SIZE_PX = 16


class Linear(nn.Module):
    """Pixels that are exactly affine in the code: ``A z`` about mid-grey."""

    def __init__(self, matrix: NDArray[np.float32]) -> None:
        super().__init__()
        self.matrix = nn.Parameter(torch.from_numpy(matrix))

    def forward(self, codes: Tensor) -> Tensor:
        return (codes @ self.matrix.T).reshape(len(codes), 3, SIZE_PX, SIZE_PX) + 0.5


@pytest.fixture(scope="session")
def matrix() -> NDArray[np.float32]:
    """Give A ``(pixels, code_dim)`` with a falling spectrum and axes in no special direction."""
    rng = np.random.default_rng(3)
    drawn = rng.standard_normal((3 * SIZE_PX**2, CODE_DIM)) * np.logspace(0, -1.5, CODE_DIM)
    turn = np.linalg.qr(rng.standard_normal((CODE_DIM, CODE_DIM)))[0]
    return (0.03 * drawn @ turn).astype(np.float32)


@pytest.fixture(scope="session")
def linear(matrix: NDArray[np.float32]) -> Decoder:
    """Give the linear generator of `matrix`."""
    return Decoder(Linear(matrix), CODE_DIM, CODE_DIM**0.5, "linear")


@pytest.fixture(scope="session")
def network() -> nn.Module:
    """Give a network with kinks, transposed convolutions and an end that saturates."""
    with torch.random.fork_rng():
        torch.manual_seed(5)
        return nn.Sequential(
            nn.Linear(CODE_DIM, 8 * 16),
            nn.LeakyReLU(0.2),
            nn.Unflatten(1, (8, 4, 4)),
            nn.ConvTranspose2d(8, 8, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.ConvTranspose2d(8, 3, 4, 2, 1),
            nn.Sigmoid(),
        )


@pytest.fixture(scope="session")
def curved(network: nn.Module) -> Decoder:
    """Give the generator of `network`."""
    return Decoder(network, CODE_DIM, CODE_DIM**0.5, "curved")


@pytest.fixture(scope="session")
def codes(curved: Decoder) -> NDArray[np.float32]:
    """Give three codes of natural contrast."""
    return curved.initial_codes(3, np.random.default_rng(9))
