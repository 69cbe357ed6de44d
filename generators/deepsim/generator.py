"""A DeePSiM network as a generator: codes to pictures of 256 x 256 pixels.

Of the family fc6 is the generator of most closed-loop work in visual cortex: 4096 numbers. The
trained weights cannot be shipped: a lab brings its own file (see `generators.deepsim.checkpoints`).
"""

from pathlib import Path

import torch
from torch import Tensor

from generators.deepsim.checkpoints import DeepSimWeights, draw_weights, read_weights
from generators.deepsim.network import DeepSimNetwork
from generators.deepsim.variants import IMAGE_SIZE_PX, VARIANTS, Variant
from generators.descent import DescendingGenerator, Descent
from generators.settings import Precision

INVERSION_STEPS = 150
INVERSION_RATE = 0.3
"""Step size of Adam for fc6, and for the others in proportion to the deviation of their genes."""


class DeepSimGenerator(DescendingGenerator):
    """The network as a `generators.base.Generator`.

    Args:
        weights: parameters with their digest, provenance and the network that they fit.
        device: where torch computes, for example ``cpu`` or ``cuda``.
        precision: numbers that it computes with.

    """

    def __init__(
        self, weights: DeepSimWeights, device: str = "cpu", precision: Precision = "float32"
    ) -> None:
        self._weights = weights
        self._variant = weights.variant
        # Layers made on the device "meta" draw no initial values from torch's global randomness.
        with torch.device("meta"):
            network = DeepSimNetwork(weights.variant)
        network.load_state_dict(dict(weights.tensors), assign=True)
        super().__init__(network, weights.variant.code_dim, IMAGE_SIZE_PX, device, precision)

    @classmethod
    def from_file(cls, variant: Variant, path: Path, device: str = "cpu") -> "DeepSimGenerator":
        """Load a trained network from a user's file; errors as `checkpoints.read_weights`."""
        return cls(read_weights(variant, path), device)

    @classmethod
    def with_random_weights(
        cls, variant: Variant, seed: int, device: str = "cpu"
    ) -> "DeepSimGenerator":
        """Make an untrained network for tests and timing; its images are structureless noise."""
        return cls(draw_weights(variant, seed), device)

    @property
    def name(self) -> str:
        """For example ``deepsim-fc6``, or ``deepsim-fc6-random`` for untrained weights."""
        name = f"deepsim-{self._variant.name}"
        return name if self._weights.trained else f"{name}-random"

    @property
    def weights_sha256(self) -> str:
        """Digest of the weights file, or of the drawn values."""
        return self._weights.sha256

    @property
    def norm_hint(self) -> float:
        """300 for fc6: the norm to which the field scales its codes; see `variants` for others."""
        return self._variant.norm_hint

    @property
    def provenance(self) -> str:
        """Where the weights come from, as a sentence."""
        return self._weights.provenance

    def _descent(self, wanted: Tensor) -> Descent:
        """Begin at zero; takes about a quarter of a minute for each picture on one core."""
        start = torch.zeros((1, self.code_dim), device=wanted.device)
        rate = INVERSION_RATE * self._variant.gene_deviation / VARIANTS["fc6"].gene_deviation
        return Descent(start, rate, INVERSION_STEPS, white=255.0)
