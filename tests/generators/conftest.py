"""What several tests of generators share."""

import pytest

from generators.deepsim.checkpoints import DeepSimWeights, draw_weights
from generators.deepsim.variants import VARIANTS


@pytest.fixture(scope="module", params=list(VARIANTS))
def weights(request: pytest.FixtureRequest) -> DeepSimWeights:
    """Draw the random weights of each network once: up to 225 MB, so one network at a time."""
    return draw_weights(VARIANTS[request.param], seed=0)
