"""StyleGAN2, untrained: architecture, pixels beside plain numpy, both spaces, contract."""

from dataclasses import replace
from math import prod

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from generators.base import Generator
from generators.errors import SettingsError
from generators.stylegan2.checkpoints import StyleGanWeights, draw_weights
from generators.stylegan2.generator import Space, StyleGanGenerator
from generators.stylegan2.variants import Variant, published
from generators.testing.differentiable_contract import DifferentiableContract
from generators.testing.generator_contract import GeneratorContract

Array = NDArray[np.float64]
TINY = Variant(style_dim=8, n_mapping=3, widths=(10, 9, 8, 6))

# Channels of config F at 4, 8, 16 ... pixels, and half of them from 64 pixels on for config E.
CHANNELS_F = (512, 512, 512, 512, 512, 256, 128, 64, 32)
CHANNELS_E = (512, 512, 512, 512, 256, 128, 64, 32, 16)


def published_shapes(size: int, channels: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """Write down every tensor of a published network but its filters."""
    shapes: dict[str, tuple[int, ...]] = {"input.input": (1, 512, 4, 4)}
    for layer in range(1, 9):
        shapes[f"style.{layer}.weight"], shapes[f"style.{layer}.bias"] = (512, 512), (512,)

    def convolution(name: str, n_in: int, n_out: int, pixels: int, number: int) -> None:
        shapes[f"{name}.conv.weight"] = (1, n_out, n_in, 3, 3)
        shapes[f"{name}.conv.modulation.weight"] = (n_in, 512)
        shapes[f"{name}.conv.modulation.bias"] = (n_in,)
        shapes[f"{name}.noise.weight"] = (1,)
        shapes[f"{name}.activate.bias"] = (n_out,)
        shapes[f"noises.noise_{number}"] = (1, 1, pixels, pixels)

    def colours(name: str, n_in: int) -> None:
        shapes[f"{name}.conv.weight"] = (1, 3, n_in, 1, 1)
        shapes[f"{name}.conv.modulation.weight"] = (n_in, 512)
        shapes[f"{name}.conv.modulation.bias"] = (n_in,)
        shapes[f"{name}.bias"] = (1, 3, 1, 1)

    convolution("conv1", 512, 512, 4, 0)
    colours("to_rgb1", 512)
    pixels, place = 8, 0
    while pixels <= size:
        before, now = channels[place], channels[place + 1]
        convolution(f"convs.{2 * place}", before, now, pixels, 2 * place + 1)
        convolution(f"convs.{2 * place + 1}", now, now, pixels, 2 * place + 2)
        colours(f"to_rgbs.{place}", now)
        pixels, place = 2 * pixels, place + 1
    return shapes


@pytest.mark.parametrize("size", [256, 512, 1024])
@pytest.mark.parametrize(("multiplier", "channels"), [(2, CHANNELS_F), (1, CHANNELS_E)])
def test_the_network_has_the_published_tensors(
    size: int, multiplier: int, channels: tuple[int, ...]
) -> None:
    variant = published(size, multiplier)

    assert variant.shapes == published_shapes(size, channels)
    assert variant.image_size_px == size


def test_the_number_of_parameters_is_what_the_official_program_prints() -> None:
    """For 1024 pixels and a mapping of two layers, as stylegan2-ada-pytorch has it by default."""
    shapes = replace(published(1024, 2), n_mapping=2).shapes
    noise = {name: shape for name, shape in shapes.items() if name.startswith("noises.")}
    n_noise, n_filters = sum(map(prod, noise.values())), 26 * 16

    assert sum(map(prod, shapes.values())) - n_noise == 28_794_124
    assert n_noise + n_filters + 512 == 2_797_104
    assert sum(prod(s) for n, s in shapes.items() if n.startswith("convs.14.")) == 51_297


def with_everything_drawn(variant: Variant, seed: int = 3) -> StyleGanWeights:
    """Give weights of which nothing is zero, one or alike."""
    weights, rng = draw_weights(variant, 0), np.random.default_rng(seed)
    tensors = dict(weights.tensors)
    for name, tensor in tensors.items():
        drawn = torch.from_numpy(rng.standard_normal(tensor.shape).astype(np.float32))
        if name.startswith("style.") and name.endswith("bias"):
            tensors[name] = 30.0 * drawn
        elif name.endswith(("bias", "noise.weight")):
            tensors[name] = tensor + 0.3 * drawn
    mean = torch.from_numpy(rng.standard_normal(variant.style_dim).astype(np.float32))
    return replace(weights, tensors=tensors, mean_style=mean)


class InNumpy:
    """StyleGAN2 of one code in float64, after the publication: weights modulated, then filtered."""

    def __init__(self, weights: StyleGanWeights) -> None:
        self.tensors, self.variant = weights.tensors, weights.variant

    def array(self, name: str) -> Array:
        return self.tensors[name].numpy().astype(np.float64)

    @staticmethod
    def leaky(x: Array) -> Array:
        return np.where(x > 0, x, 0.2 * x) * np.sqrt(2.0)

    def style(self, z: Array) -> Array:
        w = z / np.sqrt(np.mean(z**2) + 1e-8)
        for layer in range(1, self.variant.n_mapping + 1):
            weight = self.array(f"style.{layer}.weight") * 0.01 / np.sqrt(len(w))
            w = self.leaky(weight @ w + 0.01 * self.array(f"style.{layer}.bias"))
        return w

    def modulated(self, name: str, w: Array) -> Array:
        weight = self.array(f"{name}.conv.weight")[0]
        modulation = self.array(f"{name}.conv.modulation.weight") / np.sqrt(len(w))
        style = modulation @ w + self.array(f"{name}.conv.modulation.bias")
        return weight / np.sqrt(weight[0].size) * style[None, :, None, None]

    @staticmethod
    def filtered(x: Array, kernel: Array) -> Array:
        """Correlate ``(channels, h, w)`` with a kernel ``(out, in, k, k)``, without padding."""
        size = kernel.shape[-1]
        height, width = x.shape[1] - size + 1, x.shape[2] - size + 1
        total = np.zeros((len(kernel), height, width))
        for i in range(size):
            for j in range(size):
                part = x[:, i : i + height, j : j + width]
                total += np.einsum("oi,ihw->ohw", kernel[:, :, i, j], part)
        return total

    @staticmethod
    def upsampled(x: Array, before: int, after: int) -> Array:
        """Insert a zero after each pixel, pad, and correlate with 1 3 3 1, which keeps the mean."""
        channels, height, width = x.shape
        spread = np.zeros((channels, 2 * height, 2 * width))
        spread[:, ::2, ::2] = x
        spread = np.pad(spread, ((0, 0), (before, after), (before, after)))
        line = np.array([1.0, 3.0, 3.0, 1.0]) / 8.0
        kernel = 4.0 * np.outer(line, line)
        each = [InNumpy.filtered(m[None], kernel[None, None])[0] for m in spread]
        return np.stack(each)

    def convolution(self, name: str, number: int, x: Array, w: Array, doubles: bool) -> Array:
        kernel = self.modulated(name, w)
        kernel = kernel / np.sqrt((kernel**2).sum(axis=(1, 2, 3), keepdims=True) + 1e-8)
        if doubles:
            channels, height, width = x.shape
            spread = np.zeros((channels, 2 * height - 1, 2 * width - 1))
            spread[:, ::2, ::2] = x
            # A transposed convolution is one with the mirrored kernel over spread pixels.
            spread = np.pad(spread, ((0, 0), (2, 2), (2, 2)))
            x = self.filtered(spread, kernel[:, :, ::-1, ::-1])
            line = np.array([1.0, 3.0, 3.0, 1.0]) / 8.0
            blur = 4.0 * np.outer(line, line)[None, None]
            x = np.pad(x, ((0, 0), (1, 1), (1, 1)))
            x = np.stack([self.filtered(m[None], blur)[0] for m in x])
        else:
            x = self.filtered(np.pad(x, ((0, 0), (1, 1), (1, 1))), kernel)
        x = x + self.array(f"{name}.noise.weight") * self.array(f"noises.noise_{number}")[0]
        return self.leaky(x + self.array(f"{name}.activate.bias")[:, None, None])

    def colours(self, name: str, x: Array, w: Array) -> Array:
        kernel = self.modulated(name, w)[:, :, 0, 0]
        return np.einsum("oi,ihw->ohw", kernel, x) + self.array(f"{name}.bias")[0]

    def image(self, w: Array) -> Array:
        """Return pixels ``(h, w, 3)`` in -1..1 for a style."""
        x = self.convolution("conv1", 0, self.array("input.input")[0], w, doubles=False)
        rgb = self.colours("to_rgb1", x, w)
        for place in range(len(self.variant.widths) - 1):
            x = self.convolution(f"convs.{2 * place}", 2 * place + 1, x, w, doubles=True)
            x = self.convolution(f"convs.{2 * place + 1}", 2 * place + 2, x, w, doubles=False)
            rgb = self.colours(f"to_rgbs.{place}", x, w) + self.upsampled(rgb, 2, 1)
        return rgb.transpose(1, 2, 0)


@pytest.mark.parametrize("space", ["z", "w"])
@pytest.mark.parametrize("truncation", [1.0, 0.6])
def test_pixels_are_those_of_an_independent_implementation(space: Space, truncation: float) -> None:
    weights = with_everything_drawn(TINY)
    oracle = InNumpy(weights)
    generator = StyleGanGenerator(weights, space, truncation)
    codes = generator.initial_codes(2, np.random.default_rng(1))

    pixels = generator.torch_pixels(torch.from_numpy(codes)).permute(0, 2, 3, 1).numpy()
    images = generator.render(codes)

    assert weights.mean_style is not None
    mean = weights.mean_style.numpy().astype(np.float64)
    for code, pixel, image in zip(codes.astype(np.float64), pixels, images, strict=True):
        style = oracle.style(code) if space == "z" else code
        wanted = 0.5 + 0.5 * oracle.image(mean + truncation * (style - mean))
        assert wanted.std() > 0.1
        np.testing.assert_allclose(pixel, wanted, atol=2e-5)
        np.testing.assert_allclose(image, np.clip(255.0 * wanted, 0, 255), atol=0.5 + 1e-2)


def test_first_styles_belong_to_first_codes() -> None:
    weights = with_everything_drawn(TINY)
    z, w = (
        StyleGanGenerator(weights, space, 1.0).initial_codes(5, np.random.default_rng(4))
        for space in ("z", "w")
    )

    styles = [InNumpy(weights).style(code.astype(np.float64)) for code in z]

    np.testing.assert_allclose(w, styles, atol=1e-5)


def test_in_z_the_length_of_a_code_has_no_effect_and_in_w_it_has() -> None:
    weights = with_everything_drawn(TINY)
    for space, alike in (("z", True), ("w", False)):
        generator = StyleGanGenerator(weights, space, 1.0)
        code = generator.initial_codes(1, np.random.default_rng(4))
        near = generator.render(np.concatenate([code, 2 * code])).astype(int)
        assert (np.abs(near[0] - near[1]).max() <= 1) == alike, space


def test_a_mean_style_that_the_file_lacks_is_that_of_many_codes() -> None:
    weights = with_everything_drawn(TINY)
    code = np.ones((1, 8), np.float32)
    given = StyleGanGenerator(weights, "z", 0.5)
    taken = StyleGanGenerator(replace(weights, mean_style=None), "z", 0.5)
    rng = np.random.default_rng(9)
    styles = [InNumpy(weights).style(rng.standard_normal(8)) for _ in range(4000)]
    wanted = replace(weights, mean_style=torch.from_numpy(np.mean(styles, axis=0)).float())
    nearly = StyleGanGenerator(wanted, "z", 0.5)

    def pixels(generator: StyleGanGenerator) -> torch.Tensor:
        return generator.torch_pixels(torch.from_numpy(code))

    assert float((pixels(taken) - pixels(nearly)).abs().max()) < 0.05
    assert float((pixels(taken) - pixels(given)).abs().max()) > 0.1
    assert "towards the mean of 4096 random ones." in taken.provenance
    assert "towards the mean style of the file." in given.provenance


def test_random_weights_say_so_and_give_moderate_contrast() -> None:
    narrow = replace(published(128), widths=(64, 64, 64, 64, 32, 16))
    generator = StyleGanGenerator(draw_weights(narrow, 0), "z", 0.7)
    images = generator.render(generator.initial_codes(2, np.random.default_rng(0)))

    assert generator.name == "stylegan2-128-z-random"
    assert generator.provenance.startswith("UNTRAINED")
    assert (generator.code_dim, generator.image_shape) == (512, (128, 128, 3))
    assert 15 < float(images.std()) < 80


class TestInEitherSpace(GeneratorContract, DifferentiableContract):
    @pytest.fixture(scope="class", params=["z", "w"])
    @classmethod
    def generator(cls, request: pytest.FixtureRequest) -> Generator:
        return StyleGanGenerator(draw_weights(TINY, 0), request.param, 0.7)


def test_the_digest_tells_whatever_changes_the_images() -> None:
    weights, other = draw_weights(TINY, 0), draw_weights(TINY, 1)
    generators = [
        StyleGanGenerator(weights, "z", 0.7),
        StyleGanGenerator(weights, "w", 0.7),
        StyleGanGenerator(weights, "z", 0.8),
        StyleGanGenerator(other, "z", 0.7),
    ]

    assert len({generator.weights_sha256 for generator in generators}) == len(generators)
    assert StyleGanGenerator(weights, "z", 0.7).weights_sha256 == generators[0].weights_sha256


@pytest.mark.parametrize("truncation", [0.0, 1.5, float("nan")])
def test_a_truncation_that_is_none_is_refused(truncation: float) -> None:
    with pytest.raises(SettingsError, match="above 0 and up to 1"):
        StyleGanGenerator(draw_weights(TINY, 0), "z", truncation)


def test_rendering_leaves_global_state_of_torch_alone() -> None:
    before = torch.get_num_threads(), torch.is_grad_enabled(), torch.get_rng_state()
    generator = StyleGanGenerator(draw_weights(TINY, 0), "w", 0.7)
    generator.render(generator.initial_codes(1, np.random.default_rng(0)))

    assert (torch.get_num_threads(), torch.is_grad_enabled()) == before[:2]
    assert torch.equal(torch.get_rng_state(), before[2])
