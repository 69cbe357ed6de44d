"""The matrix products of the simulated eye against `numpy.einsum`, to the last bit."""

import numpy as np
import pytest

from rig_adapters.sim.neurons.shape.oriented_energy import GRID, early_response
from rig_adapters.sim.retina import PATCH_PX, Placement, ReceptiveField, mix_axis, patches, sampling

FIELD = ReceptiveField((1.0, -0.5), 3.0)
TERMS = ("xw,nwbc->nxbc", "xw,nbwc->nbxc", "xw,nbcw->nbcx")


@pytest.mark.parametrize("n", [1, 2, 18, 40])
@pytest.mark.parametrize("axis", [1, 2, 3])
def test_an_axis_is_mixed_to_the_bit_as_einsum_mixes_it(n: int, axis: int) -> None:
    rng = np.random.default_rng(n)
    shape = [n, 20, 30, 3]
    values = rng.standard_normal(shape, np.float32)
    weights = rng.standard_normal((7, shape[axis]), np.float32)
    expected = np.einsum(TERMS[axis - 1], weights, values, optimize=True)
    np.testing.assert_array_equal(mix_axis(values, axis, weights), expected)


@pytest.mark.parametrize("n", [1, 3, 8, 20])
def test_maps_are_pooled_to_the_bit_as_einsum_pools_them(
    n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rig_adapters.sim.neurons.shape import oriented_energy

    seen = np.random.default_rng(n).standard_normal((n, 3, PATCH_PX, PATCH_PX), np.float32)
    ours = early_response(seen)
    order = ["einsum_path", (0, 1), (0, 1)]
    monkeypatch.setattr(
        oriented_energy,
        "_pooled",
        lambda maps, weights: np.einsum("gy,ncyx,hx->ncgh", weights, maps, weights, optimize=order),
    )
    theirs = early_response(seen)
    np.testing.assert_array_equal(ours.features, theirs.features)
    assert ours.features.shape[1] > GRID**2


def test_what_samples_a_field_is_shared_and_cannot_be_spoilt() -> None:
    place = Placement(1.0, -0.5, 3.0)
    rows, columns = sampling((40, 50), place, FIELD)
    assert sampling((40, 50), place, FIELD)[0] is rows
    with pytest.raises(ValueError, match="read-only"):
        columns[0, 0] = 1.0
    assert patches(np.zeros((1, 40, 50, 3), np.uint8), place, FIELD).shape == (
        1,
        3,
        PATCH_PX,
        PATCH_PX,
    )
