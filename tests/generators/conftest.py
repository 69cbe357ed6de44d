"""What several tests of generators share."""

import pytest

from generators.weights import Fc6Weights, draw_fc6_weights


@pytest.fixture(scope="session")
def weights() -> Fc6Weights:
    """Draw the random weights of seed 0 once: they are 225 MB."""
    return draw_fc6_weights(seed=0)
