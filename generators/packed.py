"""Layers as oneDNN computes them fastest on a CPU: weights laid out once, rectification fused in.

torch's own layers lay out their weights anew in every call and write each map twice, before and
after its rectification. The operations used here are those that torch's compiler emits for the same
purpose; they have no documentation and no gradient. Where they are missing (another device, number
type or build of torch) the plain layer is used. Left out: which layers a network has.

Pixels differ from those of the plain layers by rounding alone (decision 0032).
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

Layer = nn.Linear | nn.Conv2d | nn.ConvTranspose2d
_LAYERS = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
Run = Callable[[Tensor], Tensor]
Rectification = tuple[str, list[float]]


def packed(layer: Layer, slope: float | None, example: Tensor) -> Run:
    """Return what computes `layer`, followed by a leaky rectification unless `slope` is None.

    Args:
        layer: a dense layer, or a convolution or transposed convolution with zero padding; its
            weights are not going to change.
        slope: of the rectification below zero.
        example: an input as it is going to be given, ``(n, ...)``.

    """
    if not _can_pack(layer, example):
        return _plain(layer, slope)
    rectification = ("none", []) if slope is None else ("leaky_relu", [slope])
    if isinstance(layer, nn.Linear):
        return _packed_dense(layer, rectification, example)
    return _packed_convolution(layer, rectification, example)


def _packed_dense(layer: nn.Linear, rectification: Rectification, example: Tensor) -> Run:
    mkldnn, bias = torch.ops.mkldnn, None if layer.bias is None else _whole(layer.bias)
    laid_out = mkldnn._reorder_linear_weight(_whole(layer.weight), len(example))

    def dense(x: Tensor) -> Tensor:
        result: Tensor = mkldnn._linear_pointwise(x, laid_out, bias, *rectification, "")
        return result

    return dense


def _packed_convolution(
    layer: nn.Conv2d | nn.ConvTranspose2d, rectification: Rectification, example: Tensor
) -> Run:
    # Maps stay in this format from layer to layer, where each gives out what it is given.
    channels_last = torch.channels_last
    padding, stride, dilation = list(layer.padding), list(layer.stride), list(layer.dilation)
    weight, size = _whole(layer.weight), list(example.shape)
    bias = None if layer.bias is None else _whole(layer.bias)
    mkldnn, rest = torch.ops.mkldnn, (layer.groups, *rectification, "")
    if isinstance(layer, nn.ConvTranspose2d):
        extra = list(layer.output_padding)
        laid_out = mkldnn._reorder_convolution_transpose_weight(
            weight, padding, extra, stride, dilation, layer.groups, size
        )

        def transposed(x: Tensor) -> Tensor:
            result: Tensor = mkldnn._convolution_transpose_pointwise(
                x.contiguous(memory_format=channels_last),
                laid_out,
                bias,
                padding,
                extra,
                stride,
                dilation,
                *rest,
            )
            return result

        return transposed
    laid_out = mkldnn._reorder_convolution_weight(
        weight, padding, stride, dilation, layer.groups, size
    )

    def convolved(x: Tensor) -> Tensor:
        result: Tensor = mkldnn._convolution_pointwise(
            x.contiguous(memory_format=channels_last),
            laid_out,
            bias,
            padding,
            stride,
            dilation,
            *rest,
        )
        return result

    return convolved


def pack_layers(network: nn.Module, run: Callable[[], object]) -> None:
    """Have the dense and convolutional layers of a network computed packed from now on.

    Only in inference mode, and only those that are given one and the same shape in a `run` of the
    network; the others, and all of them where gradients are wanted, stay plain.
    """
    inputs: dict[Layer, list[Tensor]] = {}

    def note(layer: nn.Module, given: tuple[Tensor, ...]) -> None:
        inputs.setdefault(layer, []).append(given[0])  # type: ignore[arg-type]  # only of layers

    unpack_layers(network)
    layers = [layer for layer in network.modules() if type(layer) in _LAYERS]
    watches = [layer.register_forward_pre_hook(note) for layer in layers]
    try:
        run()
    finally:
        for watch in watches:
            watch.remove()
    for layer, given in inputs.items():
        fast = packed(layer, None, given[0])
        # What cannot be packed is the layer itself, and would call itself for ever.
        if len({x.shape for x in given}) == 1 and fast is not layer:
            vars(layer)["forward"] = _either(layer.forward, fast)


def unpack_layers(network: nn.Module) -> None:
    """Have all layers of a network computed as torch does by itself."""
    for layer in network.modules():
        vars(layer).pop("forward", None)


def _either(plain: Run, fast: Run) -> Run:
    def forward(x: Tensor) -> Tensor:
        return fast(x) if torch.is_inference_mode_enabled() else plain(x)

    return forward


def _plain(layer: Layer, slope: float | None) -> Run:
    if slope is None:
        return layer
    return lambda x: functional.leaky_relu(layer(x), slope)


def _can_pack(layer: Layer, example: Tensor) -> bool:
    here = example.device.type == "cpu" and example.dtype in (torch.float32, torch.bfloat16)
    dense = isinstance(layer, nn.Linear)
    usual = dense or (layer.padding_mode == "zeros" and not isinstance(layer.padding, str))
    has_mkldnn = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]  # no type
    return bool(here and usual and has_mkldnn and _has_operations())


def _whole(weight: Tensor) -> Tensor:
    """Return weights in a memory format that the operations read rightly.

    They misread those that repeat one number, as an expanded tensor does.
    """
    plain = weight.detach()
    if plain.ndim == 4 and plain.is_contiguous(memory_format=torch.channels_last):
        return plain
    return plain.contiguous()


def _has_operations() -> bool:
    names = (
        "_reorder_convolution_weight",
        "_reorder_convolution_transpose_weight",
        "_convolution_pointwise",
        "_convolution_transpose_pointwise",
        "_reorder_linear_weight",
        "_linear_pointwise",
    )
    return all(hasattr(torch.ops.mkldnn, name) for name in names)
