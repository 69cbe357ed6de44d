"""Unconditional models in folders of Hugging Face's library `diffusers`.

The folder is what ``pipeline.save_pretrained(folder)`` writes for a `UNet2DModel`:
``unet/config.json``, ``unet/diffusion_pytorch_model.safetensors`` and
``scheduler/scheduler_config.json``; the older layout, with all of them in one place, is read
too. The library builds the network and reads its weights; which noise levels it was trained on
is taken from the scheduler's settings. Nothing is downloaded: only files in the folder are asked
for, and only safetensors are read.

Two families of noise levels are known. DDPM and DDIM keep the variance (Ho et al. 2020): ``x_vp
= alpha x0 + sqrt(1 - alpha^2) noise``, which in EDM's form, ``x = x_vp / alpha``, is the noise
level ``sigma = sqrt(1 - alpha^2) / alpha``. EDM's schedulers have those of
`generators.diffusion.schedule`.

Left out: pipelines with text, classes, latents or several networks; the clipping of predicted
pictures (``clip_sample``), which would take the sampler off its ODE. This module is imported
only to build.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import prod, sqrt
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from generators.diffusion.denoisers import Denoiser, Network, edm_denoiser
from generators.diffusion.model import DiffusionModel
from generators.diffusion.schedule import RHO, edm_sigmas
from generators.errors import SettingsError, WeightsError
from generators.weights import faults_of_values, file_sha256

WEIGHTS = "diffusion_pytorch_model.safetensors"
_VARIANCE_PRESERVING = ("DDPMScheduler", "DDIMScheduler")
_EDM = ("EDMEulerScheduler", "EDMDPMSolverMultistepScheduler")
_LARGEST_PX = 1024


@dataclass(frozen=True)
class Folder:
    """The three files of a folder, found and read as far as they are JSON."""

    path: Path
    weights: Path
    network: dict[str, Any]
    scheduler: dict[str, Any]
    sha256: str


def read_folder(path: Path) -> Folder:
    """Find the files of a folder; WeightsError where one is missing, damaged or of another kind."""
    if not path.is_dir():
        raise WeightsError(f"there is no folder {path}: give the one that diffusers wrote")
    inner = path / "unet" if (path / "unet").is_dir() else path
    outer = path / "scheduler" if (path / "scheduler").is_dir() else path
    config, scheduler = inner / "config.json", outer / "scheduler_config.json"
    weights = inner / WEIGHTS
    if not weights.is_file():
        raise WeightsError(
            f"{inner} has no {WEIGHTS}: save the network there by diffusers' save_pretrained, "
            "which writes safetensors; .bin files can carry code and are not read"
        )
    digest = hashlib.sha256()
    for file in (config, scheduler, weights):
        digest.update(file_sha256(file).encode())
    folder = Folder(path, weights, _json(config), _json(scheduler), digest.hexdigest())
    _check_network(folder, config)
    return folder


def numbers_of(path: Path) -> int:
    """Return how many numbers the network of a folder has; WeightsError as `read_folder`."""
    weights = read_folder(path).weights
    try:
        with safe_open(weights, framework="pt") as file:
            return sum(prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118 - no mapping
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{weights} is cut short or damaged: copy the folder again") from error


def read_model(path: Path, n_steps: int) -> DiffusionModel:
    """Build the network of a folder, and a schedule of `n_steps`.

    Raises:
        WeightsError: a file is missing, damaged or of a kind that is not known.
        SettingsError: `diffusers` is not installed, or it has no schedule of so many steps.

    """
    folder = read_folder(path)
    network = _network(folder)
    kind = folder.scheduler.get("_class_name")
    if kind in _VARIANCE_PRESERVING:
        wrap, sigmas = _variance_preserving(folder, n_steps)
        deviation = sqrt(1 + sigmas[0] ** 2)
    elif kind in _EDM:
        wrap, sigmas = _edm(folder, n_steps)
        deviation = sigmas[0]
    else:
        raise WeightsError(
            f"{path} was trained with {kind}, whose noise levels are not known here: give a folder "
            f"with one of {', '.join((*_VARIANCE_PRESERVING, *_EDM))}"
        )
    return DiffusionModel(
        network=network,
        denoiser=wrap,
        image_px=folder.network["sample_size"],
        sigmas=sigmas,
        start_deviation=deviation,
        name="diffusers",
        sha256=folder.sha256,
        provenance=f"Diffusion model from the user's folder {path.name} (sha256 {folder.sha256}).",
    )


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path} is no JSON ({error}): copy the folder again") from error
    if not isinstance(content, dict):
        raise WeightsError(f"{path} holds no settings: copy the folder again")
    return content


def _check_network(folder: Folder, config: Path) -> None:
    found = folder.network
    if found.get("_class_name") != "UNet2DModel":
        raise WeightsError(
            f"{config} is of a {found.get('_class_name')}: only unconditional networks of pixels "
            "are read (UNet2DModel)"
        )
    size = found.get("sample_size")
    if not isinstance(size, int) or not 8 <= size <= _LARGEST_PX:
        raise WeightsError(f"{config} says no size of pictures (sample_size {size}): correct it")
    if found.get("in_channels") != 3 or found.get("out_channels") != 3:
        raise WeightsError(
            f"{config} is of a network from {found.get('in_channels')} to "
            f"{found.get('out_channels')} channels: give one of colour pictures, from 3 to 3"
        )
    if found.get("num_class_embeds") or found.get("class_embed_type"):
        raise WeightsError(f"{config} is of a network that is told classes: give one without")


def _library() -> Any:  # the library has no types
    try:
        import diffusers
    except ImportError as error:
        raise SettingsError(
            "folders of Hugging Face need the library diffusers, which is not installed: "
            "pip install 'neuroloop[diffusers]'"
        ) from error
    return diffusers


def _network(folder: Folder) -> nn.Module:
    diffusers = _library()
    try:
        network, report = diffusers.UNet2DModel.from_pretrained(
            folder.weights.parent,
            local_files_only=True,
            use_safetensors=True,
            low_cpu_mem_usage=False,
            output_loading_info=True,
        )
    except Exception as error:
        # Whatever its own and torch's errors for a damaged file are: nothing of it was used.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(
            f"{folder.weights} does not fit its config.json or is damaged ({reason}): copy the "
            "folder again"
        ) from error
    faults = [
        f"{what} {name}"
        for what in ("missing", "unexpected", "mismatched")
        for name in report[f"{what}_keys"][:4]
    ]
    # In memory of their own: what lies in the file would change with it during a session.
    for parameter in network.parameters():
        parameter.data = parameter.data.clone()
    parameters = network.state_dict()
    faults += faults_of_values(parameters, {name: name for name in parameters})
    if faults:
        raise WeightsError(
            f"{folder.weights} does not fit its config.json: {'; '.join(faults)}: copy the folder "
            "again"
        )
    return _Plain(network)


class _Plain(nn.Module):
    """A network of the library that returns its output as it is."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self._network = network

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        output: Tensor = self._network(x, noise, return_dict=False)[0]
        return output


def _variance_preserving(
    folder: Folder, n_steps: int
) -> tuple[Callable[[Network], Denoiser], tuple[float, ...]]:
    """Return the denoiser of a network, and the noise levels, of DDPM's kind."""
    try:
        scheduler = _library().DDIMScheduler.from_config(folder.scheduler)
        scheduler.set_timesteps(n_steps)
        kept = scheduler.alphas_cumprod.double()[scheduler.timesteps].tolist()
        times = [int(time) for time in scheduler.timesteps]
    except (ValueError, TypeError, IndexError, NotImplementedError, ZeroDivisionError) as error:
        raise SettingsError(
            f"the scheduler of {folder.path} makes no schedule of {n_steps} steps ({error}): "
            "choose another number of steps"
        ) from error
    if min(kept) <= 0:
        raise WeightsError(
            f"{folder.path} begins with nothing but noise (rescale_betas_zero_snr): the ODE has no "
            "beginning there; give a network that was trained without"
        )
    sigmas = tuple(sqrt((1 - share) / share) for share in kept)
    time_at = dict(zip(sigmas, times, strict=True))
    guess = _guess(folder)

    def wrap(network: Network) -> Denoiser:
        def denoise(x: Tensor, sigma: float) -> Tensor:
            alpha = 1 / sqrt(1 + sigma**2)
            output = network(alpha * x, x.new_full((len(x),), time_at[sigma]))
            return guess(x, output, sigma)

        return denoise

    return wrap, (*sigmas, 0.0)


def _guess(folder: Folder) -> Callable[[Tensor, Tensor, float], Tensor]:
    """Return what a network's output says of the picture, by what it was trained to predict."""
    predicts = folder.scheduler.get("prediction_type", "epsilon")
    if predicts == "epsilon":
        return lambda x, output, sigma: x - sigma * output
    if predicts == "sample":
        return lambda _x, output, _sigma: output
    if predicts == "v_prediction":  # v = alpha noise - sqrt(1 - alpha^2) x0 (Salimans & Ho 2022)
        return lambda x, output, sigma: (
            (x / sqrt(1 + sigma**2) - sigma * output) / sqrt(1 + sigma**2)
        )
    raise WeightsError(f"{folder.path} predicts {predicts}, which is not known here")


def _edm(folder: Folder, n_steps: int) -> tuple[Callable[[Network], Denoiser], tuple[float, ...]]:
    """Return the denoiser of a network, and the noise levels, of EDM's kind."""
    said = folder.scheduler
    if (said.get("sigma_schedule", "karras"), said.get("prediction_type", "epsilon")) != (
        "karras",
        "epsilon",
    ):
        raise WeightsError(
            f"{folder.path} has a scheduler of EDM with {said.get('sigma_schedule')} noise levels "
            f"and {said.get('prediction_type')} predictions: only karras and epsilon are known here"
        )
    try:
        sigma_data = float(said["sigma_data"])
        weakest, strongest = float(said["sigma_min"]), float(said["sigma_max"])
        sigmas = edm_sigmas(n_steps, weakest, strongest, float(said.get("rho", RHO)))
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"the scheduler of {folder.path} lacks a number or has a wrong one ({error}): copy the "
            "folder again"
        ) from error

    return partial(edm_denoiser, sigma_data=sigma_data), tuple(sigmas.tolist())
