"""Reading torchvision's weights files, and refusing everything else in one sentence."""

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from rig_adapters.sim.neurons.networks import weights_files
from rig_adapters.sim.neurons.networks.architectures import ARCHITECTURES, Architecture
from rig_adapters.sim.neurons.networks.drawing import drawn_parameters
from rig_adapters.sim.neurons.networks.network import prepared
from rig_adapters.sim.neurons.networks.neurons import NetworkNeurons
from rig_adapters.sim.neurons.networks.pictures import calibration_pictures
from rig_adapters.sim.neurons.networks.settings import NetworkSettings
from rig_adapters.sim.neurons.networks.weights_files import read_weights
from rig_adapters.sim.neurons.settings import SimSettingsError
from rig_adapters.sim.neurons.shape.patterns import textures

StateDict = dict[str, Tensor]
ALEXNET = ARCHITECTURES["alexnet"]


def bare(architecture: Architecture) -> StateDict:
    """Give tensors of the right shapes that store one number each."""
    return {name: torch.ones(1).expand(shape) for name, shape in architecture.shapes().items()}


def refusal(path: Path, architecture: Architecture = ALEXNET) -> str:
    with pytest.raises(SimSettingsError) as caught:
        read_weights(architecture, path)
    sentence = str(caught.value)
    assert str(path) in sentence
    assert "\n" not in sentence
    return sentence


def test_units_of_a_file_are_those_of_the_network_that_was_saved(tmp_path: Path) -> None:
    """Also in torch's older format, in which many files of torchvision are."""
    path, images = tmp_path / "alexnet.pth", textures(3, np.random.default_rng(2))
    layers = ALEXNET.through("conv3")
    pictures = prepared(torch.from_numpy(calibration_pictures()), 227)
    state = bare(ALEXNET) | drawn_parameters(layers, 5, pictures)
    torch.save(state, path, _use_new_zipfile_serialization=False)
    table = {"kind": "alexnet", "channel": 1, "layer": "conv3", "feature": 9}
    drawn, saved = (
        NetworkNeurons([NetworkSettings.model_validate(table | more)])
        for more in ({"weights": "random", "weights_seed": 5}, {"weights": str(path)})
    )

    np.testing.assert_array_equal(saved.activations(images), drawn.activations(images))
    np.testing.assert_array_equal(saved.evoked_hz(images), drawn.evoked_hz(images))
    digest = read_weights(ALEXNET, path).sha256[:12]
    wanted = f"feature 9 of AlexNet conv3 at (6, 6), weights from alexnet.pth (sha256 {digest})"
    assert saved.truths[0].about == wanted


@pytest.mark.parametrize("kind", ["alexnet", "resnet50"])
def test_every_format_gives_the_same_parameters(tmp_path: Path, kind: str) -> None:
    """Matrices hold one number each, so that files stay small."""
    architecture = ARCHITECTURES[kind]
    rng = torch.Generator().manual_seed(1)
    tensors = {
        name: tensor if tensor.ndim > 1 else torch.rand(tensor.shape, generator=rng)
        for name, tensor in bare(architecture).items()
    }
    counters = {"bn1.num_batches_tracked": torch.tensor(7)}
    torch.save({name: torch.nn.Parameter(t) for name, t in tensors.items()}, tmp_path / "a.pth")
    torch.save(tensors | counters, tmp_path / "b.pt")
    if kind == "resnet50":
        whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
        save_file(whole | counters, tmp_path / "c.safetensors")

    for path in tmp_path.iterdir():
        read = read_weights(architecture, path).tensors
        assert read.keys() == tensors.keys()
        assert all(torch.equal(read[name], tensor) for name, tensor in tensors.items())


def test_what_does_not_fit_is_named_and_the_rest_counted(tmp_path: Path) -> None:
    broken = bare(ALEXNET)
    del broken["features.0.bias"]
    broken["classifier.6.weight"] = torch.ones(1).expand(10, 4096)
    broken |= {f"extra{k}": torch.zeros(1) for k in range(9)}
    torch.save(broken, tmp_path / "broken.pth")

    sentence = refusal(tmp_path / "broken.pth")

    assert "does not fit AlexNet: missing features.0.bias; unexpected extra0; " in sentence
    assert "and 7 more such: convert it as docs/how-to/network_units.md shows" in sentence


@pytest.mark.parametrize("kind", list(ARCHITECTURES))
def test_weights_of_another_network_are_recognised(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "weights.pth"
    torch.save(bare(ARCHITECTURES[kind]), path)
    for other, architecture in ARCHITECTURES.items():
        if other != kind:
            assert refusal(path, architecture).endswith(f'use kind = "{kind}"')


@pytest.mark.parametrize("value", [float("nan"), float("-inf"), 1e39])
def test_values_that_nothing_can_be_computed_from_are_refused(tmp_path: Path, value: float) -> None:
    tensors = bare(ALEXNET)
    tensors["features.3.bias"] = torch.ones(192, dtype=torch.float64)
    tensors["features.3.bias"][-1] = value
    torch.save(tensors, tmp_path / "weights.pth")
    assert "features.3.bias holds values that are not finite" in refusal(tmp_path / "weights.pth")


def test_whole_numbers_and_variances_below_zero_are_refused(tmp_path: Path) -> None:
    resnet, path = ARCHITECTURES["resnet50"], tmp_path / "weights.pth"
    torch.save(bare(resnet) | {"fc.bias": torch.ones(1000, dtype=torch.int64)}, path)
    assert "fc.bias holds values that are not finite" in refusal(path, resnet)
    torch.save(bare(resnet) | {"bn1.running_var": torch.full((64,), -0.1)}, path)
    assert "bn1.running_var has variances below 0" in refusal(path, resnet)


@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors"])
def test_a_file_that_is_cut_short_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    small = {"features.0.weight": torch.zeros(64, 3, 11, 11)}
    if path.suffix == ".pth":
        torch.save(small, path)
    else:
        save_file(small, path)
    content = path.read_bytes()
    for kept in (0, 1, 7, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:kept])
        assert "damaged" in refusal(path)
    path.write_bytes(b"<html>404</html>" * 100)
    refusal(path)


class Malicious:
    def __init__(self, touched: Path) -> None:
        self.touched = touched

    def __reduce__(self) -> object:
        return Path.touch, (self.touched,)


def test_nothing_in_a_file_is_run(tmp_path: Path) -> None:
    touched, path = tmp_path / "touched", tmp_path / "weights.pth"
    path.write_bytes(pickle.dumps(Malicious(touched)))
    refusal(path)
    torch.save({"features.0.weight": Malicious(touched)}, path)
    assert "holds more than tensors, and nothing in it was run" in refusal(path)
    assert not touched.exists()


def test_other_things_than_parameters_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    for content in ([torch.zeros(1)], {"state_dict": bare(ALEXNET)}, {3: torch.zeros(1)}):
        torch.save(content, path)
        assert "save network.state_dict() itself" in refusal(path)


def test_a_file_that_grows_or_is_too_large_is_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, path = tmp_path / "plain.pth", tmp_path / "packed.pth"
    torch.save({"features.0.weight": torch.zeros(64, 3, 11, 11)}, plain)
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, old.read(entry))
    assert "would grow when it is opened" in refusal(path)
    monkeypatch.setattr(weights_files, "LARGEST_FILE_BYTES", 1000)
    assert "more than any network" in refusal(plain)


def test_a_file_that_is_not_there_or_is_a_folder_is_refused(tmp_path: Path) -> None:
    sentence = refusal(tmp_path / "none.pth")
    assert sentence.startswith("there is no weights file")
    assert "on the machine of the rig adapter" in sentence
    assert "cannot be read" in refusal(tmp_path)


def test_a_network_whose_units_say_nothing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "zeros.pth"
    torch.save({name: torch.zeros(1).expand(s) for name, s in ALEXNET.shapes().items()}, path)
    for layer in ("conv2", "fc8"):
        table = {"kind": "alexnet", "channel": 1, "layer": layer, "feature": 9}
        unit = NetworkSettings.model_validate(table | {"weights": str(path)})
        with pytest.raises(SimSettingsError, match=f"no unit of {layer} of AlexNet tells pictures"):
            NetworkNeurons([unit])
