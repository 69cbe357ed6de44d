"""The head start of a user's model, from the file of a fit."""

from pathlib import Path

import numpy as np
import pytest
import torch

from generators.diffusion.denoisers import edm_denoiser
from generators.diffusion.head_start import GaussianModes
from generators.diffusion.samplers import heun
from generators.diffusion.schedule import edm_sigmas
from generators.diffusion.settings import EdmSettings
from generators.diffusion.song_unet import SongUNet
from generators.errors import SettingsError, WeightsError
from generators.fitted_gaussian.ensemble import FittedEnsemble
from generators.network import NetworkGenerator


def fitted(path: Path, size_px: int = 8, seed: int = 0) -> FittedEnsemble:
    """Write the fit of imagined pictures that vary in five ways."""
    rng = np.random.default_rng(seed)
    modes = np.linalg.qr(rng.standard_normal((3 * size_px**2, 5)))[0].T.astype(np.float32)
    variances = np.array([90, 40, 9, 2, 1], np.float32)
    ensemble = FittedEnsemble(
        image_size_px=size_px,
        mean=rng.uniform(-0.5, 0.5, (size_px, size_px, 3)).astype(np.float32),
        modes=modes,
        variances=variances,
        measured=variances,
        n_pictures=100,
        provenance="Imagined pictures.",
    )
    ensemble.save(path)
    return ensemble


def built(weights: Path, statistics: Path, **others: object) -> NetworkGenerator:
    keys = {"kind": "diffusion_edm", "weights": str(weights), "statistics": str(statistics)}
    generator = EdmSettings.model_validate(keys | {"steps": 6, "skip": 3} | others).build()
    assert isinstance(generator, NetworkGenerator)
    return generator


def test_the_first_steps_are_those_of_the_fitted_gaussian(
    edm_file: Path, small_network: SongUNet, tmp_path: Path
) -> None:
    ensemble, sigmas = fitted(tmp_path / "fit.npz"), edm_sigmas(6).tolist()
    generator = built(edm_file, tmp_path / "fit.npz")
    codes = generator.initial_codes(2, np.random.default_rng(1))

    # As the fit has it: a picture is rows, columns, colours.
    noise = codes / np.linalg.norm(codes, axis=1, keepdims=True) * np.sqrt(192) * 80.0
    as_picture = noise.reshape(2, 3, 8, 8).transpose(0, 2, 3, 1).reshape(2, -1)
    gaussian = GaussianModes(
        ensemble.mean.reshape(-1).astype(float), ensemble.modes, ensemble.variances
    )
    led = gaussian.solve(as_picture, sigmas[0], sigmas[3]).reshape(2, 8, 8, 3)
    x = torch.from_numpy(led.transpose(0, 3, 1, 2)).float()
    end = heun(edm_denoiser(small_network, 0.5), x, sigmas[3:])

    wanted = 255 * ((end + 1) / 2).clamp(0, 1).permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(generator.render(codes), wanted, atol=0.55)
    assert generator.name == "diffusion-edm-heun6-skip3"
    assert generator.provenance.endswith("Head start from fit.npz: Imagined pictures.")


def test_other_statistics_are_another_generator(edm_file: Path, tmp_path: Path) -> None:
    fitted(tmp_path / "one.npz")
    fitted(tmp_path / "two.npz", seed=1)

    digests = {
        built(edm_file, tmp_path / name, skip=skip).weights_sha256
        for name, skip in (("one.npz", 0), ("one.npz", 3), ("one.npz", 2), ("two.npz", 3))
    }
    assert len(digests) == 3


def test_statistics_that_do_not_fit_are_refused_in_a_sentence(
    edm_file: Path, tmp_path: Path
) -> None:
    fitted(tmp_path / "large.npz", size_px=16)
    with pytest.raises(SettingsError, match="fit them to pictures of 8 pixels"):
        built(edm_file, tmp_path / "large.npz")
    with pytest.raises(WeightsError, match=r"none\.npz"):
        built(edm_file, tmp_path / "none.npz")
    fitted(tmp_path / "cut.npz")
    (tmp_path / "cut.npz").write_bytes((tmp_path / "cut.npz").read_bytes()[:-300])
    with pytest.raises(WeightsError, match="cannot be read as a fitted Gaussian"):
        built(edm_file, tmp_path / "cut.npz")
