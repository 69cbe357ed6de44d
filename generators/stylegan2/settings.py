"""What a config says of StyleGAN2."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from generators.base import Generator
from generators.errors import SettingsError
from generators.settings import RANDOM, Recognised, WeightsSettings
from generators.stylegan2.variants import STYLE_DIM, published


class StyleGanSettings(WeightsSettings):
    """StyleGAN2 (Karras et al. 2020), in the layout of rosinality or of stylegan2-ada-pytorch.

    Codes have 512 elements.
    """

    kind: Literal["stylegan2"] = Field(description="stylegan2: whatever it was trained on")
    image_size_px: Literal[128, 256, 512, 1024] = Field(
        description="height and width of its pictures, as the weights have them"
    )
    space: Literal["z", "w"] = Field(
        description="what codes are: z, whose direction alone counts, or styles w"
    )
    truncation: float = Field(
        gt=0, le=1, description="how far a style stays from the mean style; 1 is all the way"
    )

    def known_code_dim(self) -> int:
        """Return that of all published networks; another one is refused when it is read."""
        return STYLE_DIM

    def known_image_size_px(self) -> int:
        """Return what is set."""
        return self.image_size_px

    @classmethod
    def recognised(cls, path: Path) -> Sequence[Recognised]:
        """Go by the names of the first layers, and by how many there are."""
        from generators.stylegan2.checkpoints import seen_size

        found = seen_size(path)
        if found is None:
            return []
        image_size_px, n_parameters = found
        trial: dict[str, str | float] = {"space": "z", "truncation": 1.0}
        keys = {"image_size_px": image_size_px}
        return [Recognised("stylegan2", n_parameters, keys=keys, trial=trial)]

    def build(self) -> Generator:
        """Read or draw the weights.

        Raises:
            GeneratorError: as `checkpoints.read_weights`; or the file is for another size.

        """
        # torch takes a second to import, and sessions without it need not wait.
        from generators.stylegan2.checkpoints import draw_weights, read_weights
        from generators.stylegan2.generator import StyleGanGenerator

        if self.weights == RANDOM:
            weights = draw_weights(published(self.image_size_px), self.weights_seed)
        else:
            weights = read_weights(Path(self.weights))
        found = weights.variant
        if found.image_size_px != self.image_size_px:
            raise SettingsError(
                f"{self.weights} makes pictures of {found.image_size_px} pixels, not of "
                f"{self.image_size_px}: set image_size_px = {found.image_size_px}"
            )
        if found.style_dim != STYLE_DIM:
            raise SettingsError(
                f"{self.weights} takes codes of {found.style_dim} elements, not of {STYLE_DIM}: "
                "give the weights of a network with the published length of codes"
            )
        return StyleGanGenerator(weights, self.space, self.truncation, self.device, self.precision)
