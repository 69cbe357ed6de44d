"""BigGAN-deep as a generator: codes of noise and of a class to pictures.

A code has 256 numbers, noise and then class, or 128 where one half is frozen, as laboratories do
that evolve the class alone or the noise alone.
"""

import hashlib
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from generators.biggan.checkpoints import BigGanWeights
from generators.biggan.codes import random_classes, truncated_normal, truncated_variance
from generators.biggan.folding import folded
from generators.biggan.network import BigGanNetwork
from generators.errors import SettingsError
from generators.network import NetworkGenerator
from generators.settings import Precision

Half = Literal["noise", "class"]


@dataclass(frozen=True)
class FrozenHalf:
    """One half of a code that stays as it is.

    Attributes:
        half: which.
        values: its elements, ``(128,)`` float32.
        origin: where they come from, in words.

    """

    half: Half
    values: NDArray[np.float32]
    origin: str


def frozen_class(weights: BigGanWeights, index: int) -> FrozenHalf:
    """Freeze the class half to the embedding of one class; SettingsError if there is no such."""
    if not 0 <= index < weights.variant.n_classes:
        raise SettingsError(
            f"class {index} was asked for, but this network has {weights.variant.n_classes}: "
            f"choose 0 to {weights.variant.n_classes - 1}"
        )
    return FrozenHalf("class", weights.embeddings[index].copy(), f"class {index}")


def frozen_noise(weights: BigGanWeights, truncation: float, seed: int) -> FrozenHalf:
    """Freeze the noise half to noise that a seed gives."""
    rng = np.random.default_rng(seed)
    values = truncated_normal(1, weights.variant.noise_dim, truncation, rng)[0]
    return FrozenHalf("noise", values, f"noise of seed {seed}")


class BigGanGenerator(NetworkGenerator):
    """The network as a `generators.base.Generator`.

    Args:
        weights: tensors with their digest, provenance and the network that they fit.
        truncation: above 0, and 1 at the most: spread of the noise of first codes, and the
            statistics that fit such noise.
        frozen: the half that codes do not have, if any.
        device: where torch computes, for example ``cpu`` or ``cuda``.
        precision: numbers that it computes with.

    Raises:
        SettingsError: there is no such truncation or device.
        WeightsError: as `folding.folded`.

    """

    def __init__(
        self,
        weights: BigGanWeights,
        truncation: float,
        frozen: FrozenHalf | None = None,
        device: str = "cpu",
        precision: Precision = "float32",
    ) -> None:
        if not 0.0 < truncation <= 1.0:
            raise SettingsError(f"truncation is {truncation}: choose a value above 0 and up to 1")
        # Only the embeddings are needed again; the rest would stay in memory beside the network.
        kept = {"embeddings.weight": weights.tensors["embeddings.weight"]}
        self._weights, self._variant = replace(weights, tensors=kept), weights.variant
        self._truncation, self._frozen = truncation, frozen
        self._squares = {
            "noise": self._variant.noise_dim * truncated_variance(truncation),
            "class": float(np.square(weights.embeddings, dtype=np.float64).sum(axis=1).mean()),
        }
        # Layers made on the device "meta" draw no initial values from torch's global randomness.
        with torch.device("meta"):
            network = BigGanNetwork(self._variant, None if frozen is None else frozen.half)
        parameters = folded(weights.tensors, truncation)
        if frozen is not None:
            parameters["frozen"] = torch.from_numpy(frozen.values.copy())
        network.load_state_dict(parameters, assign=True)
        code_dim = self._variant.code_dim - (0 if frozen is None else len(frozen.values))
        super().__init__(network, code_dim, self._variant.image_size_px, device, precision)

    @property
    def name(self) -> str:
        """For example ``biggan-deep-256``, ``biggan-deep-256-class`` if only the class is free."""
        parts = [self._variant.name, *(self._free if self._frozen else ())]
        return "-".join(parts if self._weights.trained else [*parts, "random"])

    @property
    def weights_sha256(self) -> str:
        """Digest of the file's digest, the truncation and the frozen half: of all that is fixed."""
        digest = hashlib.sha256(f"{self._weights.sha256} {self._truncation!r}".encode())
        if self._frozen is not None:
            digest.update(self._frozen.half.encode() + self._frozen.values.tobytes())
        return digest.hexdigest()

    @property
    def norm_hint(self) -> float:
        """Root mean square norm of first codes; that of the class half depends on the file."""
        return float(np.sqrt(sum(self._squares[half] for half in self._free)))

    @property
    def provenance(self) -> str:
        """Where the weights come from, and what is fixed, as a sentence or two."""
        frozen = "" if self._frozen is None else f", frozen to {self._frozen.origin}"
        return f"{self._weights.provenance} Truncation {self._truncation}{frozen}."

    def initial_codes(self, n: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """Codes ``(n, code_dim)`` float32 of truncated noise and of classes in random order."""
        classes = random_classes(n, self._variant.n_classes, rng)
        halves = {
            "noise": truncated_normal(n, self._variant.noise_dim, self._truncation, rng),
            "class": self._weights.embeddings[classes],
        }
        return np.concatenate([halves[half] for half in self._free], axis=1)

    @property
    def _free(self) -> tuple[Half, ...]:
        both: tuple[Half, ...] = ("noise", "class")
        return tuple(half for half in both if self._frozen is None or half != self._frozen.half)
