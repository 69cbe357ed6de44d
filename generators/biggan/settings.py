"""What a config says of BigGAN-deep."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from generators.base import Generator
from generators.biggan.variants import VARIANTS, Variant
from generators.settings import RANDOM, Recognised, WeightsSettings


class BigGanSettings(WeightsSettings):
    """BigGAN-deep (Brock, Donahue & Simonyan 2019), from weights of pytorch-pretrained-biggan.

    A code is 128 numbers of noise and then 128 of a class embedding, or one of the two.
    """

    kind: Literal["biggan_deep_128", "biggan_deep_256", "biggan_deep_512"] = Field(
        description="the size of its pictures in pixels"
    )
    truncation: float = Field(
        gt=0,
        le=1,
        description="spread of the noise of first codes, and which statistics the network uses; "
        "0.7 in published work with neurons",
    )
    frozen: Literal["none", "noise", "class"] = Field(
        default="none", description="the half of a code that stays the same and is not evolved"
    )
    class_index: int | None = Field(
        default=None,
        ge=0,
        le=999,
        description='with frozen = "class": the class of ImageNet, in the order of their ids',
    )
    noise_seed: int | None = Field(
        default=None,
        ge=0,
        description='with frozen = "noise": the seed that the noise is drawn from',
    )

    @model_validator(mode="after")
    def _frozen_half_is_given(self) -> "BigGanSettings":
        for half, key, value in (
            ("class", "class_index", self.class_index),
            ("noise", "noise_seed", self.noise_seed),
        ):
            if (self.frozen == half) != (value is not None):
                wanted = "needs" if self.frozen == half else "has no use for"
                raise ValueError(f'@frozen@ = "{self.frozen}" {wanted} @{key}@')
        return self

    @property
    def variant(self) -> Variant:
        """The network that `kind` names."""
        return VARIANTS[self.kind]

    def known_image_size_px(self) -> int:
        """Return that of the network."""
        return self.variant.image_size_px

    def known_code_dim(self) -> int:
        """Return that of both halves, or of the one that is not frozen."""
        variant = self.variant
        fixed = {"none": 0, "noise": variant.noise_dim, "class": variant.class_dim}
        return variant.code_dim - fixed[self.frozen]

    @classmethod
    def recognised(cls, path: Path) -> Sequence[Recognised]:
        """Go by the names and shapes of the tensors."""
        from generators.biggan.checkpoints import fitting_variants

        variants, n_parameters = fitting_variants(path)
        trial = {"truncation": 1.0}
        return [Recognised(variant.kind, n_parameters, trial=trial) for variant in variants]

    def build(self) -> Generator:
        """Read or draw the weights; errors as `checkpoints.read_weights`."""
        # torch takes a second to import, and sessions without it need not wait.
        from generators.biggan.checkpoints import draw_weights, read_weights
        from generators.biggan.generator import BigGanGenerator, frozen_class, frozen_noise

        if self.weights == RANDOM:
            weights = draw_weights(self.variant, self.weights_seed)
        else:
            weights = read_weights(self.variant, Path(self.weights))
        frozen = None
        if self.class_index is not None:
            frozen = frozen_class(weights, self.class_index)
        if self.noise_seed is not None:
            frozen = frozen_noise(weights, self.truncation, self.noise_seed)
        return BigGanGenerator(weights, self.truncation, frozen, self.device, self.precision)
