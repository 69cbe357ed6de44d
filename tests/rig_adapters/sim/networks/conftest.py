"""What tests of image networks share: the three with few features, which compute the same way."""

from dataclasses import replace
from typing import Any

import pytest

from rig_adapters.sim.neurons.networks.architectures import (
    ARCHITECTURES,
    Architecture,
    Block,
    Convolution,
    Dense,
    Layer,
)

SHARE = 16


def _narrowed_step(step: Any) -> Any:
    if isinstance(step, Convolution | Dense):
        n_in = step.n_in if step.n_in == 3 else step.n_in // SHARE
        return replace(step, n_in=n_in, n_out=step.n_out // SHARE)
    if isinstance(step, Block):
        return Block(*(tuple(map(_narrowed_step, way)) for way in (step.path, step.shortcut)))
    return step


def _narrowed(architecture: Architecture) -> Architecture:
    layers = tuple(
        Layer(layer.name, tuple(map(_narrowed_step, layer.steps))) for layer in architecture.layers
    )
    return Architecture(architecture.title, layers)


@pytest.fixture(scope="session", params=list(ARCHITECTURES))
def narrow(request: pytest.FixtureRequest) -> Architecture:
    """Return each network with a sixteenth of its features: everything else is as it is."""
    return _narrowed(ARCHITECTURES[request.param])
