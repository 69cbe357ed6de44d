"""What a network does at the positions where units are, and nothing else of it."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from torch import Tensor

from rig_adapters.sim.neurons.networks.architectures import Layer
from rig_adapters.sim.neurons.networks.network import Network
from rig_adapters.sim.neurons.networks.windows import Position, windowed

Site = tuple[str, Position]
"""A layer and a position in its maps; (0, 0) where it has single numbers."""


class Sites:
    """A network that is computed as far as some sites need it.

    Args:
        layers: of the network, from the first to the last that has a site.
        sites: where activations are wanted.
        parameters: of these layers, by torchvision's names.
        input_px: height and width of pictures.

    """

    def __init__(
        self,
        layers: Sequence[Layer],
        sites: Collection[Site],
        parameters: Mapping[str, Tensor],
        input_px: int,
    ) -> None:
        self._positions: dict[str, list[Position]] = {}
        for name, position in sites:
            self._positions.setdefault(name, []).append(position)
        parts = windowed(layers, self._positions, input_px)
        self._network, self._origins = Network(parts.layers, parameters), parts.origins
        self._last = parts.layers[-1]

    def activations(self, pictures: Tensor) -> Iterator[tuple[Site, Tensor]]:
        """Give each site and its activations (n, features).

        Args:
            pictures: (n, 3, px, px) as `network.prepared` returns them.

        """
        for layer, made in self._network.activations(pictures):
            for position in self._positions.get(layer.name, ()):
                if layer.is_dense:
                    yield (layer.name, position), made
                else:
                    (row, column), (top, left) = position, self._origins[layer.name]
                    yield (layer.name, position), made[:, :, row - top, column - left]

    def keep_features_of_last(self, features: Sequence[int]) -> None:
        """Compute only some features, in this order, of the last layer."""
        self._network.keep_features(self._last, features)
