"""The DeePSiM networks, untrained: architecture, pixels beside plain numpy, contract."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from generators.base import Generator
from generators.deepsim import generator as deepsim
from generators.deepsim.checkpoints import DeepSimWeights, draw_weights
from generators.deepsim.generator import DeepSimGenerator
from generators.deepsim.network import DeepSimNetwork
from generators.deepsim.variants import VARIANTS, Layer, Variant
from generators.testing.differentiable_contract import DifferentiableContract
from generators.testing.generator_contract import GeneratorContract, InvertibleContract

Array = NDArray[np.float64]
MEAN_BGR = (104.0, 117.0, 123.0)

# As XDREAM's conversion notebooks print them for the published Caffe models.
TRUNK = {
    "conv5_1": (256, 512, 3, 3),
    "deconv4": (512, 256, 4, 4),
    "conv4_1": (256, 256, 3, 3),
    "deconv3": (256, 128, 4, 4),
    "conv3_1": (128, 128, 3, 3),
    "deconv2": (128, 64, 4, 4),
    "deconv1": (64, 32, 4, 4),
    "deconv0": (32, 3, 4, 4),
}
FULLY_CONNECTED = {
    "defc6": (4096, 4096),
    "defc5": (4096, 4096),
    "deconv5": (256, 256, 4, 4),
    **TRUNK,
}
PUBLISHED = {
    "fc6": {"defc7": (4096, 4096), **FULLY_CONNECTED},
    "fc7": {"defc7": (4096, 4096), **FULLY_CONNECTED},
    "fc8": {"defc7": (4096, 1000), **FULLY_CONNECTED},
    "pool5": {
        "Rconv6": (512, 256, 3, 3),
        "Rconv7": (512, 512, 3, 3),
        "Rconv8": (512, 512, 3, 3),
        "deconv5": (512, 256, 4, 4),
        **TRUNK,
    },
}
SHA256_OF_SEED_0 = {
    "fc6": "01af0359e0c318bb4686efde2b1857c5ecb979bae25626c3f7c946bd41b4ebe5",
    "fc7": "146423cf7c4ed44b13a46e798dffaf81999a7a07bd0b7553bbeabc5552c39e4e",
    "fc8": "c5b5a87f76bda94f16803cac5520c208b201ef5d019c9f1fe4e2bea88d0953bb",
    "pool5": "178ea1aafa38ee0b2322761ba0f9f2d0f7c6c58b7770e30e3cd5a63103886022",
}
CODE_DIMS = {"fc6": 4096, "fc7": 4096, "fc8": 1000, "pool5": 9216}


def test_every_network_of_the_family_has_the_published_parameters() -> None:
    for name, variant in VARIANTS.items():
        with torch.device("meta"):
            network = DeepSimNetwork(variant)
        shapes = {key: tuple(p.shape) for key, p in network.named_parameters()}

        weights = {f"{layer}.weight": shape for layer, shape in PUBLISHED[name].items()}
        biases = {
            f"{layer}.bias": (shape[1] if len(shape) == 4 and layer[0] != "R" else shape[0],)
            for layer, shape in PUBLISHED[name].items()
        }
        assert shapes == variant.shapes == weights | biases
        assert variant.code_dim == CODE_DIMS[name]


def transposed_convolution(x: Array, kernel: Array, stride: int) -> Array:
    """Scatter every pixel through the kernel, then cut the padding of 1: textbook form."""
    (n_in, height, width), (_, n_out, size, _) = x.shape, kernel.shape
    spread = np.zeros((n_out, (height - 1) * stride + size, (width - 1) * stride + size))
    for i in range(size):
        for j in range(size):
            part = kernel[:, :, i, j].T @ x.reshape(n_in, -1)
            rows = slice(i, i + (height - 1) * stride + 1, stride)
            columns = slice(j, j + (width - 1) * stride + 1, stride)
            spread[:, rows, columns] += part.reshape(n_out, height, width)
    return spread[:, 1:-1, 1:-1]


def convolution(x: Array, kernel: Array, padding: int) -> Array:
    """Sum of the nine shifted pictures, each through its entry of the kernel."""
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    n_in, height, width = x.shape[0], x.shape[1] - 2, x.shape[2] - 2
    total = np.zeros((len(kernel), height, width))
    for i in range(3):
        for j in range(3):
            seen = x[:, i : i + height, j : j + width].reshape(n_in, -1)
            total += (kernel[:, :, i, j] @ seen).reshape(total.shape)
    return total


def leaky(x: Array) -> Array:
    return np.where(x > 0, x, 0.3 * x)


def bgr_of(name: str, code: Array, parameters: dict[str, torch.Tensor]) -> Array:
    """Return what a published network gives for one code, ``(3, 256, 256)``, in plain numpy."""

    def array(parameter: str) -> Array:
        return parameters[parameter].numpy().astype(np.float64)

    x = code
    if name == "pool5":
        x = x.reshape(256, 6, 6)
        for layer, padding in (("Rconv6", 1), ("Rconv7", 1), ("Rconv8", 0)):
            x = convolution(x, array(f"{layer}.weight"), padding)
            x = leaky(x + array(f"{layer}.bias")[:, None, None])
    else:
        for layer in ("defc7", "defc6", "defc5"):
            x = leaky(array(f"{layer}.weight") @ x + array(f"{layer}.bias"))
        x = x.reshape(256, 4, 4)
    for layer in ("deconv5", *TRUNK):
        x = transposed_convolution(x, array(f"{layer}.weight"), 2 if layer[0] == "d" else 1)
        x = x + array(f"{layer}.bias")[:, None, None]
        x = x if layer == "deconv0" else leaky(x)
    return x


@pytest.fixture
def with_biases(weights: DeepSimWeights) -> DeepSimWeights:
    """Give random weights whose biases are not zero either; the large tensors are shared."""
    rng = torch.Generator().manual_seed(5)
    tensors = {
        name: torch.randn(tensor.shape, generator=rng) if name.endswith("bias") else tensor
        for name, tensor in weights.tensors.items()
    }
    return replace(weights, tensors=tensors)


def test_pixels_are_those_of_an_independent_implementation(with_biases: DeepSimWeights) -> None:
    generator = DeepSimGenerator(with_biases)
    code = generator.initial_codes(1, np.random.default_rng(1))

    bgr = bgr_of(with_biases.variant.name, code[0].astype(np.float64), dict(with_biases.tensors))
    wanted = (bgr + np.reshape(MEAN_BGR, (3, 1, 1)))[::-1].transpose(1, 2, 0)
    image = generator.render(code)[0]

    assert wanted.shape == image.shape == (256, 256, 3)
    assert wanted.std() > 15
    # Rounding differs where float32 and float64 stand on two sides of a half.
    np.testing.assert_allclose(image, np.clip(wanted, 0, 255), atol=0.5 + 1e-2)


def test_random_weights_say_so_and_give_moderate_contrast(weights: DeepSimWeights) -> None:
    generator = DeepSimGenerator(weights)
    codes = generator.initial_codes(2, np.random.default_rng(0))

    assert generator.name == f"deepsim-{weights.variant.name}-random"
    assert "UNTRAINED" in generator.provenance
    assert generator.code_dim == CODE_DIMS[weights.variant.name]
    assert 15 < float(generator.render(codes).std()) < 80
    # A session with random weights replays only if a seed goes on meaning the same values.
    assert generator.weights_sha256 == SHA256_OF_SEED_0[weights.variant.name]


def narrowed(variant: Variant) -> Variant:
    """Return a network with an eighth of all channels but those of codes and pictures."""

    def narrow(layer: Layer) -> Layer:
        first, last = layer is variant.head[0], layer is variant.trunk[-1]
        return replace(
            layer,
            n_in=layer.n_in if first else layer.n_in // 8,
            n_out=layer.n_out if last else layer.n_out // 8,
        )

    head, trunk = (tuple(map(narrow, part)) for part in (variant.head, variant.trunk))
    return replace(variant, head=head, trunk=trunk)


class TestFullFc6(GeneratorContract):
    """At its published size; codes of pictures and gradients are those of the narrow networks."""

    @pytest.fixture(scope="class")
    @classmethod
    def generator(cls) -> Generator:
        return DeepSimGenerator.with_random_weights(VARIANTS["fc6"], seed=0)


class TestEveryVariantWithFewChannels(
    GeneratorContract, InvertibleContract, DifferentiableContract
):
    """The code is one and the same, so not all need be as slow as the full fc6."""

    @pytest.fixture(scope="class", params=list(VARIANTS))
    @classmethod
    def generator(cls, request: pytest.FixtureRequest) -> Generator:
        return DeepSimGenerator(draw_weights(narrowed(VARIANTS[request.param]), seed=0))

    @pytest.fixture(autouse=True)
    def few_steps(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Save time: ten steps are a good part of the way."""
        monkeypatch.setattr(deepsim, "INVERSION_STEPS", 10)


@pytest.mark.parametrize("name", list(VARIANTS))
def test_ten_steps_of_inversion_go_as_far_whatever_the_size_of_codes(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Genes of pool5 are ten times those of fc7; so must the steps be."""
    monkeypatch.setattr(deepsim, "INVERSION_STEPS", 10)
    generator = DeepSimGenerator(draw_weights(narrowed(VARIANTS[name]), seed=0))
    code = generator.initial_codes(1, np.random.default_rng(11)) / np.float32(2)
    picture, grey = generator.render(code), generator.render(np.zeros_like(code))

    found = generator.render(generator.invert(picture))

    off, far = (np.square(image.astype(float) - picture).mean() for image in (found, grey))
    assert off < 0.1 * far


def test_without_weights_the_image_is_the_mean_colour() -> None:
    pool5 = narrowed(VARIANTS["pool5"])
    tensors = {name: torch.zeros(1).expand(shape) for name, shape in pool5.shapes.items()}
    generator = DeepSimGenerator(DeepSimWeights(pool5, tensors, "0" * 64, "Zeros.", trained=True))

    image = generator.render(np.ones((1, 9216), dtype=np.float32))[0]

    np.testing.assert_array_equal(image, np.broadcast_to(MEAN_BGR[::-1], image.shape))


def test_the_last_layer_gives_blue_first_and_the_image_red_first() -> None:
    weights = draw_weights(narrowed(VARIANTS["fc8"]), seed=0)
    tensors = dict(weights.tensors)
    tensors["deconv0.weight"] = torch.zeros(tensors["deconv0.weight"].shape)
    tensors["deconv0.bias"] = torch.tensor([1000.0, 0.0, -1000.0])
    generator = DeepSimGenerator(replace(weights, tensors=tensors))

    image = generator.render(np.zeros((1, 1000), dtype=np.float32))[0]

    np.testing.assert_array_equal(image, np.broadcast_to([0, MEAN_BGR[1], 255], image.shape))


def test_rendering_leaves_global_state_of_torch_alone() -> None:
    before = torch.get_num_threads(), torch.is_grad_enabled(), torch.get_rng_state()
    generator = DeepSimGenerator(draw_weights(narrowed(VARIANTS["fc8"]), seed=0))
    generator.render(np.zeros((1, 1000), dtype=np.float32))

    assert (torch.get_num_threads(), torch.is_grad_enabled()) == before[:2]
    assert torch.equal(torch.get_rng_state(), before[2])
