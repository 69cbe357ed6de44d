"""Settings of a unit of an image network."""

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field, model_validator

from rig_adapters.sim.neurons.base import Neurons
from rig_adapters.sim.neurons.networks.architectures import ARCHITECTURES, Architecture
from rig_adapters.sim.neurons.settings import UnitSettings

RANDOM = "random"
"""In place of a weights file: a network that has learned nothing."""


class NetworkSettings(UnitSettings):
    """A unit of AlexNet, VGG16 or ResNet-50, by its layer and the number of its feature map.

    Layers of AlexNet are conv1 to conv5, fc6, fc7 and fc8, of VGG16 conv1_1 to conv5_3, fc6, fc7
    and fc8, of ResNet-50 conv1, layer1.0 to layer4.2 (its blocks) and fc.
    """

    kind: Literal["alexnet", "vgg16", "resnet50"] = Field(description="which network")
    layer: str = Field(description='layer of the network, for example "conv5", "fc6", "layer3.5"')
    feature: int = Field(
        ge=0, description="number of the feature map, or of the unit of a fully connected layer"
    )
    position: tuple[int, int] | None = Field(
        default=None,
        description="row and column of the unit in its map, from 0; without it the central one",
    )
    weights: str = Field(
        description="a file of weights as torchvision names them, on the machine of the adapter, "
        'or "random" for a network that has learned nothing'
    )
    weights_seed: int = Field(default=0, ge=0, description="seed of random weights")
    input_px: Literal[227, 224] = Field(
        default=227, description="side of what the network is given; the published one is 227"
    )

    @classmethod
    def build(cls, units: Sequence[Self]) -> Neurons:
        """Return the units; see `UnitSettings.build`."""
        # torch takes a second to import, and simulations without networks need not wait.
        from rig_adapters.sim.neurons.networks.neurons import NetworkNeurons

        return NetworkNeurons(units)

    @property
    def architecture(self) -> Architecture:
        """The network that `kind` names."""
        return ARCHITECTURES[self.kind]

    @property
    def place(self) -> tuple[int, int]:
        """Row and column in its map; (0, 0) where features are single numbers."""
        middle = self.architecture.map_px(self.layer, self.input_px) // 2
        return (middle, middle) if self.position is None else self.position

    @property
    def site(self) -> tuple[str, tuple[int, int]]:
        """Its layer, and its row and column there."""
        return (self.layer, self.place)

    @model_validator(mode="after")
    def _exists(self) -> Self:
        architecture = self.architecture
        title = architecture.title
        if self.layer not in architecture.layer_names:
            names = ", ".join(architecture.layer_names)
            raise ValueError(f"{title} has no layer {self.layer!r}: it has {names}")
        layer = architecture.layer(self.layer)
        if self.feature >= layer.n_features:
            raise ValueError(
                f"{self.layer} of {title} has features 0 to {layer.n_features - 1}, "
                f"not {self.feature}"
            )
        side = architecture.map_px(self.layer, self.input_px)
        if self.position is not None and layer.is_dense:
            raise ValueError(f"units of {self.layer} have no position: leave it out")
        if not all(0 <= coordinate < side for coordinate in self.place):
            raise ValueError(
                f"maps of {self.layer} have {side} rows and columns, "
                f"so there is no position {self.place}"
            )
        return self
