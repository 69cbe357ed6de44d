"""The embedded diffusion model: contract, what it learned, its head start, and its recipe."""

import importlib.machinery
import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from generators.base import Generator
from generators.diffusion.embedded import TinyDiffusion, tiny_diffusion
from generators.diffusion.tiny_settings import TinyDiffusionSettings
from generators.errors import SettingsError
from generators.testing.differentiable_contract import DifferentiableContract
from generators.testing.generator_contract import GeneratorContract

ROOT = Path(__file__).resolve().parents[3]


class TestTinyDiffusion(GeneratorContract, DifferentiableContract):
    @pytest.fixture(scope="class")
    @classmethod
    def generator(cls) -> Generator:
        return built(steps=3, skip=1)


def built(**keys: object) -> Generator:
    return TinyDiffusionSettings.model_validate({"kind": "diffusion_tiny"} | keys).build()


@pytest.fixture(scope="module")
def recipe() -> ModuleType:
    path = ROOT / "scripts" / "train_tiny_diffusion"
    loader = importlib.machinery.SourceFileLoader("train_tiny_diffusion", str(path))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def tiny() -> TinyDiffusion:
    return tiny_diffusion(18)


@pytest.fixture(scope="module")
def unseen(recipe: ModuleType) -> Tensor:
    """Pictures of the recipe's kinds that the training did not have, ``(48, 3, 32, 32)``."""
    painted: NDArray[np.uint8] = recipe.pictures(48, seed=recipe.SEED + 1)
    return torch.from_numpy(painted).permute(0, 3, 1, 2).float() / 127.5 - 1.0


def guesses(tiny: TinyDiffusion, noisy: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """What the network and the Gaussian take noisy pictures to be."""
    with torch.inference_mode():
        network = tiny.model.denoiser(tiny.model.network)(noisy, sigma)
        gaussian = tiny.ensemble.denoise(noisy.flatten(1), sigma).reshape(noisy.shape)
    return network, gaussian


@pytest.mark.parametrize(("sigma", "left"), [(0.2, 0.25), (0.5, 0.1), (1.0, 0.04)])
def test_it_takes_noise_away_from_pictures_that_it_never_saw(
    tiny: TinyDiffusion, unseen: Tensor, sigma: float, left: float
) -> None:
    noise = torch.randn(unseen.shape, generator=torch.Generator().manual_seed(1))

    network, _ = guesses(tiny, unseen + sigma * noise, sigma)

    assert (network - unseen).square().mean() < left * sigma**2


def test_under_strong_noise_it_says_what_a_gaussian_says(
    tiny: TinyDiffusion, unseen: Tensor
) -> None:
    """The share of its score that the Gaussian does not explain, beside that of large networks."""
    noise = torch.randn(unseen.shape, generator=torch.Generator().manual_seed(1))

    shares = []
    for sigma in (20.0, 5.0, 1.0):
        noisy = unseen + sigma * noise
        network, gaussian = guesses(tiny, noisy, sigma)
        score = network - noisy
        shares.append(float((network - gaussian).square().sum() / score.square().sum()))

    # On CIFAR-10 0.0004 at 5 and 0.016 at 1 (Wang & Vastola 2024).
    assert shares[0] < 0.0001
    assert shares[1] < 0.001
    assert shares[1] < shares[2] < 0.02


def test_the_more_is_skipped_the_more_pictures_change() -> None:
    codes = built().initial_codes(3, np.random.default_rng(0))
    full = built().render(codes).astype(float)

    off = {
        skip: float(np.sqrt(np.square(built(skip=skip).render(codes) - full).mean()))
        for skip in (2, 4, 8)
    }

    assert 0 < off[2] < off[4] < off[8]
    assert off[4] < 8
    assert full.std() > 40


def test_what_leads_the_first_steps_is_in_name_and_digest() -> None:
    plain, led = built(steps=4), built(steps=4, skip=2)

    assert (plain.name, led.name) == ("diffusion-tiny-heun4", "diffusion-tiny-heun4-skip2")
    assert plain.weights_sha256 != led.weights_sha256
    assert "painted" in plain.provenance
    assert plain.code_dim == led.code_dim == 3072
    assert plain.image_shape == (32, 32, 3)


def test_half_precision_changes_pictures_little() -> None:
    plain, half = built(steps=4), built(steps=4, precision="bfloat16")
    codes = plain.initial_codes(2, np.random.default_rng(0))

    off = np.abs(half.render(codes).astype(int) - plain.render(codes))
    assert 0 < off.mean() < 8


def test_a_device_that_is_not_there_is_refused() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a graphics card")
    with pytest.raises(SettingsError, match="cannot compute on cuda"):
        built(steps=2, device="cuda")


def test_what_is_shipped_is_small_and_orthonormal(tiny: TinyDiffusion) -> None:
    assert (ROOT / "generators" / "data" / "tiny_diffusion.npz").stat().st_size < 2_000_000
    modes, variances = tiny.ensemble.modes, tiny.ensemble.variances
    assert torch.allclose(modes @ modes.T, torch.eye(len(modes)), atol=1e-2)
    assert (variances.diff() <= 0).all()
    assert (variances > 0).all()


def test_the_recipe_gives_the_same_network_each_time(recipe: ModuleType) -> None:
    painted = recipe.with_mirror_images(recipe.pictures(4))

    first, again = (recipe.train(painted, 1) for _ in range(2))

    assert all(torch.equal(first[name], again[name]) for name in first)
    np.testing.assert_array_equal(painted[4], painted[0][:, ::-1])


def test_the_recipe_measures_modes_as_numpy_does(recipe: ModuleType) -> None:
    painted = np.random.default_rng(0).integers(0, 256, (80, 6, 6, 3)).astype(np.uint8)

    mean, modes, variances = recipe.strongest_modes(painted)

    flat = painted.transpose(0, 3, 1, 2).reshape(80, -1) / 127.5 - 1.0
    np.testing.assert_allclose(mean, flat.mean(axis=0), atol=1e-9)
    along = (flat - mean) @ modes.T
    np.testing.assert_allclose(np.cov(along.T), np.diag(variances), atol=1e-6)
    assert np.linalg.svd(flat - mean)[1][0] ** 2 / 79 == pytest.approx(variances[0])
