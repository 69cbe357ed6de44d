"""The U-Net of EDM: published parameters, and its output beside a second one in plain numpy."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from generators.diffusion.denoisers import edm_denoiser, scalings
from generators.diffusion.song_unet import SongShape, SongUNet

Array = NDArray[np.float64]

# Each block: channels in and out, and whether it attends. From the published definition of the
# networks (NVlabs/edm, SongUNet as its training builds it with --arch=ddpmpp).
CIFAR_10 = {
    "enc.32x32_block0": (128, 256, False),
    **{f"enc.32x32_block{k}": (256, 256, False) for k in (1, 2, 3)},
    "enc.16x16_down": (256, 256, False),
    **{f"enc.16x16_block{k}": (256, 256, True) for k in range(4)},
    "enc.8x8_down": (256, 256, False),
    **{f"enc.8x8_block{k}": (256, 256, False) for k in range(4)},
    "dec.8x8_in0": (256, 256, True),
    "dec.8x8_in1": (256, 256, False),
    **{f"dec.8x8_block{k}": (512, 256, False) for k in range(5)},
    "dec.16x16_up": (256, 256, False),
    **{f"dec.16x16_block{k}": (512, 256, k == 4) for k in range(5)},
    "dec.32x32_up": (256, 256, False),
    **{f"dec.32x32_block{k}": (512, 256, False) for k in range(4)},
    "dec.32x32_block4": (384, 256, False),
}
FACES_64 = {
    **{f"enc.64x64_block{k}": (128, 128, False) for k in range(4)},
    "enc.32x32_down": (128, 128, False),
    **CIFAR_10,
    **{f"dec.32x32_block{k}": (512, 256, False) for k in range(4)},
    "dec.32x32_block4": (384, 256, False),
    "dec.64x64_up": (256, 256, False),
    "dec.64x64_block0": (384, 128, False),
    **{f"dec.64x64_block{k}": (256, 128, False) for k in (1, 2, 3, 4)},
}


def published(blocks: dict[str, tuple[int, int, bool]], px: int, n_last: int) -> dict[str, object]:
    """Every parameter of a network with these blocks, and its shape."""
    shapes: dict[str, object] = {
        "map_layer0.weight": (512, 128),
        "map_layer0.bias": (512,),
        "map_layer1.weight": (512, 512),
        "map_layer1.bias": (512,),
        f"enc.{px}x{px}_conv.weight": (128, 3, 3, 3),
        f"enc.{px}x{px}_conv.bias": (128,),
        f"dec.{px}x{px}_aux_norm.weight": (n_last,),
        f"dec.{px}x{px}_aux_norm.bias": (n_last,),
        f"dec.{px}x{px}_aux_conv.weight": (3, n_last, 3, 3),
        f"dec.{px}x{px}_aux_conv.bias": (3,),
    }
    for name, (n_in, n_out, attends) in blocks.items():
        layers = {"conv0": (n_out, n_in, 3, 3), "conv1": (n_out, n_out, 3, 3)}
        layers |= {"affine": (n_out, 512), "norm0": (n_in,), "norm1": (n_out,)}
        if n_in != n_out or name.endswith(("_up", "_down")):
            layers["skip"] = (n_out, n_in, 1, 1)
        if attends:
            layers |= {"norm2": (n_out,), "qkv": (3 * n_out, n_out, 1, 1)}
            layers["proj"] = (n_out, n_out, 1, 1)
        for layer, shape in layers.items():
            shapes |= {f"{name}.{layer}.weight": shape, f"{name}.{layer}.bias": shape[:1]}
    return shapes


@pytest.mark.parametrize(
    ("shape", "blocks", "n_parameters"),
    [
        (SongShape(32, 3, 128, (2, 2, 2), 4, (16,)), CIFAR_10, 55_733_891),
        (SongShape(64, 3, 128, (1, 2, 2, 2), 4, (16,)), FACES_64, 61_805_571),
    ],
    ids=["CIFAR-10", "FFHQ and AFHQ"],
)
def test_the_published_networks_have_the_published_parameters(
    shape: SongShape, blocks: dict[str, tuple[int, int, bool]], n_parameters: int
) -> None:
    with torch.device("meta"):
        network = SongUNet(shape)
    found = {name: tuple(value.shape) for name, value in network.state_dict().items()}

    assert found == published(blocks, shape.map_px, shape.width * shape.multiples[0])
    of_augmentation = 9 * 128
    assert sum(p.numel() for p in network.parameters()) + of_augmentation == n_parameters


class PlainNetwork:
    """The small network again, from the names in its file, one picture at a time."""

    def __init__(self, parameters: dict[str, torch.Tensor]) -> None:
        self._values = {k: v.numpy().astype(np.float64) for k, v in parameters.items()}

    def __call__(self, picture: Array, label: float) -> Array:
        phases = label * (1 / 10_000) ** (np.arange(4) / 3)
        told = self.dense("map_layer0", np.concatenate([np.sin(phases), np.cos(phases)]))
        told = silu(self.dense("map_layer1", silu(told)))

        first = self.conv("enc.8x8_conv", picture)
        second = self.block("enc.8x8_block0", first, told)
        third = self.block("enc.4x4_down", second, told, halve)
        fourth = self.block("enc.4x4_block0", third, told)
        x = self.block("dec.4x4_in0", fourth, told)
        x = self.block("dec.4x4_in1", x, told)
        x = self.block("dec.4x4_block0", np.concatenate([x, fourth]), told)
        x = self.block("dec.4x4_block1", np.concatenate([x, third]), told)
        x = self.block("dec.8x8_up", x, told, double)
        x = self.block("dec.8x8_block0", np.concatenate([x, second]), told)
        x = self.block("dec.8x8_block1", np.concatenate([x, first]), told)
        return self.conv("dec.8x8_aux_conv", silu(self.norm("dec.8x8_aux_norm", x)))

    def dense(self, name: str, x: Array) -> Array:
        product: Array = self._values[f"{name}.weight"] @ x + self._values[f"{name}.bias"]
        return product

    def conv(self, name: str, x: Array) -> Array:
        kernel, bias = self._values[f"{name}.weight"], self._values[f"{name}.bias"]
        reach = kernel.shape[2] // 2
        height, width = x.shape[1:]
        wide = np.pad(x, ((0, 0), (reach, reach), (reach, reach)))
        total: Array = np.zeros((len(kernel), height, width)) + bias[:, None, None]
        for i in range(kernel.shape[2]):
            for j in range(kernel.shape[3]):
                seen = wide[:, i : i + height, j : j + width]
                total += np.einsum("oc,chw->ohw", kernel[:, :, i, j], seen)
        return total

    def norm(self, name: str, x: Array) -> Array:
        groups = x.reshape(len(x) // 4, -1)
        centred = groups - groups.mean(axis=1, keepdims=True)
        even = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-6)
        weight, bias = self._values[f"{name}.weight"], self._values[f"{name}.bias"]
        normed: Array = even.reshape(x.shape) * weight[:, None, None] + bias[:, None, None]
        return normed

    def block(self, name: str, x: Array, told: Array, resize=lambda x: x) -> Array:  # type: ignore[no-untyped-def]
        hidden = self.conv(f"{name}.conv0", resize(silu(self.norm(f"{name}.norm0", x))))
        hidden = hidden + self.dense(f"{name}.affine", told)[:, None, None]
        hidden = self.conv(f"{name}.conv1", silu(self.norm(f"{name}.norm1", hidden)))
        has_skip = f"{name}.skip.weight" in self._values
        x = (hidden + (self.conv(f"{name}.skip", resize(x)) if has_skip else x)) / np.sqrt(2)
        if f"{name}.qkv.weight" not in self._values:
            return x
        mixed = self.conv(f"{name}.qkv", self.norm(f"{name}.norm2", x)).reshape(3 * len(x), -1)
        query, key, value = mixed[0::3], mixed[1::3], mixed[2::3]
        likeness = np.exp(query.T @ key / np.sqrt(len(x)))
        seen = value @ (likeness / likeness.sum(axis=1, keepdims=True)).T
        attended: Array = (self.conv(f"{name}.proj", seen.reshape(x.shape)) + x) / np.sqrt(2)
        return attended


def silu(x: Array) -> Array:
    positive: Array = x / (1 + np.exp(-x))
    return positive


def halve(x: Array) -> Array:
    mean: Array = (x[:, ::2, ::2] + x[:, 1::2, ::2] + x[:, ::2, 1::2] + x[:, 1::2, 1::2]) / 4
    return mean


def double(x: Array) -> Array:
    return x.repeat(2, axis=1).repeat(2, axis=2)


def test_outputs_are_those_of_an_independent_implementation(small_network: SongUNet) -> None:
    rng = np.random.default_rng(0)
    pictures, labels = rng.standard_normal((2, 3, 8, 8)), np.array([-1.5, 0.9])
    plain = PlainNetwork(small_network.state_dict())

    found = small_network(
        torch.from_numpy(pictures).float(), torch.from_numpy(labels).float()
    ).numpy()

    wanted = np.stack([plain(x, label) for x, label in zip(pictures, labels, strict=True)])
    assert wanted.std() > 0.1
    np.testing.assert_allclose(found, wanted, atol=2e-5)


def test_the_noise_level_matters(small_network: SongUNet) -> None:
    x = torch.ones(1, 3, 8, 8)
    low, high = (small_network(x, torch.tensor([label])) for label in (-1.0, 1.0))

    assert (low - high).abs().max() > 1e-3


@pytest.mark.parametrize("sigma", [0.002, 0.5, 80.0])
def test_preconditioning_keeps_input_and_goal_at_unit_variance(sigma: float) -> None:
    c_skip, c_out, c_in, c_noise = scalings(sigma, 0.5)

    assert c_in**2 * (0.5**2 + sigma**2) == pytest.approx(1.0)
    # What the network has to say, (picture - c_skip x) / c_out, has variance 1 as well.
    left = (1 - c_skip) ** 2 * 0.5**2 + c_skip**2 * sigma**2
    assert left / c_out**2 == pytest.approx(1.0)
    assert c_noise == pytest.approx(np.log(sigma) / 4)


def test_a_folded_network_sees_squares_of_pixels_as_places() -> None:
    seen = []

    def network(x: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        seen.append((x, noise))
        return x

    x = torch.arange(48.0).reshape(1, 3, 4, 4)
    denoised = edm_denoiser(network, sigma_data=0.5, fold=2)(x, 2.0)

    c_skip, c_out, c_in, c_noise = scalings(2.0, 0.5)
    torch.testing.assert_close(denoised, (c_skip + c_out * c_in) * x)
    assert seen[0][0].shape == (1, 12, 2, 2)
    torch.testing.assert_close(seen[0][0][0, :4, 0, 0], c_in * x[0, 0, :2, :2].flatten())
    assert seen[0][1].tolist() == pytest.approx([c_noise])
