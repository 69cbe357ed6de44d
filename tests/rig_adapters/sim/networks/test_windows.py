"""Computing no more than units need: the same activations, from the extent of their fields."""

import numpy as np
import pytest
import torch

from rig_adapters.sim.neurons.networks.architectures import ARCHITECTURES, Architecture
from rig_adapters.sim.neurons.networks.drawing import drawn_parameters
from rig_adapters.sim.neurons.networks.network import Network, prepared
from rig_adapters.sim.neurons.networks.pictures import calibration_pictures
from rig_adapters.sim.neurons.networks.windows import extent, windowed

# Sides of the receptive fields of units that see nothing but picture, from kernels and strides
# alone: those of VGG16 and ResNet-50 as Araujo et al. 2019, *Computing receptive fields of
# convolutional neural networks*, have them.
SIDES = {
    "alexnet": {"conv1": 11, "conv2": 51, "conv3": 99, "conv4": 131, "conv5": 163},
    "vgg16": {"conv1_2": 5, "conv2_2": 14, "conv3_3": 40, "conv4_3": 92, "conv5_3": 196},
    "resnet50": {"conv1": 7, "layer1.2": 35, "layer2.3": 91},
}


@pytest.mark.parametrize("kind", list(ARCHITECTURES))
def test_extents_have_the_published_sides_and_are_in_the_middle(kind: str) -> None:
    architecture = ARCHITECTURES[kind]
    for layer, side in SIDES[kind].items():
        middle = architecture.map_px(layer, 227) // 2
        window = extent(architecture, layer, (middle, middle), 227)
        assert window.rows == window.columns
        assert window.rows[1] - window.rows[0] == side
        assert abs(sum(window.rows) / 2 - 113.5) <= 8


def test_at_the_edge_a_field_is_cut_off_and_a_dense_unit_sees_what_reaches_it() -> None:
    alexnet = ARCHITECTURES["alexnet"]
    corner = extent(alexnet, "conv1", (0, 55), 227)
    assert (corner.rows, corner.columns) == ((0, 9), (218, 227))
    # The last rows of conv5 that are pooled do not reach the last two of 227 pixels.
    assert extent(alexnet, "fc8", (0, 0), 227).spans == ((0, 225), (0, 225))
    assert extent(ARCHITECTURES["resnet50"], "fc", (0, 0), 227).spans == ((0, 227), (0, 227))


@pytest.fixture(scope="module")
def parameters(narrow: Architecture) -> dict[str, torch.Tensor]:
    pictures = prepared(torch.from_numpy(calibration_pictures()[:4]), 227)
    return drawn_parameters(narrow.layers, 6, pictures)


@pytest.mark.parametrize("seed", range(4))
def test_windows_change_no_activation(
    narrow: Architecture, parameters: dict[str, torch.Tensor], seed: int
) -> None:
    """Also of units in corners, and of several layers together."""
    rng = np.random.default_rng(seed)
    asked = rng.choice(len(narrow.layers), 3, replace=False)
    layers = narrow.layers[: asked.max() + 1]
    needed = {}
    for layer in (narrow.layers[k] for k in asked):
        side = narrow.map_px(layer.name, 227)
        ends = [(0, 0), (side - 1, side // 2), tuple(rng.integers(0, side, 2).tolist())]
        needed[layer.name] = ends[: seed + 1] if seed < 3 else ends
    pictures = torch.from_numpy(rng.standard_normal((2, 3, 227, 227)).astype(np.float32))

    parts = windowed(layers, needed, 227)
    with torch.inference_mode():
        full = {layer.name: x for layer, x in Network(layers, parameters).activations(pictures)}
        network = Network(parts.layers, parameters)
        cut = {layer.name: x for layer, x in network.activations(pictures)}

    for name, places in needed.items():
        for row, column in places:
            if narrow.layer(name).is_dense:
                found, wanted = cut[name], full[name]
            else:
                top, left = parts.origins[name]
                found = cut[name][:, :, row - top, column - left]
                wanted = full[name][:, :, row, column]
            torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


def test_a_window_is_all_that_is_computed() -> None:
    alexnet = ARCHITECTURES["alexnet"]
    layers = alexnet.through("conv5")
    shapes = alexnet.shapes("conv5")
    parameters = {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}
    parts = windowed(layers, {"conv5": [(6, 6)]}, 227)
    pictures = torch.empty((1, 3, 227, 227), device="meta")

    network = Network(parts.layers, parameters)
    sides = [tuple(made.shape[2:]) for _, made in network.activations(pictures)]

    assert sides == [(39, 39), (15, 15), (5, 5), (3, 3), (1, 1)]


def test_just_the_pixels_of_an_extent_reach_a_unit(narrow: Architecture) -> None:
    """With weights above 0 and no offsets, light is passed on wherever there is a way."""
    name = {"AlexNet": "conv5", "VGG16": "conv4_2", "ResNet-50": "layer2.1"}[narrow.title]
    place = (narrow.map_px(name, 227) // 2, 1)
    parameters = {
        key: torch.full(shape, 0.0 if key.endswith(("bias", "mean")) else 1.0 / np.prod(shape[1:]))
        for key, shape in narrow.shapes(name).items()
    }
    network = Network(narrow.through(name), parameters)
    window = extent(narrow, name, place, 227)
    (top, bottom), (left, right) = window.spans
    assert left == 0 < top < bottom < 227 > right
    pictures = torch.zeros((6, 3, 227, 227))
    for k, row in enumerate((top - 1, bottom, top, bottom - 1)):
        pictures[k, :, row] = 1.0
    pictures[4, :, :, right], pictures[5, :, :, right - 1] = 1.0, 1.0

    with torch.inference_mode():
        *_, (_, made) = network.activations(pictures)

    reached = (made[:, 0, *place] > 0).tolist()
    assert reached == [False, False, True, True, False, True]
