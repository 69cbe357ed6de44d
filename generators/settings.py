"""What a config says of a generator: a table for each kind, checked before anything is read.

A kind is a subclass in the folder of its family, and an entry in `generators.registry`. Nothing
here, and no settings file, imports torch: a config is checked without the seconds that this takes.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from generators.base import Generator

RANDOM = "random"
"""In place of a weights file: a network that has learned nothing."""

Precision = Literal["float32", "bfloat16", "float16"]


@dataclass(frozen=True)
class Recognised:
    """What a weights file seems to be for.

    Attributes:
        kind: as a config names it.
        n_parameters: numbers in the file.
        key: the key of the config that names the file.
        keys: further keys of the config that the file decides.
        trial: values of keys that are the scientist's to choose, with which the file is checked.

    """

    kind: str
    n_parameters: int
    key: str = "weights"
    keys: Mapping[str, str | int] = field(default_factory=dict)
    trial: Mapping[str, str | float] = field(default_factory=dict)


class GeneratorSettings(BaseModel, ABC):
    """Base of the tables ``[generators.NAME]``: frozen, and nothing unknown in it.

    A subclass narrows `kind` to a ``Literal`` of the names that it goes by. Its docstring is what
    the reference says of it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: str = Field(description="which generator")

    @abstractmethod
    def known_code_dim(self) -> int | None:
        """Return the number of elements of one code; None where only the weights tell."""

    def known_image_size_px(self) -> int | None:
        """Return height and width of the images; None where only the weights tell."""
        return None

    @classmethod
    def recognised(cls, path: Path) -> Sequence["Recognised"]:  # noqa: ARG003 - for subclasses
        """Say for which kinds a weights file may be, by its names and shapes.

        For `neuroloop generator import`, which then builds each kind that is named, so that the
        file is checked as for a session. A kind without this is never recognised.

        Raises:
            WeightsError: the file cannot be opened, though it looks like one of this family.

        """
        return ()

    @property
    def terms(self) -> str:
        """Under which terms the weights may be used, as far as the config says."""
        return ""

    @property
    def files(self) -> Mapping[str, str]:
        """Files and folders that have to be there, by the key that names them."""
        return {}

    @abstractmethod
    def build(self) -> Generator:
        """Read the weights, if any, and return the generator.

        Raises:
            GeneratorError: it cannot be built; the message says why and what to do.

        """


class NetworkSettings(GeneratorSettings):
    """Keys of every network that torch computes."""

    device: str = Field(
        default="cpu",
        pattern=r"^(cpu|mps|cuda(:\d+)?)$",
        description='where it is computed: "cpu", "cuda" or "cuda:1", "mps"; pixels differ by '
        "rounding between kinds of device",
    )
    precision: Precision = Field(
        default="float32",
        description='numbers that it computes with; "bfloat16" and "float16" are faster on some '
        "devices, and change pixels by several levels",
    )


class FileSettings(GeneratorSettings):
    """Keys of a generator that is a file of the user's."""

    weights: str = Field(description="the file")
    license_note: str = Field(
        default="",
        max_length=500,
        description="under which terms the weights may be used; for the log",
    )

    @property
    def terms(self) -> str:
        """What `license_note` says."""
        return self.license_note

    @property
    def files(self) -> Mapping[str, str]:
        """The file."""
        return {"weights": self.weights}


class WeightsSettings(FileSettings, NetworkSettings):
    """Keys of a network whose weights are a file of the user's."""

    weights: str = Field(
        description='a weights file, or "random" for a network that has learned nothing'
    )
    weights_seed: int = Field(default=0, ge=0, description="seed of random weights")

    @property
    def files(self) -> Mapping[str, str]:
        """The weights, unless they are drawn."""
        return {} if self.weights == RANDOM else super().files
