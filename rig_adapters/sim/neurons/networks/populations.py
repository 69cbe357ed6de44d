"""Settings of many units that look at the same place: a column through one layer of a network."""

from typing import Any

import numpy as np

from rig_adapters.sim.neurons.networks.architectures import ARCHITECTURES
from rig_adapters.sim.neurons.networks.settings import NetworkSettings
from rig_adapters.sim.neurons.settings import SimSettingsError


def centre_column(
    kind: str,
    layer: str,
    n_units: int,
    seed: int,
    *,
    weights: str,
    first_channel: int = 1,
    **shared: Any,
) -> tuple[NetworkSettings, ...]:
    """Return settings of units at the centre of a layer's maps, of features drawn without order.

    A larger population of the same seed begins with the smaller one. Each unit has a channel of
    its own.

    Args:
        kind: of the network.
        layer: its layer.
        n_units: 1 or more.
        seed: from which follow the features, and nothing else.
        weights: a file or "random", see `NetworkSettings`.
        first_channel: that of the first unit.
        shared: other keys of `NetworkSettings` for all of them.

    Raises:
        SimSettingsError: the layer has fewer features, or there is no such layer.
        pydantic.ValidationError: another key is wrong.

    """
    architecture = ARCHITECTURES.get(kind)
    if architecture is None or layer not in architecture.layer_names:
        raise SimSettingsError(f"there is no layer {layer!r} of a network {kind!r}")
    n_features = architecture.layer(layer).n_features
    if not 1 <= n_units <= n_features:
        raise SimSettingsError(
            f"{layer} of {architecture.title} has {n_features} features, so a column through it "
            f"has 1 to {n_features} units, not {n_units}"
        )
    features = np.random.default_rng(seed).permutation(n_features)[:n_units]
    table = {"kind": kind, "layer": layer, "weights": weights} | shared
    return tuple(
        NetworkSettings.model_validate({**table, "feature": feature, "channel": channel})
        for channel, feature in enumerate(features.tolist(), first_channel)
    )
