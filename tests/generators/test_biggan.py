"""BigGAN-deep, untrained: architecture, pixels beside plain numpy, halves of codes, contract."""

from dataclasses import replace
from math import prod

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from generators.base import Generator
from generators.biggan.checkpoints import BigGanWeights, draw_weights
from generators.biggan.codes import random_classes, truncated_normal, truncated_variance
from generators.biggan.folding import folded
from generators.biggan.generator import BigGanGenerator, frozen_class, frozen_noise
from generators.biggan.network import BigGanNetwork
from generators.biggan.variants import VARIANTS, Block, Variant
from generators.errors import SettingsError
from generators.testing.differentiable_contract import DifferentiableContract
from generators.testing.generator_contract import GeneratorContract

Array = NDArray[np.float64]

# Of the published configurations: doubles height and width, inputs, outputs in units of 128.
PUBLISHED = {
    128: [(0, 16, 16), (1, 16, 16), (0, 16, 16), (1, 16, 8), (0, 8, 8), (1, 8, 4), (0, 4, 4),
          (1, 4, 2), (0, 2, 2), (1, 2, 1)],
    256: [(0, 16, 16), (1, 16, 16), (0, 16, 16), (1, 16, 8), (0, 8, 8), (1, 8, 8), (0, 8, 8),
          (1, 8, 4), (0, 4, 4), (1, 4, 2), (0, 2, 2), (1, 2, 1)],
    512: [(0, 16, 16), (1, 16, 16), (0, 16, 16), (1, 16, 8), (0, 8, 8), (1, 8, 8), (0, 8, 8),
          (1, 8, 4), (0, 4, 4), (1, 4, 2), (0, 2, 2), (1, 2, 1), (0, 1, 1), (1, 1, 1)],
}  # fmt: skip
# Millions of parameters and MiB of the files, as the conversion's documentation gives them.
PUBLISHED_SIZES = {128: (50.4, 201), 256: (55.9, 224), 512: (56.2, 225)}

TINY = Variant(
    image_size_px=32,
    blocks=(
        Block(64, 64, doubles=False),
        Block(64, 64, doubles=True),
        Block(64, 64, doubles=False),
        Block(64, 32, doubles=True),
        Block(32, 32, doubles=False),
        Block(32, 16, doubles=True),
    ),
    attention_at=4,
    noise_dim=6,
    class_dim=5,
    n_classes=70,
)


def published_shapes(size: int) -> dict[str, tuple[int, ...]]:
    """Write down every tensor of a published file, from its configuration."""
    shapes: dict[str, tuple[int, ...]] = {"embeddings.weight": (128, 1000)}

    def normed(name: str, n_out: int, n_in: int, kernel: int | None, bias: bool) -> None:
        window = () if kernel is None else (kernel, kernel)
        shapes[f"{name}.weight_orig"] = (n_out, n_in, *window)
        shapes[f"{name}.weight_u"] = (n_out,)
        shapes[f"{name}.weight_v"] = (n_in if kernel is None else n_in * kernel * kernel,)
        if bias:
            shapes[f"{name}.bias"] = (n_out,)

    def statistics(name: str, n: int) -> None:
        shapes[f"{name}.running_means"] = shapes[f"{name}.running_vars"] = (51, n)

    normed("generator.gen_z", 4 * 4 * 16 * 128, 256, None, bias=True)
    place = 0
    for index, (_, n_in, n_out) in enumerate(PUBLISHED[size]):
        if index == 8:
            layer, n = f"generator.layers.{place}", 128 * n_in
            shapes[f"{layer}.gamma"] = (1,)
            normed(f"{layer}.snconv1x1_theta", n // 8, n, 1, bias=False)
            normed(f"{layer}.snconv1x1_phi", n // 8, n, 1, bias=False)
            normed(f"{layer}.snconv1x1_g", n // 2, n, 1, bias=False)
            normed(f"{layer}.snconv1x1_o_conv", n, n // 2, 1, bias=False)
            place += 1
        layer, middle = f"generator.layers.{place}", 128 * n_in // 4
        for number, n in enumerate((128 * n_in, middle, middle, middle)):
            normed(f"{layer}.bn_{number}.scale", n, 256, None, bias=False)
            normed(f"{layer}.bn_{number}.offset", n, 256, None, bias=False)
            statistics(f"{layer}.bn_{number}", n)
        normed(f"{layer}.conv_0", middle, 128 * n_in, 1, bias=True)
        normed(f"{layer}.conv_1", middle, middle, 3, bias=True)
        normed(f"{layer}.conv_2", middle, middle, 3, bias=True)
        normed(f"{layer}.conv_3", 128 * n_out, middle, 1, bias=True)
        place += 1
    shapes["generator.bn.weight"] = shapes["generator.bn.bias"] = (128,)
    statistics("generator.bn", 128)
    normed("generator.conv_to_rgb", 128, 128, 3, bias=True)
    return shapes


@pytest.mark.parametrize("size", list(PUBLISHED))
def test_every_network_of_the_family_has_the_published_tensors(size: int) -> None:
    variant = VARIANTS[f"biggan_deep_{size}"]
    parameters, mebibytes = PUBLISHED_SIZES[size]
    n_tensors = sum(map(prod, variant.shapes.values()))
    trained = {
        name: shape
        for name, shape in variant.shapes.items()
        if not name.endswith(("weight_u", "weight_v", "running_means", "running_vars"))
    }

    assert variant.shapes == published_shapes(size)
    assert sum(map(prod, trained.values())) / 1e6 == pytest.approx(parameters, abs=0.05)
    assert 4 * n_tensors / 2**20 == pytest.approx(mebibytes, abs=1)
    assert (variant.name, variant.code_dim) == (f"biggan-deep-{size}", 256)
    assert 4 * 2 ** sum(block.doubles for block in variant.blocks) == size


@pytest.mark.parametrize("variant", [TINY, *VARIANTS.values()], ids=lambda v: v.name)
def test_the_network_has_a_place_for_everything_in_a_file_but_embeddings(variant: Variant) -> None:
    tensors = {name: torch.empty(shape, device="meta") for name, shape in variant.shapes.items()}
    with torch.device("meta"):
        network = BigGanNetwork(variant)
    wanted = {}
    for name, tensor in tensors.items():
        short, _, kind = name.removeprefix("generator.").rpartition(".")
        renamed = {"weight_orig": "weight", "running_means": "mean"}
        renamed |= {"running_vars": "inverse_deviation"}
        if name != "embeddings.weight" and kind not in ("weight_u", "weight_v"):
            shape = tuple(tensor.shape)
            shape = shape[1:] if kind.startswith("running") else shape
            shape = (3, *shape[1:]) if short == "conv_to_rgb" else shape
            wanted[f"{short}.{renamed.get(kind, kind)}"] = shape

    assert {name: tuple(t.shape) for name, t in network.state_dict().items()} == wanted


def with_everything_drawn(variant: Variant, seed: int = 3) -> BigGanWeights:
    """Give weights of which nothing is zero, one or alike, and whose statistics depend on rows."""
    weights, rng = draw_weights(variant, 0), np.random.default_rng(seed)
    tensors = dict(weights.tensors)
    for name, tensor in tensors.items():
        noise = torch.from_numpy(rng.standard_normal(tensor.shape).astype(np.float32))
        if name.endswith(("bias", "running_means", "gamma", "bn.weight")):
            tensors[name] = tensor + 0.3 * noise
        elif name.endswith("running_vars"):
            tensors[name] = tensor * torch.exp(0.3 * noise)
    return replace(weights, tensors=tensors)


class InNumpy:
    """BigGAN-deep of one code in float64, written after the publication, rows and columns first."""

    def __init__(self, weights: BigGanWeights, truncation: float) -> None:
        self.tensors, self.variant = weights.tensors, weights.variant
        self.truncation = truncation

    def array(self, name: str) -> Array:
        return self.tensors[f"generator.{name}"].numpy().astype(np.float64)

    def normed(self, name: str) -> Array:
        weight, u, v = (self.array(f"{name}.weight_{part}") for part in ("orig", "u", "v"))
        return weight / np.einsum("o,oi,i->", u, weight.reshape(len(u), -1), v)

    def statistics(self, name: str) -> tuple[Array, Array]:
        means, variances = (self.array(f"{name}.running_{part}") for part in ("means", "vars"))
        known = np.linspace(0.0, 1.0, len(means))
        both = [
            np.array([np.interp(self.truncation, known, column) for column in table.T])
            for table in (means, variances)
        ]
        return both[0], both[1]

    def norm(self, name: str, x: Array, code: Array | None) -> Array:
        mean, variance = self.statistics(name)
        if code is None:
            gain, offset = self.array(f"{name}.weight"), self.array(f"{name}.bias")
        else:
            gain = 1.0 + self.normed(f"{name}.scale") @ code
            offset = self.normed(f"{name}.offset") @ code
        return np.maximum((x - mean) / np.sqrt(variance + 1e-4) * gain + offset, 0.0)

    def convolution(self, name: str, x: Array, bias: bool = True) -> Array:
        kernel = self.normed(name)
        size = kernel.shape[-1]
        padded = np.pad(x, ((size // 2, size // 2), (size // 2, size // 2), (0, 0)))
        total = np.zeros((*x.shape[:2], len(kernel)))
        for i in range(size):
            for j in range(size):
                total += padded[i : i + len(x), j : j + len(x)] @ kernel[:, :, i, j].T
        return total + (self.array(f"{name}.bias") if bias else 0.0)

    def block(self, name: str, block: Block, x: Array, code: Array) -> Array:
        def twice(y: Array) -> Array:
            return y.repeat(2, axis=0).repeat(2, axis=1) if block.doubles else y

        y = self.convolution(f"{name}.conv_0", self.norm(f"{name}.bn_0", x, code))
        y = self.convolution(f"{name}.conv_1", twice(self.norm(f"{name}.bn_1", y, code)))
        y = self.convolution(f"{name}.conv_2", self.norm(f"{name}.bn_2", y, code))
        y = self.convolution(f"{name}.conv_3", self.norm(f"{name}.bn_3", y, code))
        return y + twice(x[..., : block.n_out])

    def attention(self, name: str, x: Array) -> Array:
        def largest_of_four(y: Array) -> Array:
            half = len(y) // 2
            return y.reshape(half, 2, half, 2, -1).max(axis=(1, 3)).reshape(half * half, -1)

        places = len(x) ** 2
        theta = self.convolution(f"{name}.snconv1x1_theta", x, bias=False).reshape(places, -1)
        phi = largest_of_four(self.convolution(f"{name}.snconv1x1_phi", x, bias=False))
        g = largest_of_four(self.convolution(f"{name}.snconv1x1_g", x, bias=False))
        likeness = theta @ phi.T
        likeness = np.exp(likeness - likeness.max(axis=1, keepdims=True))
        taken = (likeness / likeness.sum(axis=1, keepdims=True)) @ g
        taken = taken.reshape(*x.shape[:2], -1)
        return x + self.array(f"{name}.gamma") * self.convolution(
            f"{name}.snconv1x1_o_conv", taken, bias=False
        )

    def image(self, code: Array) -> Array:
        """Return pixels ``(h, w, 3)`` in -1..1."""
        x = self.normed("gen_z") @ code + self.array("gen_z.bias")
        x = x.reshape(4, 4, -1)
        place = 0
        for index, block in enumerate(self.variant.blocks):
            if index == self.variant.attention_at:
                x, place = self.attention(f"layers.{place}", x), place + 1
            x, place = self.block(f"layers.{place}", block, x, code), place + 1
        x = self.convolution("conv_to_rgb", self.norm("bn", x, None))
        return np.tanh(x[..., :3])


@pytest.mark.parametrize("truncation", [0.58, 0.7, 0.713, 1.0])
def test_pixels_are_those_of_an_independent_implementation(truncation: float) -> None:
    weights = with_everything_drawn(TINY)
    generator = BigGanGenerator(weights, truncation)
    codes = generator.initial_codes(2, np.random.default_rng(1))

    pixels = generator.torch_pixels(torch.from_numpy(codes)).permute(0, 2, 3, 1).numpy()
    images = generator.render(codes)

    for code, pixel, image in zip(codes, pixels, images, strict=True):
        wanted = 0.5 + 0.5 * InNumpy(weights, truncation).image(code.astype(np.float64))
        assert wanted.std() > 0.1
        np.testing.assert_allclose(pixel, wanted, atol=2e-5)
        np.testing.assert_allclose(image, 255.0 * wanted, atol=0.5 + 1e-2)


def test_at_a_truncation_of_the_table_its_row_is_used_exactly() -> None:
    weights = with_everything_drawn(TINY)

    for row in range(1, 51):
        mean = folded(weights.tensors, row / 50)["bn.mean"]
        assert torch.equal(mean, weights.tensors["generator.bn.running_means"][row]), row


def test_random_weights_say_so_and_give_moderate_contrast() -> None:
    full = VARIANTS["biggan_deep_128"]
    blocks = tuple(Block(b.n_in // 8, b.n_out // 8, b.doubles) for b in full.blocks)
    generator = BigGanGenerator(draw_weights(replace(full, blocks=blocks), 0), 0.7)
    images = generator.render(generator.initial_codes(2, np.random.default_rng(0)))

    assert generator.name == "biggan-deep-128-random"
    assert generator.provenance.startswith("UNTRAINED")
    assert generator.image_shape == (128, 128, 3)
    assert 15 < float(images.std()) < 80


def test_truncated_noise_has_the_variance_that_is_reckoned_and_an_end() -> None:
    drawn = truncated_normal(1000, 100, 0.7, np.random.default_rng(0))

    assert float(np.abs(drawn).max()) <= 2 * 0.7
    assert float(np.abs(drawn).max()) > 1.99 * 0.7
    assert float(drawn.var()) == pytest.approx(truncated_variance(0.7), rel=0.02)
    assert truncated_variance(1.0) == pytest.approx(0.7737, abs=1e-4)


def test_no_class_comes_twice_before_all_came_once() -> None:
    drawn = random_classes(25, 10, np.random.default_rng(0))

    assert sorted(drawn[:10]) == sorted(drawn[10:20]) == list(range(10))
    assert len(set(drawn[20:])) == 5
    assert list(drawn[:10]) != list(drawn[10:20])


class TestBothHalves(GeneratorContract, DifferentiableContract):
    @pytest.fixture(scope="class")
    @classmethod
    def generator(cls) -> Generator:
        return BigGanGenerator(draw_weights(TINY, 0), 0.7)


class TestOneHalf(GeneratorContract, DifferentiableContract):
    @pytest.fixture(scope="class", params=["noise", "class"])
    @classmethod
    def generator(cls, request: pytest.FixtureRequest) -> Generator:
        weights = draw_weights(TINY, 0)
        if request.param == "noise":
            return BigGanGenerator(weights, 0.7, frozen_noise(weights, 0.7, seed=3))
        return BigGanGenerator(weights, 0.7, frozen_class(weights, 12))


@pytest.mark.parametrize("half", ["noise", "class"])
def test_a_frozen_half_gives_the_images_of_whole_codes_with_that_half(half: str) -> None:
    weights = with_everything_drawn(TINY)
    whole = BigGanGenerator(weights, 0.7)
    if half == "noise":
        frozen = frozen_noise(weights, 0.7, seed=3)
        again = frozen_noise(weights, 0.7, seed=3)
    else:
        frozen, again = frozen_class(weights, 12), frozen_class(weights, 12)
    generator = BigGanGenerator(weights, 0.7, frozen)
    codes = generator.initial_codes(3, np.random.default_rng(5))

    fixed = np.repeat(frozen.values[None], 3, axis=0)
    halves = (fixed, codes) if half == "noise" else (codes, fixed)

    np.testing.assert_array_equal(generator.render(codes), whole.render(np.hstack(halves)))
    np.testing.assert_array_equal(frozen.values, again.values)
    assert generator.code_dim == len(codes[0]) == {"noise": 5, "class": 6}[half]
    assert frozen.origin in generator.provenance
    free = "class" if half == "noise" else "noise"
    assert generator.name == f"biggan-deep-32-{free}-random"


def test_a_frozen_class_is_that_row_of_the_embeddings() -> None:
    weights = draw_weights(TINY, 0)

    column = weights.tensors["embeddings.weight"][:, 12].numpy()

    np.testing.assert_array_equal(frozen_class(weights, 12).values, column)
    np.testing.assert_array_equal(weights.embeddings[12], column)


def test_first_codes_are_truncated_noise_and_embeddings_of_the_file() -> None:
    weights = draw_weights(TINY, 0)
    codes = BigGanGenerator(weights, 0.5).initial_codes(40, np.random.default_rng(2))

    known = {row.tobytes() for row in weights.embeddings}

    assert float(np.abs(codes[:, :6]).max()) <= 1.0
    assert {row.tobytes() for row in codes[:, 6:].copy()} <= known
    assert len({row.tobytes() for row in codes[:, 6:].copy()}) == 40


def test_the_digest_tells_whatever_changes_the_images() -> None:
    weights, other = draw_weights(TINY, 0), draw_weights(TINY, 1)
    generators = [
        BigGanGenerator(weights, 0.7),
        BigGanGenerator(weights, 0.8),
        BigGanGenerator(other, 0.7),
        BigGanGenerator(weights, 0.7, frozen_class(weights, 1)),
        BigGanGenerator(weights, 0.7, frozen_class(weights, 2)),
        BigGanGenerator(weights, 0.7, frozen_noise(weights, 0.7, 1)),
    ]

    assert len({generator.weights_sha256 for generator in generators}) == len(generators)
    assert BigGanGenerator(weights, 0.7).weights_sha256 == generators[0].weights_sha256


@pytest.mark.parametrize("truncation", [0.0, -0.5, 1.01, float("nan")])
def test_a_truncation_that_is_none_is_refused(truncation: float) -> None:
    with pytest.raises(SettingsError, match="above 0 and up to 1"):
        BigGanGenerator(draw_weights(TINY, 0), truncation)


def test_a_class_that_the_network_does_not_have_is_refused() -> None:
    with pytest.raises(SettingsError, match="this network has 70: choose 0 to 69"):
        frozen_class(draw_weights(TINY, 0), 70)
