"""A diffusion model as a generator: noise in, the picture at the end of the ODE out.

A code is the noise that sampling starts from, put onto the sphere on which noise of its
dimension lies: only its direction counts. Every step is deterministic, so that a code has one
picture. The zero code has no direction; the ODE then begins at grey, and ends near what all
pictures have in common.

The first steps may be led in closed form (`generators.diffusion.head_start`). Left out: what
files models come in.
"""

import hashlib
from dataclasses import dataclass
from math import sqrt

import torch
from torch import Tensor

from generators.diffusion.head_start import GaussianModes
from generators.diffusion.model import DiffusionModel
from generators.diffusion.samplers import SAMPLERS, SamplerName, network_calls
from generators.errors import SettingsError
from generators.network import NetworkGenerator, StagedNetwork
from generators.packed import pack_layers
from generators.settings import Precision


@dataclass(frozen=True)
class Sampling:
    """How the ODE of a model is followed.

    Attributes:
        sampler: by which steps.
        skip: how many steps of the schedule are led in closed form.
        ensemble: modes of the pictures that the model was trained on, arrays of torch in float32;
            needed to skip.
        source: a sentence that says which pictures these are, unless the model's provenance does.

    """

    sampler: SamplerName
    skip: int = 0
    ensemble: "GaussianModes[Tensor] | None" = None
    source: str = ""


class DiffusionNetwork(StagedNetwork):
    """The ODE's whole way as a network: first its beginning in closed form, then the sampler.

    Args:
        model: the network, and what it goes through.
        sampling: how.

    Raises:
        SettingsError: nothing is left to sample, or what is known of the pictures does not do.

    """

    def __init__(self, model: DiffusionModel, sampling: Sampling) -> None:
        super().__init__()
        _check(model, sampling)
        self.network = model.network
        self._model = model
        self._sampling = sampling
        self._ensemble = sampling.ensemble
        self._rest = model.sigmas[sampling.skip :]

    @property
    def network_calls(self) -> int:
        """How often the network is asked for one picture."""
        return network_calls(self._sampling.sampler, self._rest)

    def prepare(self, codes: Tensor, n_features: int) -> None:
        """Lay out the weights, and bring what is known of the pictures to where codes are."""
        known = self._ensemble
        if known is not None:
            moved = (array.to(codes.device) for array in (known.mean, known.modes, known.variances))
            self._ensemble = GaussianModes(*moved)
        # One call of the network shows every layer what it is given: the whole way would be many.
        features = self.stem(codes)[:n_features]
        denoise = self._model.denoiser(self._predicted)
        pack_layers(self, lambda: denoise(features, self._rest[0]))

    def stem(self, codes: Tensor) -> Tensor:
        """Codes ``(n, d)`` to noisy pictures ``(n, 3, h, w)`` float32 where the sampler begins."""
        x = self._model.start_deviation * on_sphere(codes.float())
        if self._ensemble is not None and self._sampling.skip:
            x = self._ensemble.solve(x, self._model.sigmas[0], self._rest[0])
        px = self._model.image_px
        return x.reshape(-1, 3, px, px)

    def trunk(self, features: Tensor) -> Tensor:
        """Follow the ODE to its end: pixels ``(n, 3, h, w)``, 0 is black and 1 is white."""
        follow = SAMPLERS[self._sampling.sampler]
        end: Tensor = follow(self._model.denoiser(self._predicted), features, self._rest)
        return (end + 1.0) / 2.0

    def _predicted(self, x: Tensor, noise: Tensor) -> Tensor:
        # The way is kept in float32 whatever the network computes with: rounding adds up on it.
        of_network = next(self.network.parameters()).dtype
        output: Tensor = self.network(x.to(of_network), noise)
        return output.float()


class DiffusionGenerator(NetworkGenerator):
    """A diffusion model as a `generators.base.Generator`.

    Args:
        model: network and noise levels.
        sampling: how the ODE is followed.
        device: where torch computes.
        precision: numbers that the network computes with.

    Raises:
        SettingsError: nothing is left to sample, or what is known of the pictures does not do.

    """

    def __init__(
        self,
        model: DiffusionModel,
        sampling: Sampling,
        device: str = "cpu",
        precision: Precision = "float32",
    ) -> None:
        self._model = model
        self._sampling = sampling
        network = DiffusionNetwork(model, sampling)
        self._network_calls = network.network_calls
        self._sha256 = _digest(model, sampling)
        super().__init__(network, 3 * model.image_px**2, model.image_px, device, precision)

    @property
    def name(self) -> str:
        """For example ``diffusion-tiny-heun18`` or, with steps in closed form, ``…-skip4``."""
        name = f"diffusion-{self._model.name}-{self._sampling.sampler}{len(self._model.sigmas) - 1}"
        return f"{name}-skip{self._sampling.skip}" if self._sampling.skip else name

    @property
    def network_calls(self) -> int:
        """How often the network is asked for one picture."""
        return self._network_calls

    @property
    def weights_sha256(self) -> str:
        """Digest of the weights; of what is known of the pictures too, where it is used."""
        return self._sha256

    @property
    def norm_hint(self) -> float:
        """Length of noise of this dimension; a longer or shorter code gives the same picture."""
        return sqrt(self.code_dim)

    @property
    def provenance(self) -> str:
        """Where the weights come from, and what leads the first steps."""
        source = self._sampling.source if self._sampling.skip else ""
        return f"{self._model.provenance} {source}".rstrip()


def on_sphere(codes: Tensor) -> Tensor:
    """Put codes ``(n, d)`` onto the sphere of radius ``sqrt(d)``; the zero code stays zero."""
    # First by the largest element: the squares of small or large ones are not float32 numbers.
    largest = codes.abs().amax(dim=1, keepdim=True)
    scaled = codes / torch.where(largest > 0, largest, 1.0)
    norms = torch.linalg.vector_norm(scaled, dim=1, keepdim=True).clamp_min(1.0)
    placed: Tensor = scaled * (sqrt(codes.shape[1]) / norms)
    return placed


def _digest(model: DiffusionModel, sampling: Sampling) -> str:
    known = sampling.ensemble
    if known is None or not sampling.skip:
        return model.sha256
    digest = hashlib.sha256(model.sha256.encode())
    for array in (known.mean, known.modes, known.variances):
        digest.update(f"{tuple(array.shape)}".encode())
        digest.update(array.cpu().contiguous().numpy().data)
    return digest.hexdigest()


def _check(model: DiffusionModel, sampling: Sampling) -> None:
    n_steps, code_dim = len(model.sigmas) - 1, 3 * model.image_px**2
    if not 0 <= sampling.skip < n_steps:
        raise SettingsError(
            f"{sampling.skip} of {n_steps} steps are to be skipped: skip fewer, and leave the last "
            "ones to the network"
        )
    if sampling.skip and sampling.ensemble is None:
        raise SettingsError(
            "steps can be skipped only where mean and modes of the training pictures are known: "
            "give a file of them as statistics, or skip = 0"
        )
    if sampling.ensemble is not None and sampling.ensemble.mean.shape != (code_dim,):
        raise SettingsError(
            f"the statistics are of pictures of {len(sampling.ensemble.mean)} values, but those of "
            f"the model have {code_dim}: fit them to pictures of {model.image_px} pixels"
        )
