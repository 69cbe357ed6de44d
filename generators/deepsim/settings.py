"""What a config says of a DeePSiM network."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from generators.base import Generator
from generators.deepsim.variants import IMAGE_SIZE_PX, VARIANTS, Variant
from generators.settings import RANDOM, Recognised, WeightsSettings


class DeepSimSettings(WeightsSettings):
    """One of the DeePSiM up-convolutional networks (Dosovitskiy & Brox 2016).

    Codes have 4096 elements for fc6 and fc7, 1000 for fc8, 9216 for pool5; images have 256 px.
    """

    kind: Literal["deepsim_fc6", "deepsim_fc7", "deepsim_fc8", "deepsim_pool5"] = Field(
        description="the layer of CaffeNet whose responses the network turns into pictures"
    )

    @property
    def variant(self) -> Variant:
        """The network that `kind` names."""
        return VARIANTS[self.kind.removeprefix("deepsim_")]

    def known_code_dim(self) -> int:
        """Return that of the network."""
        return self.variant.code_dim

    def known_image_size_px(self) -> int:
        """Return that of all these networks."""
        return IMAGE_SIZE_PX

    @classmethod
    def recognised(cls, path: Path) -> Sequence[Recognised]:
        """Go by the names of layers, and by shapes where they tell networks apart."""
        from generators.deepsim.checkpoints import fitting_variants

        variants, n_parameters = fitting_variants(path)
        return [Recognised(f"deepsim_{variant.name}", n_parameters) for variant in variants]

    def build(self) -> Generator:
        """Read or draw the weights; errors as `checkpoints.read_weights`."""
        # torch takes a second to import, and sessions without it need not wait.
        from generators.deepsim.checkpoints import draw_weights, read_weights
        from generators.deepsim.generator import DeepSimGenerator

        if self.weights == RANDOM:
            weights = draw_weights(self.variant, self.weights_seed)
        else:
            weights = read_weights(self.variant, Path(self.weights))
        return DeepSimGenerator(weights, self.device, self.precision)
