"""What a config says of the embedded diffusion model."""

from typing import Literal

from pydantic import Field

from generators.base import Generator
from generators.diffusion.settings import DiffusionSettings


class TinyDiffusionSettings(DiffusionSettings):
    """The tiny diffusion model that comes with neuroloop, of 32 pixels; to try things out."""

    kind: Literal["diffusion_tiny"] = Field(
        description="diffusion_tiny: embedded, needs no weights"
    )

    def known_code_dim(self) -> int:
        """Return 3 x 32 x 32."""
        return 3 * 32**2

    def known_image_size_px(self) -> int:
        """Return that of the pictures that it was trained on."""
        return 32

    def build(self) -> Generator:
        """Read the model that comes with neuroloop."""
        from generators.diffusion.embedded import tiny_diffusion
        from generators.diffusion.generator import DiffusionGenerator, Sampling

        tiny = tiny_diffusion(self.steps)
        sampling = Sampling(self.sampler, self.skip, tiny.ensemble)
        return DiffusionGenerator(tiny.model, sampling, self.device, self.precision)
