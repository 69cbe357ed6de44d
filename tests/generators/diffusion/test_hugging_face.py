"""Folders of Hugging Face's diffusers: the pictures of its own samplers, and what is refused."""

import json
import shutil
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from generators.base import Generator
from generators.diffusion.settings import FolderDiffusionSettings
from generators.errors import GeneratorError, SettingsError, WeightsError
from generators.testing.generator_contract import GeneratorContract

SIZE = 8
DDPM = {"_class_name": "DDPMScheduler", "clip_sample": False}
EDM = {"_class_name": "EDMEulerScheduler", "sigma_data": 0.5, "sigma_min": 0.002, "sigma_max": 80.0}
WEIGHTS = "unet/diffusion_pytorch_model.safetensors"
NETWORK, SCHEDULER = "unet/config.json", "scheduler/scheduler_config.json"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with an untrained network, as the library writes it."""
    folder = tmp_path_factory.mktemp("diffusers") / "model"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        network = diffusers.UNet2DModel(
            sample_size=SIZE,
            layers_per_block=1,
            block_out_channels=(8, 16),
            norm_num_groups=4,
            attention_head_dim=8,
            down_block_types=("DownBlock2D", "AttnDownBlock2D"),
            up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        )
    network.save_pretrained(folder / "unet")
    diffusers.DDPMScheduler(clip_sample=False).save_pretrained(folder / "scheduler")
    return folder


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """Give a copy of the folder that a test may change."""
    return Path(shutil.copytree(saved, tmp_path / "model"))


def build(folder: Path, **others: object) -> Generator:
    settings = {"kind": "diffusion_folder", "folder": str(folder), "steps": 5} | others
    return FolderDiffusionSettings.model_validate(settings).build()


def schedule(folder: Path, said: dict[str, Any]) -> None:
    (folder / SCHEDULER).write_text(json.dumps(said))


def sampled_by_the_library(
    folder: Path, kind: str, said: dict[str, Any], codes: NDArray[np.float32], n_steps: int
) -> NDArray[np.float64]:
    """Images of codes, as levels before rounding, by the library's own network and sampler."""
    scheduler = getattr(diffusers, kind).from_config(said)
    scheduler.set_timesteps(n_steps)
    lengths = np.linalg.norm(codes, axis=1, keepdims=True)
    x = torch.from_numpy(codes / lengths * np.float32(np.sqrt(3 * SIZE**2)))
    x = x.reshape(-1, 3, SIZE, SIZE) * (80.0 if "EDM" in kind else 1.0)
    network = diffusers.UNet2DModel.from_pretrained(folder / "unet", local_files_only=True)
    with torch.no_grad():
        for time in scheduler.timesteps:
            output = network(scheduler.scale_model_input(x, time), time).sample
            x = scheduler.step(output, time, x).prev_sample
    levels: NDArray[np.float64] = 255.0 * ((x + 1) / 2).clamp(0, 1).permute(0, 2, 3, 1).numpy()
    return levels


class TestFolderOfDiffusers(GeneratorContract):
    @pytest.fixture(scope="class")
    @classmethod
    def generator(cls, saved: Path) -> Generator:
        return build(saved, steps=3)


# Not "linspace", whose levels the library's own steps miss: they go down by equal times.
@pytest.mark.parametrize("spacing", ["leading", "trailing"])
@pytest.mark.parametrize("predicts", ["epsilon", "v_prediction", "sample"])
def test_pictures_are_those_of_the_librarys_own_ddim(
    folder: Path, spacing: str, predicts: str
) -> None:
    said = DDPM | {"prediction_type": predicts, "timestep_spacing": spacing}
    schedule(folder, said)
    generator = build(folder)
    codes = generator.initial_codes(2, np.random.default_rng(0))

    wanted = sampled_by_the_library(folder, "DDIMScheduler", said, codes, 5)

    np.testing.assert_allclose(generator.render(codes), wanted, atol=0.6)
    assert generator.name == "diffusion-diffusers-ddim5"


def test_pictures_are_those_of_the_librarys_own_edm(folder: Path) -> None:
    schedule(folder, EDM)
    generator = build(folder, steps=6)
    codes = generator.initial_codes(1, np.random.default_rng(0))

    wanted = sampled_by_the_library(folder, "EDMEulerScheduler", EDM, codes, 6)

    np.testing.assert_allclose(generator.render(codes), wanted, atol=0.6)


def test_a_folder_of_the_older_layout_is_read(folder: Path, tmp_path: Path) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    for file in folder.glob("*/*"):
        shutil.copy(file, flat)

    code = np.ones((1, 3 * SIZE**2), np.float32)
    np.testing.assert_array_equal(build(flat).render(code), build(folder).render(code))


def test_building_asks_no_network_and_draws_nothing(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise AssertionError("something wants to connect")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    before = torch.random.get_rng_state()

    build(saved)

    assert torch.equal(torch.random.get_rng_state(), before)


def change(file: str, **entries: object) -> Callable[[Path], None]:
    def changed(folder: Path) -> None:
        path = folder / file
        path.write_text(json.dumps(json.loads(path.read_text()) | entries))

    return changed


def without(file: str) -> Callable[[Path], None]:
    return lambda folder: (folder / file).unlink()


def cut(file: str) -> Callable[[Path], None]:
    def changed(folder: Path) -> None:
        (folder / file).write_bytes((folder / file).read_bytes()[:-100])

    return changed


def parameters(**changes: torch.Tensor | None) -> Callable[[Path], None]:
    def changed(folder: Path) -> None:
        held: dict[str, Any] = load_file(folder / WEIGHTS)
        held |= {name.replace("__", "."): value for name, value in changes.items()}
        kept = {name: value.clone() for name, value in held.items() if value is not None}
        save_file(kept, folder / WEIGHTS)

    return changed


FAULTS = {
    "no weights": (without(WEIGHTS), r"has no diffusion_pytorch_model\.safetensors"),
    "no config": (without(NETWORK), r"config\.json"),
    "no scheduler": (without(SCHEDULER), r"scheduler_config\.json"),
    "config cut short": (cut(NETWORK), "is no JSON"),
    "weights cut short": (cut(WEIGHTS), "is damaged"),
    "a parameter missing": (parameters(conv_in__bias=None), r"missing conv_in\.bias"),
    "a parameter unexpected": (parameters(extra=torch.ones(2)), "unexpected extra"),
    "a parameter misshapen": (parameters(conv_in__bias=torch.ones(3)), "does not fit"),
    "a value that is no number": (
        parameters(conv_in__bias=torch.full((8,), torch.nan)),
        "not finite numbers",
    ),
    "another network": (change(NETWORK, _class_name="UNet2DConditionModel"), "UNet2DCondition"),
    "classes": (change(NETWORK, num_class_embeds=10), "told classes"),
    "latents": (change(NETWORK, in_channels=4), "from 4 to"),
    "no size": (change(NETWORK, sample_size=None), "no size of pictures"),
    "an impossible network": (change(NETWORK, norm_num_groups=5), "does not fit"),
    "another scheduler": (change(SCHEDULER, _class_name="ScoreSdeVeScheduler"), "ScoreSdeVe"),
    "unknown predictions": (change(SCHEDULER, prediction_type="flow"), "predicts flow"),
    "a beginning of noise alone": (
        change(SCHEDULER, rescale_betas_zero_snr=True, timestep_spacing="trailing"),
        "nothing but noise",
    ),
    "too many steps": (change(SCHEDULER, num_train_timesteps=3), "no schedule of 5 steps"),
    "no sigma_data": (change(SCHEDULER, _class_name="EDMEulerScheduler"), "lacks a number"),
    "exponential levels": (
        change(SCHEDULER, _class_name="EDMEulerScheduler", sigma_schedule="exponential"),
        "exponential",
    ),
}


@pytest.mark.parametrize(("spoil", "sentence"), FAULTS.values(), ids=FAULTS)
def test_what_cannot_be_sampled_is_refused_in_a_sentence(
    folder: Path, spoil: Callable[[Path], None], sentence: str
) -> None:
    spoil(folder)

    with pytest.raises(GeneratorError, match=sentence) as refusal:
        build(folder)

    assert str(folder) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="there is no folder"):
        build(tmp_path / "none")


def test_without_the_library_a_sentence_says_how_to_get_it(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "diffusers", None)

    with pytest.raises(SettingsError, match=r"pip install 'neuroloop\[diffusers\]'"):
        build(saved)


def test_a_folder_is_recognised_with_its_numbers(folder: Path) -> None:
    network = diffusers.UNet2DModel.from_pretrained(folder / "unet", local_files_only=True)

    (seen,) = FolderDiffusionSettings.recognised(folder)

    assert (seen.kind, seen.key) == ("diffusion_folder", "folder")
    assert seen.n_parameters == sum(p.numel() for p in network.parameters())
