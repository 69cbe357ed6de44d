"""Files of EDM's networks: recognised, refused in one sentence, and rendered."""

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from generators.base import Generator
from generators.diffusion.checkpoints import read_weights
from generators.diffusion.denoisers import edm_denoiser
from generators.diffusion.samplers import heun
from generators.diffusion.schedule import edm_sigmas
from generators.diffusion.settings import EdmSettings
from generators.diffusion.song_unet import SongUNet
from generators.errors import WeightsError
from generators.testing.generator_contract import GeneratorContract

Parameters = dict[str, Tensor]


def settings(path: Path, **others: object) -> EdmSettings:
    return EdmSettings.model_validate(
        {"kind": "diffusion_edm", "weights": str(path), "steps": 3} | others
    )


class TestEdmNetwork(GeneratorContract):
    @pytest.fixture(scope="class")
    @classmethod
    def generator(
        cls, as_nvidia_saves_it: Parameters, tmp_path_factory: pytest.TempPathFactory
    ) -> Generator:
        path = tmp_path_factory.mktemp("edm") / "small.pt"
        torch.save(as_nvidia_saves_it, path)
        return settings(path).build()


@pytest.mark.parametrize("prefix", ["model.", "module.model.", ""])
def test_a_state_dict_is_recognised_by_its_names_and_shapes(
    as_nvidia_saves_it: Parameters, small_network: SongUNet, tmp_path: Path, prefix: str
) -> None:
    path = tmp_path / "renamed.pt"
    named = {prefix + k.removeprefix("model."): v for k, v in as_nvidia_saves_it.items()}
    torch.save(named, path)

    weights = read_weights(path)

    assert weights.shape == small_network.shape
    assert weights.fold == 1
    assert set(weights.tensors) == set(small_network.state_dict())
    assert "renamed.pt" in weights.provenance


def test_an_image_is_the_end_of_the_ode_from_its_code(
    edm_file: Path, small_network: SongUNet
) -> None:
    generator = settings(edm_file, steps=5).build()
    codes = generator.initial_codes(2, np.random.default_rng(1))

    start = codes / np.linalg.norm(codes, axis=1, keepdims=True) * np.sqrt(192) * 80.0
    x = torch.from_numpy(start).float().reshape(2, 3, 8, 8)
    pixels = heun(edm_denoiser(small_network, 0.5), x, edm_sigmas(5).tolist())
    wanted = ((pixels + 1) / 2).clamp(0, 1).permute(0, 2, 3, 1).numpy() * 255

    np.testing.assert_allclose(generator.render(codes), wanted, atol=0.51)
    assert generator.name == "diffusion-edm-heun5"
    assert generator.norm_hint == pytest.approx(np.sqrt(192))


def test_only_the_direction_of_a_code_counts(edm_file: Path) -> None:
    generator = settings(edm_file).build()
    code = generator.initial_codes(1, np.random.default_rng(1))

    image = generator.render(code)
    for factor in (1e-30, 0.5, 1e30):
        found = generator.render((code * np.float64(factor)).astype(np.float32)).astype(int)
        assert np.abs(found - image).max() <= 1


def test_the_zero_code_begins_at_grey(edm_file: Path, small_network: SongUNet) -> None:
    image = settings(edm_file).build().render(np.zeros((1, 192), np.float32))[0]

    pixels = heun(edm_denoiser(small_network, 0.5), torch.zeros(1, 3, 8, 8), edm_sigmas(3).tolist())
    wanted = ((pixels[0] + 1) / 2).clamp(0, 1).permute(1, 2, 0).numpy() * 255
    np.testing.assert_allclose(image, wanted, atol=0.51)


def without(name: str) -> Callable[[Parameters], object]:
    return lambda saved: {k: v for k, v in saved.items() if k != f"model.{name}"}


def with_(name: str, value: Tensor) -> Callable[[Parameters], object]:
    return lambda saved: saved | {f"model.{name}": value}


FAULTS: dict[str, tuple[Callable[[Parameters], object], str]] = {
    "a parameter is missing": (without("dec.8x8_block1.conv1.bias"), "missing dec.8x8_block1"),
    "a parameter is unexpected": (with_("enc.8x8_extra.w", torch.ones(2)), "unexpected model.enc"),
    "a parameter is misshapen": (with_("map_layer0.bias", torch.ones(7)), r"shape \(7,\), not"),
    "a value is no number": (
        with_("map_layer0.bias", torch.full((32,), torch.nan)),
        "not finite numbers",
    ),
    "it is told classes": (with_("map_label.weight", torch.ones(8, 10)), "told classes"),
    "it is NCSN++": (with_("map_noise.freqs", torch.ones(8)), "an NCSN"),
    "it resamples otherwise": (
        with_("enc.4x4_down.conv0.resample_filter", torch.ones(1, 1, 4, 4)),
        "another filter",
    ),
    "it is of Dhariwal & Nichol": (with_("out_norm.weight", torch.ones(8)), "Dhariwal"),
    "it has four colours": (with_("enc.8x8_conv.weight", torch.ones(8, 4, 3, 3)), "4 colour"),
    "a size is left out": (with_("enc.1x1_block0.conv1.weight", torch.ones(8, 8)), "no EDM"),
    "its channels do not group": (
        with_("enc.4x4_block0.conv1.weight", torch.ones(8 * 5 + 4, 1)),
        "does not fit",
    ),
    "it is of something else": (lambda _: {"weight": torch.ones(3)}, "not of an EDM network"),
    "it is a list": (lambda saved: list(saved.values()), "instead of parameter names"),
    "a name comes twice": (with_("model.map_layer0.bias", torch.ones(32)), "unexpected"),
    "a name comes with two prefixes": (
        lambda saved: saved | {"module.map_layer0.bias": torch.ones(32)},
        "two parameters for map_layer0.bias",
    ),
}


@pytest.mark.parametrize(("make", "sentence"), FAULTS.values(), ids=FAULTS)
def test_what_is_no_network_of_edm_is_refused_in_a_sentence(
    as_nvidia_saves_it: Parameters,
    tmp_path: Path,
    make: Callable[[Parameters], object],
    sentence: str,
) -> None:
    path = tmp_path / "faulty.pt"
    torch.save(make(as_nvidia_saves_it), path)

    with pytest.raises(WeightsError, match=sentence) as refusal:
        read_weights(path)

    assert "faulty.pt" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_file_cut_short_is_refused(edm_file: Path) -> None:
    edm_file.write_bytes(edm_file.read_bytes()[:-2000])

    with pytest.raises(WeightsError, match="cut short"):
        read_weights(edm_file)


class Harmful:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def test_a_file_with_code_in_it_is_refused_and_nothing_of_it_runs(tmp_path: Path) -> None:
    """NVIDIA's own files are pickles of whole networks, with their source."""
    path, harmed = tmp_path / "edm-cifar10-32x32-uncond-vp.pkl", tmp_path / "harmed"
    path.write_bytes(pickle.dumps({"ema": Harmful(harmed)}))

    with pytest.raises(WeightsError, match=r"uncond-vp\.pkl"):
        read_weights(path)
    assert not harmed.exists()


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"skip": 3, "statistics": "s.npz"}, "skip is 3 of 3 steps"),
        ({"skip": 1}, "skip needs statistics"),
        ({"steps": 1}, "greater than or equal to 2"),
        ({"sigma_min": 90.0}, "below sigma_max"),
        ({"sampler": "euler"}, "'heun' or 'ddim'"),
        ({"speed": 3}, "Extra inputs"),
    ],
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        settings(Path("small.pt"), **wrong)


def test_a_file_of_edm_is_recognised_and_another_is_not(edm_file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.pt"
    torch.save({"weight": torch.ones(3)}, other)

    (found,) = EdmSettings.recognised(edm_file)
    assert found.kind == "diffusion_edm"
    assert found.n_parameters > 10_000
    assert not EdmSettings.recognised(other)


def test_the_files_to_be_there_are_named() -> None:
    given = settings(Path("a.pt"), statistics="s.npz", license_note="of the lab")

    assert given.files == {"weights": "a.pt", "statistics": "s.npz"}
    assert settings(Path("a.pt")).files == {"weights": "a.pt"}
    assert given.terms == "of the lab"
    assert given.known_code_dim() is None
