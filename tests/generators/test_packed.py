"""Packed layers compute what the plain ones do, and are plain where they cannot be packed."""

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from generators import packed as module
from generators.packed import Layer, packed

LAYERS: dict[str, tuple[Layer, tuple[int, ...]]] = {
    "dense": (nn.Linear(48, 32), (16, 48)),
    "dense without bias": (nn.Linear(48, 32, bias=False), (1, 48)),
    "convolution": (nn.Conv2d(16, 24, 3, padding=1), (2, 16, 9, 9)),
    "strided convolution": (nn.Conv2d(16, 24, 3, stride=2), (1, 16, 9, 9)),
    "dilated convolution": (nn.Conv2d(16, 24, 3, dilation=2, bias=False), (1, 16, 9, 9)),
    "transposed": (nn.ConvTranspose2d(16, 24, 4, stride=2, padding=1), (1, 16, 8, 8)),
    "transposed with more rows": (
        nn.ConvTranspose2d(16, 8, 3, stride=2, padding=1, output_padding=1),
        (2, 16, 8, 8),
    ),
}


def drawn(shape: tuple[int, ...]) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(3))


@pytest.fixture(params=list(LAYERS))
def layer_and_input(request: pytest.FixtureRequest) -> tuple[Layer, Tensor]:
    layer, shape = LAYERS[request.param]
    numbers = torch.Generator().manual_seed(4)
    for parameter in layer.requires_grad_(False).parameters():
        parameter.copy_(0.1 * torch.randn(parameter.shape, generator=numbers))
    return layer, drawn(shape)


@pytest.mark.parametrize("slope", [None, 0.3, 0.0])
def test_a_packed_layer_computes_what_the_plain_one_does(
    layer_and_input: tuple[Layer, Tensor], slope: float | None
) -> None:
    layer, x = layer_and_input
    plain = layer(x) if slope is None else functional.leaky_relu(layer(x), slope)

    with torch.inference_mode():
        run = packed(layer, slope, x)
        found = run(x)

    assert run is not layer  # it was packed
    torch.testing.assert_close(found, plain, rtol=1e-5, atol=1e-5)


def test_weights_that_are_packed_stay_as_they_were() -> None:
    layer = nn.Conv2d(16, 24, 3)
    before = layer.weight.detach().clone()
    with torch.inference_mode():
        packed(layer, 0.1, drawn((1, 16, 9, 9)))(drawn((1, 16, 9, 9)))

    assert torch.equal(layer.weight, before)


def test_numbers_of_another_type_go_through_the_plain_layer() -> None:
    layer = nn.Linear(4, 3, dtype=torch.float64)
    x = drawn((2, 4)).double()

    assert packed(layer, None, x) is layer
    torch.testing.assert_close(packed(layer, 0.5, x)(x), functional.leaky_relu(layer(x), 0.5))


def test_without_the_operations_layers_are_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_has_operations", lambda: False)
    layer = nn.Linear(4, 3)

    assert packed(layer, None, drawn((2, 4))) is layer


def test_a_convolution_that_pads_with_other_things_than_zeros_is_plain() -> None:
    layer = nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect")

    assert packed(layer, None, drawn((1, 3, 8, 8))) is layer


class Twice(nn.Module):
    """One layer is given two shapes, one a single shape, and one nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.both, self.one, self.unused = nn.Conv2d(3, 3, 1), nn.Linear(12, 5), nn.Linear(2, 2)
        for parameter in self.requires_grad_(False).parameters():
            parameter.copy_(drawn(tuple(parameter.shape)))

    def forward(self, x: Tensor) -> Tensor:
        return self.one(self.both(self.both(x)[:, :, :2, :2]).flatten(1))


def test_layers_of_a_network_are_packed_where_they_are_given_one_shape() -> None:
    network, x = Twice(), drawn((2, 3, 4, 4))
    plain = network(x)

    module.pack_layers(network, lambda: network(x))

    assert "forward" in vars(network.one)
    assert not any("forward" in vars(layer) for layer in (network.both, network.unused))
    with torch.inference_mode():
        torch.testing.assert_close(network(x), plain, rtol=1e-5, atol=1e-5)
    here = x.clone().requires_grad_()
    network(here).sum().backward()
    assert here.grad is not None
    module.unpack_layers(network)
    assert "forward" not in vars(network.one)


def test_layers_that_cannot_be_packed_stay_plain() -> None:
    network, x = Twice().double(), drawn((2, 3, 4, 4)).double()
    plain = network(x)

    module.pack_layers(network, lambda: network(x))

    assert not any("forward" in vars(layer) for layer in network.modules())
    with torch.inference_mode():
        assert torch.equal(network(x), plain)


def test_layers_stay_plain_when_a_run_fails() -> None:
    network = Twice()

    def fail() -> None:
        network(drawn((2, 3, 4, 4)))
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        module.pack_layers(network, fail)
    assert not any("forward" in vars(layer) for layer in network.modules())
    assert not network.one._forward_pre_hooks


@pytest.mark.parametrize("name", list(LAYERS))
def test_weights_that_repeat_one_number_are_packed_rightly(name: str) -> None:
    layer, shape = LAYERS[name]
    expanded = copy.deepcopy(layer)
    expanded.weight = nn.Parameter(torch.full((1,), 0.01).expand(layer.weight.shape), False)
    if layer.bias is not None:
        expanded.bias = nn.Parameter(torch.full((1,), 0.2).expand(layer.bias.shape), False)
    x = drawn(shape)

    with torch.inference_mode():
        found = packed(expanded, None, x)(x)

    torch.testing.assert_close(found, expanded(x), rtol=1e-5, atol=1e-5)
