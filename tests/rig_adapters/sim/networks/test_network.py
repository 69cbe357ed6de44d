"""What networks compute, beside a second implementation in plain numpy."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from rig_adapters.sim.neurons.networks.architectures import Architecture
from rig_adapters.sim.neurons.networks.drawing import drawn_parameters
from rig_adapters.sim.neurons.networks.network import Network, prepared
from rig_adapters.sim.neurons.networks.pictures import calibration_pictures

Array = NDArray[np.float64]
Parameters = dict[str, Array]


def convolution(x: Array, kernel: Array, stride: int = 1, padding: int = 0) -> Array:
    """Sum of the shifted maps (n_in, h, w), each through its entry of the kernel."""
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    size = kernel.shape[2]
    side = (x.shape[1] - size) // stride + 1
    total = np.zeros((len(kernel), side, side))
    for i in range(size):
        for j in range(size):
            rows, columns = (slice(k, k + stride * (side - 1) + 1, stride) for k in (i, j))
            total += np.tensordot(kernel[:, :, i, j], x[:, rows, columns], axes=1)
    return total


def pooled(x: Array, size: int, stride: int, padding: int = 0) -> Array:
    edge = ((0, 0), (padding, padding), (padding, padding))
    x = np.pad(x, edge, constant_values=-np.inf)
    side = (x.shape[1] - size) // stride + 1
    shifted = [
        x[:, i : i + stride * (side - 1) + 1 : stride, j : j + stride * (side - 1) + 1 : stride]
        for i in range(size)
        for j in range(size)
    ]
    return np.max(shifted, axis=0)


def relu(x: Array) -> Array:
    return np.maximum(x, 0.0)


def biased(x: Array, p: Parameters, name: str, padding: int = 1, stride: int = 1) -> Array:
    bias = p[f"{name}.bias"][:, None, None]
    return relu(convolution(x, p[f"{name}.weight"], stride, padding) + bias)


def dense(x: Array, p: Parameters, name: str) -> Array:
    return p[f"{name}.weight"] @ x.reshape(-1) + p[f"{name}.bias"]


def alexnet(x: Array, p: Parameters) -> dict[str, Array]:
    made = {"conv1": biased(x, p, "features.0", padding=2, stride=4)}
    made["conv2"] = biased(pooled(made["conv1"], 3, 2), p, "features.3", padding=2)
    made["conv3"] = biased(pooled(made["conv2"], 3, 2), p, "features.6")
    made["conv4"] = biased(made["conv3"], p, "features.8")
    made["conv5"] = biased(made["conv4"], p, "features.10")
    made["fc6"] = relu(dense(pooled(made["conv5"], 3, 2), p, "classifier.1"))
    made["fc7"] = relu(dense(made["fc6"], p, "classifier.4"))
    made["fc8"] = dense(made["fc7"], p, "classifier.6")
    return made


def vgg16(x: Array, p: Parameters) -> dict[str, Array]:
    made, index = {}, 0
    for stage, count in enumerate((2, 2, 3, 3, 3), 1):
        for number in range(1, count + 1):
            x = made[f"conv{stage}_{number}"] = biased(x, p, f"features.{index}")
            index += 2
        x, index = pooled(x, 2, 2), index + 1
    made["fc6"] = relu(dense(x, p, "classifier.0"))
    made["fc7"] = relu(dense(made["fc6"], p, "classifier.3"))
    made["fc8"] = dense(made["fc7"], p, "classifier.6")
    return made


def resnet50(x: Array, p: Parameters) -> dict[str, Array]:
    def normal(x: Array, name: str) -> Array:
        weight, bias, mean, variance = (
            p[f"{name}.{part}"][:, None, None]
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        return (x - mean) / np.sqrt(variance + 1e-5) * weight + bias

    x = relu(normal(convolution(x, p["conv1.weight"], 2, 3), "bn1"))
    made = {"conv1": x}
    x = pooled(x, 3, 2, 1)
    for stage, count in enumerate((3, 4, 6, 3), 1):
        for number in range(count):
            at, stride = f"layer{stage}.{number}", 2 if stage > 1 and number == 0 else 1
            y = relu(normal(convolution(x, p[f"{at}.conv1.weight"]), f"{at}.bn1"))
            y = relu(normal(convolution(y, p[f"{at}.conv2.weight"], stride, 1), f"{at}.bn2"))
            y = normal(convolution(y, p[f"{at}.conv3.weight"]), f"{at}.bn3")
            if number == 0:
                past = convolution(x, p[f"{at}.downsample.0.weight"], stride)
                x = normal(past, f"{at}.downsample.1")
            x = made[at] = relu(y + x)
    made["fc"] = dense(x.mean(axis=(1, 2)), p, "fc")
    return made


BY_TITLE = {"AlexNet": alexnet, "VGG16": vgg16, "ResNet-50": resnet50}


@pytest.fixture(scope="module")
def parameters(narrow: Architecture) -> dict[str, torch.Tensor]:
    """Draw random weights, with what a trained network has beside them: offsets and scales."""
    pictures = prepared(torch.from_numpy(calibration_pictures()[:4]), 227)
    drawn = drawn_parameters(narrow.layers, 3, pictures)
    rng = torch.Generator().manual_seed(4)
    for name, tensor in drawn.items():
        if tensor.ndim == 1 and "running" not in name:
            drawn[name] = tensor + 0.2 * torch.randn(tensor.shape, generator=rng)
    return drawn


def test_every_layer_computes_what_an_independent_implementation_does(
    narrow: Architecture, parameters: dict[str, torch.Tensor]
) -> None:
    rng = np.random.default_rng(0)
    pictures = rng.standard_normal((2, 3, 227, 227)).astype(np.float32)
    plain = {name: tensor.double().numpy() for name, tensor in parameters.items()}

    with torch.inference_mode():
        network = Network(narrow.layers, parameters)
        found = {
            layer.name: made.numpy()
            for layer, made in network.activations(torch.from_numpy(pictures))
        }
    wanted = BY_TITLE[narrow.title](pictures[1].astype(np.float64), plain)

    assert tuple(found) == tuple(wanted)
    for name, values in wanted.items():
        assert values.std() > 0.1
        np.testing.assert_allclose(found[name][1], values, atol=1e-4 * np.abs(values).max())


def test_pictures_are_prepared_as_published() -> None:
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (5, 7, 3)).astype(np.float64)
    rows, columns = np.arange(227) * 4 / 226, np.arange(227) * 6 / 226
    across = np.array(
        [[np.interp(columns, np.arange(7), row[:, c]) for row in image] for c in range(3)]
    )
    whole = np.array(
        [[np.interp(rows, np.arange(5), across[c, :, k]) for k in range(227)] for c in range(3)]
    ).transpose(0, 2, 1)
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    wanted = (whole / 255 - mean[:, None, None]) / deviation[:, None, None]

    found = prepared(torch.from_numpy(image.astype(np.uint8)[None]), 227)[0]

    np.testing.assert_allclose(found.numpy(), wanted, atol=1e-4)
    # Corner pixels on corner pixels.
    np.testing.assert_allclose(found[:, 0, -1], (image[0, -1] / 255 - mean) / deviation, atol=1e-5)
