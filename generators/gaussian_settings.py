"""What a config says of the embedded linear-Gaussian generator."""

from typing import Literal

from pydantic import Field

from generators.base import Generator
from generators.gaussian import GaussianGenerator
from generators.settings import GeneratorSettings


class GaussianSettings(GeneratorSettings):
    """The embedded linear-Gaussian generator; needs no weights."""

    kind: Literal["gaussian"] = Field(description="gaussian: embedded, needs no weights")
    code_dim: int = Field(default=4096, ge=1, le=4096, description="number of image modes")
    image_size_px: int = Field(default=128, ge=72, le=1024, description="height and width")

    def known_code_dim(self) -> int:
        """Return what is set."""
        return self.code_dim

    def known_image_size_px(self) -> int:
        """Return what is set."""
        return self.image_size_px

    def build(self) -> Generator:
        """Read the statistics that come with neuroloop."""
        return GaussianGenerator(code_dim=self.code_dim, image_size_px=self.image_size_px)
