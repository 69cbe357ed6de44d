"""What a config says of a generator that was fitted to a folder of pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from generators.base import Generator
from generators.fitted_gaussian.ensemble import n_values_of
from generators.fitted_gaussian.generator import FittedGaussianGenerator
from generators.settings import FileSettings, Recognised


class FittedGaussianSettings(FileSettings):
    """A linear-Gaussian generator of your own pictures, which `neuroloop generator fit` made."""

    kind: Literal["gaussian_fitted"] = Field(
        description="gaussian_fitted: mean and modes of a folder of pictures"
    )
    weights: str = Field(description="the file that `neuroloop generator fit` wrote")
    code_dim: int | None = Field(
        default=None, ge=1, description="number of image modes; all that the file has if left out"
    )

    def known_code_dim(self) -> int | None:
        """Return what is set."""
        return self.code_dim

    @classmethod
    def recognised(cls, path: Path) -> Sequence[Recognised]:
        """Go by the names of the arrays."""
        n_parameters = n_values_of(path)
        return [] if n_parameters is None else [Recognised("gaussian_fitted", n_parameters)]

    def build(self) -> Generator:
        """Read the file; errors as `FittedGaussianGenerator.from_file`."""
        return FittedGaussianGenerator.from_file(Path(self.weights), self.code_dim)
