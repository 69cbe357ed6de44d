"""A trained network beside itself untrained and shuffled: the signs that it has learned.

The network is the small decoder of `benchmarks/geometry.py`, which has made its weights.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from generators.base import Generator
from generators.geometry.controls import Comparison, compare, shuffled, untrained
from generators.geometry.decoder import Decoder
from generators.geometry.distances import PixelDistance
from generators.geometry.metric import all_axes, full_matrix, top_axes
from generators.geometry.products import Products
from generators.network import StagedNetwork
from generators.testing.differentiable_contract import DifferentiableContract
from generators.testing.generator_contract import GeneratorContract

WEIGHTS = Path(__file__).parent / "data" / "tiny_decoder.npz"
CODE_DIM = 16


class Grey(nn.Module):
    def forward(self, values: Tensor) -> Tensor:
        return values.view(len(values), 1, 16, 16).expand(-1, 3, -1, -1)


@pytest.fixture(scope="module")
def trained() -> nn.Sequential:
    """Give the small decoder, as the shapes of its weights tell it."""
    with np.load(WEIGHTS, allow_pickle=False) as file:
        state = {name: torch.from_numpy(file[name].astype(np.float32)) for name in file.files}
    layers: list[nn.Module] = []
    for name in sorted((n for n in state if n.endswith("weight")), key=lambda n: int(n[:-7])):
        n_out, n_in = state[name].shape
        layers += [nn.Linear(n_in, n_out), nn.LeakyReLU(0.15)]
    network = nn.Sequential(*layers[:-1], nn.Sigmoid(), Grey())
    network.load_state_dict(state)
    return network


@pytest.fixture(scope="module")
def comparison(trained: nn.Sequential) -> Comparison:
    """Give the small decoder beside its controls, at ten codes."""
    rng = np.random.default_rng(3)
    return compare(trained, CODE_DIM, CODE_DIM**0.5, PixelDistance(), rng, n_codes=10)


class TestTrainedDecoder(GeneratorContract, DifferentiableContract):
    @pytest.fixture(scope="class")
    @classmethod
    def generator(cls, trained: nn.Sequential) -> Generator:
        return Decoder(trained, CODE_DIM, CODE_DIM**0.5, "small-decoder")


def test_training_makes_few_directions_matter(comparison: Comparison) -> None:
    dims = {name: found[0] for name, found in comparison.dims().items()}

    assert dims["trained"] < 0.4 * dims["untrained"]
    assert dims["trained"] < 0.5 * dims["shuffled"]


def test_training_makes_the_same_directions_matter_everywhere(comparison: Comparison) -> None:
    log = comparison.log_homogeneity()

    assert log["trained"] > 0.9
    assert log["trained"] - log["shuffled"] > 0.2


def test_one_basis_serves_everywhere(comparison: Comparison) -> None:
    assert comparison.trained.homogeneity.linear > 0.9
    assert comparison.trained.n_negative == 0


def test_lanczos_on_a_trained_network_finds_its_few_directions(trained: nn.Sequential) -> None:
    decoder = Decoder(trained, CODE_DIM, CODE_DIM**0.5, "small-decoder")
    codes = decoder.initial_codes(1, np.random.default_rng(5))
    products = Products(decoder, PixelDistance())
    whole = all_axes(full_matrix(products, codes[0])).values
    top = top_axes(products, codes, 5)

    np.testing.assert_allclose(top.values, whole[:5], rtol=1e-4)
    assert top.total == pytest.approx(whole.sum(), rel=1e-4)


@pytest.fixture(scope="module")
def smooth() -> Decoder:
    """Give a stretched network without kinks, which finite differences would see."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        hidden = [nn.Linear(CODE_DIM, 96), nn.SiLU(), nn.Linear(96, 96), nn.SiLU()]
        network = nn.Sequential(*hidden, nn.Linear(96, 256), nn.Sigmoid(), Grey())
    with torch.no_grad():
        hidden[0].weight *= torch.logspace(0.7, -1.0, CODE_DIM)
    return Decoder(network, CODE_DIM, CODE_DIM**0.5, "smooth")


def test_lanczos_by_finite_differences_is_within_a_thousandth(smooth: Decoder) -> None:
    codes = smooth.initial_codes(1, np.random.default_rng(5))
    whole = all_axes(full_matrix(Products(smooth, PixelDistance(), "jacobian"), codes[0]))
    top = top_axes(Products(smooth, PixelDistance(), "differences"), codes, 5)

    np.testing.assert_allclose(top.values, whole.values[:5], rtol=1e-3)


def test_finite_differences_are_best_at_moderate_steps(smooth: Decoder) -> None:
    codes = smooth.initial_codes(3, np.random.default_rng(5))
    vectors = np.random.default_rng(6).standard_normal(codes.shape)
    exact = Products(smooth, PixelDistance(), "jacobian").of(codes, vectors)

    def off(step: float) -> float:
        products = Products(smooth, PixelDistance(), "differences", step)
        return float(np.linalg.norm(products.of(codes, vectors) - exact) / np.linalg.norm(exact))

    assert off(1e-1) > 1e-3
    assert off(1e-2) < 1e-3
    assert off(1e-3) < 1e-3
    assert off(1e-5) > off(1e-3)


def test_a_shuffled_network_has_the_same_numbers_in_another_order(trained: nn.Sequential) -> None:
    mixed = shuffled(trained, np.random.default_rng(0))

    for mine, other in zip(trained.parameters(), mixed.parameters(), strict=True):
        assert not torch.equal(mine, other)
        assert torch.equal(mine.flatten().sort().values, other.flatten().sort().values)


class Staged(StagedNetwork):
    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(CODE_DIM, 64)
        self.wide = nn.Conv2d(1, 3, 3, padding=1)

    def trunk(self, features: Tensor) -> Tensor:
        return self.wide(self.dense(features).view(-1, 1, 8, 8))


@pytest.mark.parametrize("change", [shuffled, untrained])
def test_controls_of_a_network_prepared_for_rendering_compute_with_their_own_weights(
    change: Callable[[nn.Module, np.random.Generator], nn.Module],
) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(4)
        network = Staged().requires_grad_(False)
    codes = torch.ones(1, CODE_DIM)
    with torch.inference_mode():
        network.prepare(codes, 1)
    other = change(network, np.random.default_rng(0))
    dense = codes @ other.dense.weight.T + other.dense.bias
    expected = nn.functional.conv2d(
        dense.view(-1, 1, 8, 8), other.wide.weight, other.wide.bias, padding=1
    )

    with torch.inference_mode():
        torch.testing.assert_close(other(codes), expected)
    torch.testing.assert_close(other(codes), expected)
    assert not torch.allclose(network(codes), expected, atol=1e-3)


def test_an_untrained_network_has_the_weights_that_torch_gives_new_layers() -> None:
    made = nn.Sequential(
        nn.Linear(40, 30),
        nn.Unflatten(1, (30, 1, 1)),
        nn.ConvTranspose2d(30, 20, 4),
        nn.BatchNorm2d(20),
        nn.Conv2d(20, 3, 3, padding=1),
    )
    made[3].running_mean += 5.0
    before = {name: tensor.clone() for name, tensor in made.state_dict().items()}
    fresh = untrained(made, np.random.default_rng(0))
    state = fresh.state_dict()

    for layer, n_inputs in ((0, 40), (4, 20 * 9)):
        reach = n_inputs**-0.5
        for kind in ("weight", "bias"):
            assert state[f"{layer}.{kind}"].abs().max() <= reach
        assert float(state[f"{layer}.weight"].std()) == pytest.approx(reach / 3**0.5, rel=0.1)
    assert torch.equal(state["3.weight"], torch.ones(20))
    assert torch.equal(state["3.running_mean"], torch.zeros(20))
    assert all(torch.equal(before[name], tensor) for name, tensor in made.state_dict().items())
