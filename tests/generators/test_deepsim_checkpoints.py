"""Reading DeePSiM weights in every layout in use, and refusing everything else."""

import hashlib
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from generators.deepsim.checkpoints import draw_weights, fitting_variants, read_weights
from generators.deepsim.network import DeepSimNetwork
from generators.deepsim.variants import VARIANTS, Variant
from generators.errors import SettingsError, WeightsError

StateDict = dict[str, Tensor]
Layout = Callable[[StateDict], StateDict]
XDREAM_NAMES = {
    "defc7": "fc7", "defc6": "fc6", "defc5": "fc5",
    "Rconv6": "conv6", "Rconv7": "conv7", "Rconv8": "conv8",
    "deconv5": "tconv5_0", "conv5_1": "tconv5_1",
    "deconv4": "tconv4_0", "conv4_1": "tconv4_1", "deconv3": "tconv3_0", "conv3_1": "tconv3_1",
    "deconv2": "tconv2", "deconv1": "tconv1", "deconv0": "tconv0",
}  # fmt: skip
FC6, POOL5 = VARIANTS["fc6"], VARIANTS["pool5"]
every_variant = pytest.mark.parametrize("variant", VARIANTS.values(), ids=list(VARIANTS))


def drawn_tensors(variant: Variant) -> StateDict:
    """Draw every layer; large matrices are stored once per row, biases of the trunk are zero."""
    rng = torch.Generator().manual_seed(0)
    drawn: StateDict = {}
    for name, shape in variant.shapes.items():
        is_matrix = len(shape) == 2
        stored = torch.randn((*shape[:1], 1) if is_matrix else shape, generator=rng)
        in_trunk = any(name.startswith(layer.name) for layer in variant.trunk)
        is_zero = in_trunk and name.endswith("bias")
        drawn[name] = torch.zeros(shape) if is_zero else stored.expand(shape)
    return drawn


def bare_tensors(variant: Variant) -> StateDict:
    """Give tensors of the right shapes that store one number each."""
    return {name: torch.ones(1).expand(shape) for name, shape in variant.shapes.items()}


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
        if parameter == "weight" or "fc" in layer or "Rconv" in layer:
            renamed[f"{names[layer]}.{parameter}"] = tensor
    return renamed


def xdream(tensors: StateDict) -> StateDict:
    return _renamed(tensors, XDREAM_NAMES)


def older_xdream(tensors: StateDict) -> StateDict:
    older = {ours: theirs.replace("tconv", "deconv") for ours, theirs in XDREAM_NAMES.items()}
    return _renamed(tensors, older | {"defc7": "defc7", "defc6": "defc6", "defc5": "defc5"})


def in_double_precision(tensors: StateDict) -> StateDict:
    return {name: tensor.double() for name, tensor in tensors.items()}


def as_parameters(tensors: StateDict) -> StateDict:
    return {name: torch.nn.Parameter(tensor) for name, tensor in tensors.items()}


LAYOUTS: list[tuple[str, Layout]] = [
    ("fc6", caffe_names),
    ("fc6", older_xdream),
    ("fc7", with_inner_sequences),
    ("fc7", xdream),
    ("fc8", in_a_wrapper),
    ("fc8", xdream),
    ("pool5", caffe_names),
    ("pool5", in_a_wrapper),
    ("pool5", on_several_devices),
    ("pool5", with_inner_sequences),
    ("pool5", xdream),
    ("pool5", older_xdream),
    ("pool5", in_double_precision),
    ("pool5", as_parameters),
]


@pytest.mark.parametrize(("name", "layout"), LAYOUTS)
def test_every_layout_in_use_gives_the_same_weights(
    tmp_path: Path, name: str, layout: Layout
) -> None:
    variant, path = VARIANTS[name], tmp_path / "weights.pt"
    tensors = drawn_tensors(variant)
    torch.save(layout(tensors), path)

    read = read_weights(variant, path)

    assert set(read.tensors) == set(variant.shapes)
    for parameter, tensor in tensors.items():
        assert torch.equal(read.tensors[parameter], tensor), parameter
    assert read.variant is variant
    assert read.trained
    assert read.provenance.startswith(f"DeePSiM {name} weights from the user's file weights.pt")


def test_plain_convolutions_are_turned_into_transposed_ones_that_compute_the_same(
    tmp_path: Path,
) -> None:
    rng = torch.Generator().manual_seed(3)
    plain = drawn_tensors(POOL5)
    for layer, n_in, n_out in (("conv5_1", 256, 512), ("conv4_1", 256, 256), ("conv3_1", 128, 128)):
        plain[f"{layer}.weight"] = torch.randn(n_out, n_in, 3, 3, generator=rng)
        plain[f"{layer}.bias"] = torch.randn(n_out, generator=rng)
    path = tmp_path / "plain.pt"
    torch.save(plain, path)

    with torch.device("meta"):
        network = DeepSimNetwork(POOL5)
    network.load_state_dict(dict(read_weights(POOL5, path).tensors), assign=True)
    network.requires_grad_(requires_grad=False)

    for layer, n_in in (("conv5_1", 256), ("conv4_1", 256), ("conv3_1", 128)):
        x = torch.randn(1, n_in, 7, 9, generator=rng)
        wanted = torch.conv2d(x, plain[f"{layer}.weight"], plain[f"{layer}.bias"], padding=1)
        torch.testing.assert_close(network.get_submodule(layer)(x), wanted, rtol=1e-4, atol=1e-3)


def test_the_digest_is_that_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.save(drawn_tensors(POOL5), path)

    read = read_weights(POOL5, path)

    assert read.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert read.sha256 in read.provenance


def refusal(variant: Variant, path: Path) -> str:
    """Return the one sentence with which a file is refused."""
    with pytest.raises(WeightsError) as caught:
        read_weights(variant, path)
    sentence = str(caught.value)
    assert str(path) in sentence
    assert "\n" not in sentence
    return sentence


def test_all_faults_are_named_at_once_and_as_the_file_has_them(tmp_path: Path) -> None:
    broken = in_a_wrapper(bare_tensors(FC6))
    del broken["G.defc6.weight"], broken["G.deconv2.bias"]
    broken["G.extra.weight"] = torch.zeros(1)
    broken["G.defc7.weight"] = torch.zeros(4096, 1000)
    broken["G.deconv0.weight"] = torch.full((32, 3, 4, 4), float("nan"))
    torch.save(broken, tmp_path / "broken.pt")

    sentence = refusal(FC6, tmp_path / "broken.pt")

    assert "does not fit the DeePSiM fc6 network" in sentence
    assert "missing defc6.weight" in sentence
    assert "missing deconv2.bias" in sentence
    assert "unexpected G.extra.weight" in sentence
    assert "G.defc7.weight has shape (4096, 1000), not (4096, 4096)" in sentence
    assert "G.deconv0.weight holds values that are not finite" in sentence
    assert sentence.endswith("give the fc6 weights")


def test_of_a_foreign_network_a_few_parameters_are_named_and_the_rest_counted(
    tmp_path: Path,
) -> None:
    torch.save({f"block{i}.weight": torch.zeros(1) for i in range(300)}, tmp_path / "other.pt")

    sentence = refusal(POOL5, tmp_path / "other.pt")

    assert "unexpected block7.weight; and 292 more such" in sentence
    assert "block8.weight" not in sentence
    assert "missing Rconv6.weight" in sentence


@every_variant
def test_the_weights_of_another_layer_are_recognised(tmp_path: Path, variant: Variant) -> None:
    path = tmp_path / "weights.pt"
    torch.save(xdream(bare_tensors(variant)), path)

    for other in VARIANTS.values():
        if other.shapes != variant.shapes:
            sentence = refusal(other, path)
            like = "fc6" if variant.name == "fc7" else variant.name
            assert f"holds the weights of DeePSiM {like}, not of {other.name} (" in sentence
            assert f"use kind deepsim_{like} for it" in sentence


@pytest.mark.parametrize(
    ("given", "asked", "sizes"),
    [("fc6", "fc7", (0.993, 1.155, 0.570)), ("fc7", "fc6", (0.682, 0.826, 0.391))],
)
def test_the_published_weights_of_fc6_and_fc7_are_not_taken_for_each_other(
    tmp_path: Path, given: str, asked: str, sizes: tuple[float, ...]
) -> None:
    tensors, path = bare_tensors(VARIANTS[given]), tmp_path / "weights.pt"
    for layer, size in zip(("defc7", "defc6", "defc5"), sizes, strict=True):
        tensors[f"{layer}.bias"] = torch.tensor([-size - 3e-4, size + 3e-4]).repeat(2048)
    torch.save(tensors, path)

    sentence = refusal(VARIANTS[asked], path)

    assert f"holds the published weights of DeePSiM {given}, not of {asked}" in sentence
    assert read_weights(VARIANTS[given], path).trained


def test_two_parameters_for_one_place_are_refused(tmp_path: Path) -> None:
    bias = torch.zeros(4096)
    torch.save({"fc7.bias": bias, "defc7.bias": bias}, tmp_path / "twice.pt")

    sentence = refusal(FC6, tmp_path / "twice.pt")

    assert "two parameters for defc7.bias, fc7.bias and defc7.bias" in sentence


@every_variant
@pytest.mark.parametrize("value", [float("nan"), float("-inf"), 1e39])
def test_values_that_no_image_can_be_computed_from_are_refused(
    tmp_path: Path, variant: Variant, value: float
) -> None:
    tensors = bare_tensors(variant)
    name = f"{variant.head[1].name}.bias"
    tensors[name] = torch.ones(tensors[name].shape, dtype=torch.float64)
    tensors[name][-1] = value
    torch.save(tensors, tmp_path / "weights.pt")

    sentence = refusal(variant, tmp_path / "weights.pt")

    assert f"network: {name} holds values that are not finite numbers: copy" in sentence


@pytest.mark.parametrize(
    "tensor",
    [
        torch.ones(4096, dtype=torch.int32),
        torch.ones(4096, dtype=torch.complex64),
        torch.ones(4096).to(torch.float8_e5m2),
        torch.ones(4096, device="meta"),
        torch.ones(4096).to_sparse(),
    ],
    ids=["int32", "complex64", "float8", "meta", "sparse"],
)
def test_tensors_of_other_numbers_are_refused(tmp_path: Path, tensor: Tensor) -> None:
    torch.save(bare_tensors(FC6) | {"defc5.bias": tensor}, tmp_path / "weights.pt")

    assert "defc5.bias holds values" in refusal(FC6, tmp_path / "weights.pt")


def write_bare_pickle(content: object, path: Path) -> None:
    path.write_bytes(pickle.dumps(content, protocol=2))


class Exploit:
    """A pickle that would write a file when it is opened."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.write_text, (self.target, "executed"))


@every_variant
@pytest.mark.parametrize("save", [torch.save, write_bare_pickle])
def test_a_file_that_would_run_code_is_refused_and_does_not_run(
    tmp_path: Path, variant: Variant, save: Callable[[object, Path], None]
) -> None:
    path, target = tmp_path / "exploit.pt", tmp_path / "executed"
    hidden = {variant.head[0].name + ".bias": Exploit(target)}
    save(hidden if save is write_bare_pickle else bare_tensors(variant) | hidden, path)

    sentence = refusal(variant, path)

    assert "not a plain file of tensors, and nothing else in it was run" in sentence
    assert "torch.save(network.state_dict(), path)" in sentence
    assert not target.exists()


def test_a_whole_network_instead_of_its_tensors_is_refused(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2), tmp_path / "network.pt")

    assert "nothing else in it was run" in refusal(FC6, tmp_path / "network.pt")


@every_variant
@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_a_file_that_is_cut_short_is_refused(
    tmp_path: Path, variant: Variant, share: float
) -> None:
    path = tmp_path / "weights.pt"
    torch.save(bare_tensors(variant), path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])

    assert "is cut short, damaged or no file of torch's" in refusal(variant, path)


def test_a_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "weights.pt").write_text("weights")

    assert "is not a plain file of tensors" in refusal(FC6, tmp_path / "weights.pt")


@pytest.mark.parametrize("content", [torch.zeros(3), [torch.zeros(3)], {"epoch": 3}])
def test_tensors_without_parameter_names_are_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "weights.pt")

    assert "instead of parameter names" in refusal(FC6, tmp_path / "weights.pt")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert "there is no weights file" in refusal(FC6, tmp_path / "nowhere.pt")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert "cannot be read (Is a directory)" in refusal(FC6, tmp_path)


def test_random_weights_repeat_with_their_seed_only() -> None:
    first, again, other = (draw_weights(POOL5, seed).sha256 for seed in (0, 0, 1))

    assert first == again != other


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(SettingsError, match="-1"):
        draw_weights(FC6, -1)


@pytest.mark.parametrize(("name", "layout"), LAYOUTS)
def test_a_file_says_for_which_networks_it_may_be(
    tmp_path: Path, name: str, layout: Layout
) -> None:
    tensors = bare_tensors(VARIANTS[name])
    torch.save(layout(tensors), tmp_path / "weights.pt")

    variants, n_parameters = fitting_variants(tmp_path / "weights.pt")

    alike = {"fc6": {"fc6", "fc7"}, "fc7": {"fc6", "fc7"}}.get(name, {name})
    assert {variant.name for variant in variants} == alike
    n_stored = sum(tensor.numel() for tensor in layout(tensors).values())
    assert n_parameters == n_stored


def test_a_file_that_lacks_a_layer_is_still_known_by_the_others(tmp_path: Path) -> None:
    tensors = bare_tensors(POOL5)
    del tensors["conv4_1.weight"]
    torch.save(tensors, tmp_path / "weights.pt")

    variants, _ = fitting_variants(tmp_path / "weights.pt")

    assert [variant.name for variant in variants] == ["pool5"]


def test_a_file_of_another_network_is_for_none(tmp_path: Path) -> None:
    torch.save({"layer1.weight": torch.zeros(3, 3)}, tmp_path / "weights.pt")

    assert fitting_variants(tmp_path / "weights.pt") == ([], 9)
