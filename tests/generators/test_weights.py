"""Reading the fc6 weights in every layout in use, and refusing everything else."""

import hashlib
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from generators.deepsim_fc6 import DeepSimFc6Network
from generators.errors import SettingsError, WeightsError
from generators.weights import Fc6Weights, draw_fc6_weights, expected_shapes, read_fc6_weights

StateDict = dict[str, Tensor]
XDREAM_NAMES = {
    "defc7": "fc7", "defc6": "fc6", "defc5": "fc5", "deconv5": "tconv5_0", "conv5_1": "tconv5_1",
    "deconv4": "tconv4_0", "conv4_1": "tconv4_1", "deconv3": "tconv3_0", "conv3_1": "tconv3_1",
    "deconv2": "tconv2", "deconv1": "tconv1", "deconv0": "tconv0",
}  # fmt: skip


@pytest.fixture(scope="module")
def tensors() -> StateDict:
    """Draw every layer; large matrices are stored once per row, convolution biases are zero."""
    rng = torch.Generator().manual_seed(0)
    drawn: StateDict = {}
    for name, shape in expected_shapes().items():
        is_matrix = len(shape) == 2
        stored = torch.randn((*shape[:1], 1) if is_matrix else shape, generator=rng)
        is_zero = "conv" in name and name.endswith("bias")
        drawn[name] = torch.zeros(shape) if is_zero else stored.expand(shape)
    return drawn


def caffe_names(tensors: StateDict) -> StateDict:
    return tensors


def in_a_wrapper(tensors: StateDict) -> StateDict:
    return {f"G.{name}": tensor for name, tensor in tensors.items()}


def on_several_devices(tensors: StateDict) -> StateDict:
    return {f"module.G.{name}": tensor for name, tensor in tensors.items()}


def with_inner_sequences(tensors: StateDict) -> StateDict:
    return {name.replace(".", ".1."): tensor for name, tensor in tensors.items()}


def _renamed(tensors: StateDict, names: dict[str, str]) -> StateDict:
    renamed = {}
    for name, tensor in tensors.items():
        layer, parameter = name.split(".")
        if parameter == "weight" or "fc" in layer:
            renamed[f"{names[layer]}.{parameter}"] = tensor
    return renamed


def xdream(tensors: StateDict) -> StateDict:
    return _renamed(tensors, XDREAM_NAMES)


def older_xdream(tensors: StateDict) -> StateDict:
    older = {ours: theirs.replace("tconv", "deconv") for ours, theirs in XDREAM_NAMES.items()}
    return _renamed(tensors, older | {"defc7": "defc7", "defc6": "defc6", "defc5": "defc5"})


def in_double_precision(tensors: StateDict) -> StateDict:
    return {name: tensor.double() for name, tensor in tensors.items()}


@pytest.mark.parametrize(
    "layout",
    [
        caffe_names,
        in_a_wrapper,
        on_several_devices,
        with_inner_sequences,
        xdream,
        older_xdream,
        in_double_precision,
    ],
)
def test_every_layout_in_use_gives_the_same_weights(
    tensors: StateDict, tmp_path: Path, layout: Callable[[StateDict], StateDict]
) -> None:
    path = tmp_path / "weights.pt"
    torch.save(layout(tensors), path)

    read = read_fc6_weights(path)

    assert set(read.tensors) == set(expected_shapes())
    for name, tensor in tensors.items():
        assert torch.equal(read.tensors[name], tensor), name
    assert read.trained


def test_plain_convolutions_are_turned_into_transposed_ones_that_compute_the_same(
    tensors: StateDict, tmp_path: Path
) -> None:
    rng = torch.Generator().manual_seed(3)
    plain = dict(tensors)
    for layer, n_in, n_out in (("conv5_1", 256, 512), ("conv4_1", 256, 256), ("conv3_1", 128, 128)):
        plain[f"{layer}.weight"] = torch.randn(n_out, n_in, 3, 3, generator=rng)
        plain[f"{layer}.bias"] = torch.randn(n_out, generator=rng)
    path = tmp_path / "plain.pt"
    torch.save(plain, path)

    with torch.device("meta"):
        network = DeepSimFc6Network()
    network.load_state_dict(dict(read_fc6_weights(path).tensors), assign=True)
    network.requires_grad_(requires_grad=False)

    for layer, n_in in (("conv5_1", 256), ("conv4_1", 256), ("conv3_1", 128)):
        x = torch.randn(1, n_in, 7, 9, generator=rng)
        wanted = torch.conv2d(x, plain[f"{layer}.weight"], plain[f"{layer}.bias"], padding=1)
        torch.testing.assert_close(network.get_submodule(layer)(x), wanted, rtol=1e-4, atol=1e-3)


def test_the_digest_is_that_of_the_file(tensors: StateDict, tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.save(tensors, path)

    read = read_fc6_weights(path)

    assert read.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert read.sha256 in read.provenance
    assert "weights.pt" in read.provenance


def test_all_faults_are_named_at_once(tensors: StateDict, tmp_path: Path) -> None:
    broken = {k: v for k, v in tensors.items() if k not in ("defc6.weight", "deconv2.bias")}
    broken["extra.weight"] = torch.zeros(1)
    broken["defc7.weight"] = torch.zeros(4096, 1000)
    broken["deconv0.weight"] = torch.full((32, 3, 4, 4), float("nan"))
    path = tmp_path / "broken.pt"
    torch.save(broken, path)

    with pytest.raises(WeightsError) as caught:
        read_fc6_weights(path)

    message = str(caught.value)
    assert "missing defc6.weight" in message
    assert "missing deconv2.bias" in message
    assert "unexpected extra.weight" in message
    assert "defc7.weight has shape (4096, 1000), not (4096, 4096)" in message
    assert "deconv0.weight holds values that are not finite" in message


def test_two_parameters_for_one_place_are_refused(tensors: StateDict, tmp_path: Path) -> None:
    path = tmp_path / "twice.pt"
    torch.save({"fc7.bias": tensors["defc7.bias"], "defc7.bias": tensors["defc7.bias"]}, path)

    with pytest.raises(WeightsError, match=r"two parameters for defc7\.bias"):
        read_fc6_weights(path)


def write_bare_pickle(content: object, path: Path) -> None:
    path.write_bytes(pickle.dumps(content, protocol=2))


class Exploit:
    """A pickle that would write a file when it is opened."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.write_text, (self.target, "executed"))


@pytest.mark.parametrize("save", [torch.save, write_bare_pickle])
def test_a_file_that_would_run_code_is_refused_and_does_not_run(
    tmp_path: Path, save: Callable[[object, Path], None]
) -> None:
    path, target = tmp_path / "exploit.pt", tmp_path / "executed"
    save({"defc7.weight": Exploit(target)}, path)

    with pytest.raises(WeightsError, match="not a plain file of tensors"):
        read_fc6_weights(path)

    assert not target.exists()


def write_nothing(path: Path) -> None:
    path.touch()


def write_text(path: Path) -> None:
    path.write_text("weights")


def write_torn(path: Path) -> None:
    torch.save({"defc7.bias": torch.zeros(4096)}, path)
    path.write_bytes(path.read_bytes()[:9000])


@pytest.mark.parametrize("write", [write_nothing, write_text, write_torn])
def test_a_file_that_is_no_weights_file_is_refused(
    tmp_path: Path, write: Callable[[Path], None]
) -> None:
    path = tmp_path / "weights.pt"
    write(path)

    with pytest.raises(WeightsError, match="not a plain file of tensors"):
        read_fc6_weights(path)


@pytest.mark.parametrize("content", [torch.zeros(3), [torch.zeros(3)], {"epoch": 3}])
def test_tensors_without_parameter_names_are_refused(tmp_path: Path, content: object) -> None:
    path = tmp_path / "weights.pt"
    torch.save(content, path)

    with pytest.raises(WeightsError, match="instead of parameter names"):
        read_fc6_weights(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no weights file .*nowhere\.pt"):
        read_fc6_weights(tmp_path / "nowhere.pt")


def test_random_weights_repeat_with_their_seed_only(weights: Fc6Weights) -> None:
    again, other = draw_fc6_weights(0), draw_fc6_weights(1)

    assert weights.sha256 == again.sha256 != other.sha256
    assert not weights.trained


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(SettingsError, match="-1"):
        draw_fc6_weights(-1)
