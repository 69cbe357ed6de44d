"""The three networks: parameters and maps beside torch's own layers and the published tables."""

import pytest
import torch
from torch import nn

from rig_adapters.sim.neurons.networks.architectures import ARCHITECTURES
from rig_adapters.sim.neurons.networks.network import Network

# As torchvision's documentation of its weights gives them.
N_PARAMETERS = {"alexnet": 61_100_840, "vgg16": 138_357_544, "resnet50": 25_557_032}
VGG_CONVOLUTIONS = {
    "conv1_1": 0, "conv1_2": 2, "conv2_1": 5, "conv2_2": 7, "conv3_1": 10, "conv3_2": 12,
    "conv3_3": 14, "conv4_1": 17, "conv4_2": 19, "conv4_3": 21, "conv5_1": 24, "conv5_2": 26,
    "conv5_3": 28,
}  # fmt: skip

# Features and side of the maps, for an input of 224 px: He et al. 2016, Table 1, and Simonyan &
# Zisserman 2015, Table 1; for AlexNet as Krizhevsky 2014 computes.
PUBLISHED_MAPS = {
    "alexnet": {
        "conv1": (64, 55), "conv2": (192, 27), "conv3": (384, 13), "conv4": (256, 13),
        "conv5": (256, 13), "fc6": (4096, 1), "fc7": (4096, 1), "fc8": (1000, 1),
    },
    "vgg16": {
        "conv1_2": (64, 224), "conv2_2": (128, 112), "conv3_3": (256, 56), "conv4_3": (512, 28),
        "conv5_3": (512, 14), "fc6": (4096, 1), "fc7": (4096, 1), "fc8": (1000, 1),
    },
    "resnet50": {
        "conv1": (64, 112), "layer1.2": (256, 56), "layer2.3": (512, 28), "layer3.5": (1024, 14),
        "layer4.2": (2048, 7), "fc": (1000, 1),
    },
}  # fmt: skip
# What the published benchmark recorded from, with its input of 227 px.
PUBLISHED_UNITS = {
    ("alexnet", "conv2"): 13, ("alexnet", "conv3"): 6, ("alexnet", "conv4"): 6,
    ("alexnet", "conv5"): 6, ("resnet50", "layer1.2"): 28, ("resnet50", "layer2.3"): 14,
    ("resnet50", "layer3.5"): 7, ("resnet50", "layer4.2"): 4,
}  # fmt: skip
every_kind = pytest.mark.parametrize("kind", list(ARCHITECTURES))


class Bottleneck(nn.Module):
    """Torchvision's block, for its names alone."""

    def __init__(self, n_in: int, width: int, *, first: bool) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(n_in, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, bias=False), nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        if first:
            past = nn.Conv2d(n_in, 4 * width, 1, bias=False)
            self.downsample = nn.Sequential(past, nn.BatchNorm2d(4 * width))


def torchvision_like(kind: str) -> nn.Module:
    """Build modules that call their parameters as torchvision's do."""
    network = nn.Module()
    if kind == "resnet50":
        network.conv1, network.bn1 = nn.Conv2d(3, 64, 7, bias=False), nn.BatchNorm2d(64)
        n_in = 64
        for stage, (width, count) in enumerate([(64, 3), (128, 4), (256, 6), (512, 3)], 1):
            blocks = []
            for number in range(count):
                blocks.append(Bottleneck(n_in, width, first=number == 0))
                n_in = 4 * width
            setattr(network, f"layer{stage}", nn.Sequential(*blocks))
        network.fc = nn.Linear(2048, 1000)
        return network
    features: list[nn.Module] = []
    if kind == "alexnet":
        for n_in, n_out, size, pooled in (
            (3, 64, 11, True),
            (64, 192, 5, True),
            (192, 384, 3, False),
            (384, 256, 3, False),
            (256, 256, 3, True),
        ):
            features += [nn.Conv2d(n_in, n_out, size), nn.ReLU()]
            features += [nn.MaxPool2d(3)] if pooled else []
        classifier = [nn.Dropout(), nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout()]
        classifier += [nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, 1000)]
    else:
        n_in = 3
        for n_out in [64, 64, 0, 128, 128, 0, *[256] * 3, 0, *[512] * 3, 0, *[512] * 3, 0]:
            features += [nn.Conv2d(n_in, n_out, 3), nn.ReLU()] if n_out else [nn.MaxPool2d(2)]
            n_in = n_out or n_in
        classifier = [nn.Linear(25088, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096)]
        classifier += [nn.ReLU(), nn.Dropout(), nn.Linear(4096, 1000)]
    network.features, network.classifier = nn.Sequential(*features), nn.Sequential(*classifier)
    return network


@every_kind
def test_parameters_have_the_names_and_shapes_of_torchvision(kind: str) -> None:
    with torch.device("meta"):
        state = torchvision_like(kind).state_dict()
    wanted = {
        name: tuple(tensor.shape)
        for name, tensor in state.items()
        if not name.endswith("num_batches_tracked")
    }
    learned = sum(t.numel() for name, t in state.items() if "running" not in name and t.ndim)

    assert ARCHITECTURES[kind].shapes() == wanted
    assert learned == N_PARAMETERS[kind]


@every_kind
@pytest.mark.parametrize("input_px", [224, 227])
def test_maps_have_the_published_sizes(kind: str, input_px: int) -> None:
    architecture = ARCHITECTURES[kind]
    parameters = {
        name: torch.empty(shape, device="meta") for name, shape in architecture.shapes().items()
    }
    network = Network(architecture.layers, parameters)
    pictures = torch.empty((1, 3, input_px, input_px), device="meta")

    shapes = {layer.name: tuple(made.shape) for layer, made in network.activations(pictures)}

    assert tuple(shapes) == architecture.layer_names
    for name, shape in shapes.items():
        layer, side = architecture.layer(name), architecture.map_px(name, input_px)
        assert shape == ((1, layer.n_features) if layer.is_dense else (1, shape[1], side, side))
        assert shape[1] == layer.n_features
        if input_px == 224 and name in PUBLISHED_MAPS[kind]:
            assert (shape[1], side) == PUBLISHED_MAPS[kind][name]
        if input_px == 227 and (kind, name) in PUBLISHED_UNITS:
            assert side // 2 == PUBLISHED_UNITS[kind, name]


def test_layers_are_called_by_what_they_truly_are() -> None:
    """The tables of the published benchmark have fc6 and fc7 of AlexNet the wrong way round."""
    alexnet, vgg16 = ARCHITECTURES["alexnet"], ARCHITECTURES["vgg16"]
    assert [alexnet.layer(f"fc{k}").weighted[0].name for k in (6, 7, 8)] == [
        "classifier.1",
        "classifier.4",
        "classifier.6",
    ]
    assert {layer.name: layer.weighted[0].name for layer in vgg16.layers if not layer.is_dense} == {
        name: f"features.{index}" for name, index in VGG_CONVOLUTIONS.items()
    }


@every_kind
def test_only_logits_may_be_negative(kind: str) -> None:
    *layers, last = ARCHITECTURES[kind].layers
    assert all(layer.is_rectified for layer in layers)
    assert not last.is_rectified
