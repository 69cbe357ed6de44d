"""What a config says of the embedded network."""

from typing import Literal

from pydantic import Field

from generators.base import Generator
from generators.settings import NetworkSettings


class EmbeddedSettings(NetworkSettings):
    """The network that neuroloop trains itself on pictures that it paints; nothing to download.

    Codes have 256 elements; images have 128 px: edges, objects, faces and textures of its own
    making, not photographs.
    """

    kind: Literal["embedded"] = Field(description="the network that is shipped")

    def known_code_dim(self) -> int:
        """Return that of the shipped weights."""
        return 256

    def known_image_size_px(self) -> int:
        """Return that of the shipped weights."""
        return 128

    def build(self) -> Generator:
        """Read the shipped weights."""
        # torch takes a second to import, and sessions without it need not wait.
        from generators.embedded.generator import EmbeddedGenerator

        return EmbeddedGenerator(device=self.device, precision=self.precision)
