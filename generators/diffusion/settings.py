"""What a config says of a diffusion model."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from generators.base import Generator
from generators.diffusion.samplers import SamplerName
from generators.diffusion.schedule import RHO, SIGMA_MAX, SIGMA_MIN
from generators.errors import WeightsError
from generators.settings import NetworkSettings, Recognised

if TYPE_CHECKING:
    from generators.diffusion.generator import Sampling

_STEPS = "steps from noise to picture; more are slower and nearer to the ODE's end"
_SAMPLER = (
    '"heun" asks the network twice in each step but the last, "ddim" once (Euler\'s steps; for '
    "networks that predict noise they are those of DDIM)"
)


class DiffusionSettings(NetworkSettings):
    """Keys of every diffusion model."""

    steps: int = Field(default=18, ge=2, le=1000, description=_STEPS)
    sampler: SamplerName = Field(default="heun", description=_SAMPLER)
    skip: int = Field(
        default=0,
        ge=0,
        description="so many of the steps are led in closed form, without the network, as if the "
        "training pictures were Gaussian",
    )

    @model_validator(mode="after")
    def _something_is_left(self) -> Self:
        if self.skip >= self.steps:
            raise ValueError(f"skip is {self.skip} of {self.steps} steps: skip fewer")
        return self


class UsersDiffusionSettings(DiffusionSettings):
    """Keys of a diffusion model whose weights are the user's."""

    statistics: str = Field(
        default="",
        description="a file that `neuroloop generator fit` made of the model's training pictures, "
        "or of pictures like them; needed to skip steps",
    )
    license_note: str = Field(
        default="",
        max_length=500,
        description="under which terms the weights may be used; for the log",
    )

    @property
    def terms(self) -> str:
        """What `license_note` says."""
        return self.license_note

    def known_code_dim(self) -> None:
        """Only the weights tell."""

    @model_validator(mode="after")
    def _what_skips_is_known(self) -> Self:
        if self.skip and not self.statistics:
            raise ValueError(
                "skip needs statistics: make them with `neuroloop generator fit` from the model's "
                "training pictures, or set skip = 0"
            )
        return self

    def _files(self, key: str) -> Mapping[str, str]:
        given = {key: getattr(self, key), "statistics": self.statistics}
        return {name: path for name, path in given.items() if path}

    def _sampling(self) -> "Sampling":
        from generators.diffusion.generator import Sampling

        if not self.skip:
            return Sampling(self.sampler)
        from generators.diffusion.statistics import read_ensemble

        ensemble, source = read_ensemble(Path(self.statistics))
        return Sampling(self.sampler, self.skip, ensemble, source)


class EdmSettings(UsersDiffusionSettings):
    """An unconditional network of EDM (Karras et al. 2022), from a plain state dict."""

    kind: Literal["diffusion_edm"] = Field(description="diffusion_edm: a network of NVlabs/edm")
    weights: str = Field(description="a file of its state_dict()")
    sigma_min: float = Field(default=SIGMA_MIN, gt=0, description="last noise level above none")
    sigma_max: float = Field(default=SIGMA_MAX, gt=0, description="first noise level")
    rho: float = Field(default=RHO, ge=1, description="how far steps crowd towards little noise")
    sigma_data: float = Field(
        default=0.5, gt=0, description="deviation of pixels that the training assumed"
    )

    @classmethod
    def recognised(cls, path: Path) -> Sequence[Recognised]:
        """Go by the names of parameters."""
        from generators.diffusion.checkpoints import numbers_of

        n_parameters = numbers_of(path)
        return [] if n_parameters is None else [Recognised("diffusion_edm", n_parameters)]

    @property
    def files(self) -> Mapping[str, str]:
        """The weights, and the statistics where there are any."""
        return self._files("weights")

    def build(self) -> Generator:
        """Read the weights; errors as `checkpoints.read_weights`."""
        from generators.diffusion.checkpoints import read_weights
        from generators.diffusion.edm import edm_model
        from generators.diffusion.generator import DiffusionGenerator
        from generators.diffusion.schedule import edm_sigmas

        sigmas = edm_sigmas(self.steps, self.sigma_min, self.sigma_max, self.rho).tolist()
        weights = read_weights(Path(self.weights))
        model = edm_model(weights, "edm", sigmas, self.sigma_data)
        return DiffusionGenerator(model, self._sampling(), self.device, self.precision)

    @model_validator(mode="after")
    def _noise_falls(self) -> Self:
        if self.sigma_min >= self.sigma_max:
            raise ValueError(f"sigma_min is {self.sigma_min}: choose one below sigma_max")
        return self


class FolderDiffusionSettings(UsersDiffusionSettings):
    """An unconditional model in a folder of Hugging Face's diffusers; needs that library."""

    kind: Literal["diffusion_folder"] = Field(
        description="diffusion_folder: a local folder of Hugging Face's diffusers"
    )
    folder: str = Field(description="the folder that save_pretrained wrote; nothing is downloaded")
    steps: int = Field(default=50, ge=2, le=1000, description=_STEPS)
    sampler: SamplerName = Field(default="ddim", description=_SAMPLER)

    @classmethod
    def recognised(cls, path: Path) -> Sequence[Recognised]:
        """Take every folder for one; building it says what it lacks."""
        if not path.is_dir():
            return []
        from generators.diffusion.hugging_face import numbers_of

        try:
            n_parameters = numbers_of(path)
        except WeightsError:
            n_parameters = 0
        return [Recognised("diffusion_folder", n_parameters, key="folder")]

    @property
    def files(self) -> Mapping[str, str]:
        """The folder, and the statistics where there are any."""
        return self._files("folder")

    def build(self) -> Generator:
        """Read the folder; errors as `hugging_face.read_model`."""
        from generators.diffusion.generator import DiffusionGenerator
        from generators.diffusion.hugging_face import read_model

        model = read_model(Path(self.folder), self.steps)
        return DiffusionGenerator(model, self._sampling(), self.device, self.precision)
