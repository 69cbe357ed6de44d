"""The embedded network as a generator: codes to pictures of 128 x 128 pixels.

Its weights are shipped. Codes are scaled so that their elements deviate as much as those of fc6 at
a norm of 300; what optimizers take for granted of step sizes then holds here too. Left out:
training, see `generators.embedded.training`.
"""

import json
import math
from importlib import resources
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from generators.descent import DescendingGenerator, Descent
from generators.embedded.arrays import EmbeddedWeights, read_arrays
from generators.embedded.network import SKETCH_PX, Decoder, DecoderShape
from generators.errors import WeightsError
from generators.network import StagedNetwork
from generators.settings import Precision

GENE_DEVIATION = 300.0 / math.sqrt(4096)
"""Of a code's elements where the network was trained with 1."""
INVERSION_STEPS = 150
INVERSION_RATE = 0.1
"""Step size of Adam, in units of the deviation of a code's elements."""


class EmbeddedNetwork(StagedNetwork):
    """The decoder in the units of generators: scaled codes, pixels in 0..1."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder

    def stem(self, codes: Tensor) -> Tensor:
        """Return what the codes do to every level."""
        return self.decoder.stem(codes / GENE_DEVIATION)

    def trunk(self, features: Tensor) -> Tensor:
        """Go from the map of 4 x 4 to the picture."""
        return 0.5 * self.decoder.trunk(features) + 0.5


class EmbeddedGenerator(DescendingGenerator):
    """The embedded network as a `generators.base.Generator`; also invertible and differentiable.

    Args:
        weights: parameters of the decoder; those that are shipped if None.
        device: where torch computes; see `generators.network.NetworkGenerator`.
        precision: numbers that it computes with.

    Raises:
        WeightsError: the weights are damaged or of another network.

    """

    def __init__(
        self,
        weights: EmbeddedWeights | None = None,
        device: str = "cpu",
        precision: Precision = "float32",
    ) -> None:
        self._weights = embedded_weights() if weights is None else weights
        shape = decoder_shape(self._weights)
        # Layers made on the device "meta" draw no values from torch's global randomness.
        with torch.device("meta"):
            decoder = Decoder(shape)
        arrays = self._weights.arrays
        tensors = {name: torch.from_numpy(arrays[name].astype(np.float32)) for name in arrays}
        decoder.load_state_dict(tensors, assign=True)
        self._sha256 = self._weights.sha256()
        self._decoder = decoder
        super().__init__(
            EmbeddedNetwork(decoder), shape.code_dim, shape.image_size_px, device, precision
        )

    @property
    def name(self) -> str:
        """``embedded`` and the number of elements of a code."""
        return f"embedded-{self.code_dim}"

    @property
    def weights_sha256(self) -> str:
        """Digest of the parameters."""
        return self._sha256

    @property
    def norm_hint(self) -> float:
        """75, the norm of codes as it was trained with."""
        return GENE_DEVIATION * math.sqrt(self.code_dim)

    @property
    def provenance(self) -> str:
        """How many pictures and steps it learned from, as a sentence."""
        return self._weights.provenance

    def _descent(self, wanted: Tensor) -> Descent:
        """Begin at the code whose sketch comes nearest; three seconds for each picture."""
        rate = INVERSION_RATE * GENE_DEVIATION
        return Descent(self._sketched(wanted), rate, INVERSION_STEPS)

    def _sketched(self, pictures: Tensor) -> Tensor:
        """Pictures ``(n, 3, h, w)`` to the codes whose sketches differ least, ``(n, code_dim)``."""
        small = functional.adaptive_avg_pool2d(2.0 * pictures - 1.0, SKETCH_PX).flatten(1)
        solved = torch.linalg.pinv(self._decoder.sketch.weight.float())
        bias = self._decoder.sketch.bias.float()
        codes: Tensor = GENE_DEVIATION * (small - bias) @ solved.T
        return codes


def embedded_weights() -> EmbeddedWeights:
    """Weights that are shipped with the project."""
    data = resources.files("generators") / "data" / "embedded_gan.npz"
    with resources.as_file(data) as path:
        return read_arrays(Path(path))


def decoder_shape(weights: EmbeddedWeights) -> DecoderShape:
    """Sizes that the recipe of the weights names.

    Raises:
        WeightsError: the arrays have other names or shapes.

    """
    try:
        sizes = json.loads(weights.recipe)["shape"]
        shape = DecoderShape(sizes["code_dim"], tuple(sizes["widths"]), sizes["last_width"])
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsError(
            f"the recipe of the embedded network's weights names no sizes ({error}): make the file "
            "with scripts/train_embedded_generator"
        ) from error
    with torch.device("meta"):
        wanted = {name: tuple(p.shape) for name, p in Decoder(shape).state_dict().items()}
    held = {name: array.shape for name, array in weights.arrays.items()}
    if held != wanted:
        wrong = sorted(name for name in wanted | held if wanted.get(name) != held.get(name))
        raise WeightsError(
            f"the weights of the embedded network lack or misshape {', '.join(wrong[:8])}: make "
            "the file with scripts/train_embedded_generator"
        )
    return shape
