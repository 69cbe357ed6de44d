"""The fc6 network with untrained weights: contract, architecture, agreement with plain numpy."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from generators import deepsim_fc6
from generators.base import Generator
from generators.deepsim_fc6 import MEAN_RGB, DeepSimFc6Generator, DeepSimFc6Network
from generators.testing.generator_contract import GeneratorContract, InvertibleContract
from generators.weights import Fc6Weights, expected_shapes


@pytest.fixture(scope="module")
def network(weights: Fc6Weights) -> DeepSimFc6Network:
    with torch.device("meta"):
        network = DeepSimFc6Network()
    network.load_state_dict(dict(weights.tensors), assign=True)
    return network.requires_grad_(requires_grad=False)


class TestNetworkWithRandomWeights(GeneratorContract, InvertibleContract):
    @pytest.fixture(scope="class")
    @classmethod
    def generator(cls, weights: Fc6Weights) -> Generator:
        return DeepSimFc6Generator(weights)

    @pytest.fixture(autouse=True)
    def few_steps(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Save time: ten steps are a good part of the way."""
        monkeypatch.setattr(deepsim_fc6, "INVERSION_STEPS", 10)


def test_the_network_has_the_documented_number_of_parameters(network: DeepSimFc6Network) -> None:
    shapes = {name: tuple(p.shape) for name, p in network.named_parameters()}

    assert shapes == expected_shapes()
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(56.1e6, rel=2e-3)


def test_random_weights_say_so_in_name_and_provenance(weights: Fc6Weights) -> None:
    generator = DeepSimFc6Generator(weights)

    assert generator.name == "deepsim-fc6-random"
    assert "UNTRAINED" in generator.provenance


def test_without_weights_the_image_is_the_mean_colour() -> None:
    tensors = {name: torch.zeros(1).expand(shape) for name, shape in expected_shapes().items()}
    generator = DeepSimFc6Generator(Fc6Weights(tensors, "0" * 64, "Zeros.", trained=True))

    image = generator.render(np.ones((1, 4096), dtype=np.float32))[0]

    np.testing.assert_array_equal(image, np.broadcast_to(MEAN_RGB, image.shape))


def test_the_last_layer_gives_blue_first_and_the_image_red_first(weights: Fc6Weights) -> None:
    tensors = dict(weights.tensors)
    tensors["deconv0.weight"] = torch.zeros(32, 3, 4, 4)
    tensors["deconv0.bias"] = torch.tensor([1000.0, 0.0, -1000.0])
    generator = DeepSimFc6Generator(Fc6Weights(tensors, "0" * 64, "Shifted.", trained=True))

    image = generator.render(np.zeros((1, 4096), dtype=np.float32))[0]

    np.testing.assert_array_equal(image, np.broadcast_to([0, MEAN_RGB[1], 255], image.shape))


def transposed_convolution(
    x: NDArray[np.float64], kernel: NDArray[np.float64], stride: int
) -> NDArray[np.float64]:
    """Scatter each input pixel through the kernel, then cut the padding of 1: textbook form."""
    (n_in, height, width), (_, n_out, size, _) = x.shape, kernel.shape
    spread = np.zeros((n_out, (height - 1) * stride + size, (width - 1) * stride + size))
    for i in range(height):
        for j in range(width):
            patch = np.tensordot(x[:, i, j], kernel, axes=(0, 0))
            spread[:, i * stride : i * stride + size, j * stride : j * stride + size] += patch
    assert n_in == kernel.shape[0]
    return spread[:, 1:-1, 1:-1]


def test_the_first_layers_agree_with_an_independent_implementation(
    network: DeepSimFc6Network, weights: Fc6Weights
) -> None:
    code = np.random.default_rng(1).standard_normal(4096).astype(np.float32)
    seen: dict[str, torch.Tensor] = {}
    hook = network.deconv4.register_forward_hook(lambda _m, _i, out: seen.update(out=out))
    network(torch.from_numpy(code[None]))
    hook.remove()

    def array(name: str) -> NDArray[np.float64]:
        return weights.tensors[name].numpy().astype(np.float64)

    x = code.astype(np.float64)
    for layer in ("defc7", "defc6", "defc5"):
        x = array(f"{layer}.weight") @ x + array(f"{layer}.bias")
        x = np.where(x > 0, x, 0.3 * x)
    x = x.reshape(256, 4, 4)
    for layer, stride in (("deconv5", 2), ("conv5_1", 1)):
        x = transposed_convolution(x, array(f"{layer}.weight"), stride)
        x = np.where(x > 0, x, 0.3 * x)
    x = transposed_convolution(x, array("deconv4.weight"), 2)

    assert x.shape == (256, 16, 16)
    np.testing.assert_allclose(seen["out"][0].numpy(), x, atol=1e-4 * np.abs(x).max())


def test_random_images_at_the_natural_norm_have_moderate_contrast(weights: Fc6Weights) -> None:
    generator = DeepSimFc6Generator(weights)
    codes = generator.initial_codes(2, np.random.default_rng(0))

    assert 15 < float(generator.render(codes).std()) < 80


def test_rendering_leaves_global_state_of_torch_alone(weights: Fc6Weights) -> None:
    before = torch.get_num_threads(), torch.is_grad_enabled(), torch.get_rng_state()
    generator = DeepSimFc6Generator(weights)
    generator.render(np.zeros((1, 4096), dtype=np.float32))

    assert (torch.get_num_threads(), torch.is_grad_enabled()) == before[:2]
    assert torch.equal(torch.get_rng_state(), before[2])
