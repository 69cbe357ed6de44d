"""Receptive fields by gradient, and populations that look at one place."""

import numpy as np
import pytest
import torch

from rig_adapters.sim.neurons.networks.neurons import NetworkNeurons
from rig_adapters.sim.neurons.networks.populations import centre_column
from rig_adapters.sim.neurons.networks.receptive_fields import receptive_fields
from rig_adapters.sim.neurons.networks.settings import NetworkSettings
from rig_adapters.sim.neurons.networks.sources import by_source, weights_of
from rig_adapters.sim.neurons.networks.windows import extent
from rig_adapters.sim.neurons.settings import SimSettingsError
from rig_adapters.sim.neurons.shape.patterns import textures
from rig_adapters.sim.settings import SimRigSettings


def unit(layer: str, feature: int = 3, **more: object) -> NetworkSettings:
    table = {"kind": "alexnet", "weights": "random", "channel": 1, "layer": layer}
    return NetworkSettings.model_validate(table | {"feature": feature} | more)


def test_the_field_of_a_unit_of_the_first_layer_is_its_kernel() -> None:
    """There the activation is linear, and any noise gives the same gradient."""
    one = unit("conv1", position=(10, 20))
    (found,) = receptive_fields([one], np.random.default_rng(0), n_images=2)

    (source,) = by_source([one])
    kernel = weights_of(source, "conv1").tensors["features.0.weight"][3].double()
    wanted = np.zeros((227, 227))
    wanted[38:49, 78:89] = kernel.abs().sum(dim=0).numpy()
    np.testing.assert_allclose(found.sensitivity, wanted / wanted.sum(), atol=1e-7)


def test_the_analytic_extent_of_units_contains_their_field() -> None:
    units = [
        unit("conv5"),
        unit("conv2", 8),
        unit("conv3", position=(0, 12)),
        unit("layer1.0", 30, kind="resnet50", input_px=224),
        unit("conv2", 9),
    ]
    torch.manual_seed(3)
    before = torch.get_rng_state()

    maps = receptive_fields(units, np.random.default_rng(1), n_images=8)

    assert torch.equal(torch.get_rng_state(), before)
    for one, found in zip(units, maps, strict=True):
        window = extent(one.architecture, one.layer, one.place, one.input_px)
        inside = np.zeros_like(found.sensitivity, bool)
        inside[slice(*window.rows), slice(*window.columns)] = True
        assert found.sensitivity[~inside].max() == 0.0
        assert found.sensitivity.sum() == pytest.approx(1.0)
        for seen, possible in zip(found.box.spans, window.spans, strict=True):
            assert possible[0] <= seen[0] < seen[1] <= possible[1]
        box = found.sensitivity[slice(*found.box.rows), slice(*found.box.columns)]
        assert 0.89 < box.sum() < 1.0
    middle = np.array(maps[0].box.spans)
    assert np.abs(middle.mean(axis=1) - 111.5).max() < 12
    assert (np.diff(middle) < 163).all()
    assert np.abs(maps[1].sensitivity - maps[4].sensitivity).max() > 0


def test_a_field_in_the_gradient_is_where_pixels_change_the_activation() -> None:
    one = unit("conv3", 11)
    (found,) = receptive_fields([one], np.random.default_rng(4), n_images=4)
    neurons = NetworkNeurons([one])
    images = np.random.default_rng(5).integers(0, 256, (12, 227, 227, 3), np.uint8)
    (top, bottom), (left, right) = found.box.spans
    outside = images.copy()
    outside[:, top:bottom, left:right] = 128
    inside = np.full_like(images, 128)
    inside[:, top:bottom, left:right] = images[:, top:bottom, left:right]

    seen, seen_inside, seen_outside = (
        neurons.activations(shown)[:, 0] for shown in (images, inside, outside)
    )

    assert np.corrcoef(seen, seen_inside)[0, 1] > 0.8
    assert np.abs(seen - seen_inside).mean() < 0.5 * np.abs(seen - seen_outside).mean()


def test_a_column_is_features_of_one_place_that_follow_from_the_seed() -> None:
    column = centre_column(
        "resnet50", "layer3.5", 1024, 5, weights="random", first_channel=7, rf_size_deg=6.0
    )
    assert sorted(one.feature for one in column) == list(range(1024))
    assert {one.place for one in column} == {(7, 7)}
    assert [one.channel for one in column] == list(range(7, 1031))
    assert {one.rf_size_deg for one in column} == {6.0}
    SimRigSettings(units=column)
    smaller = centre_column("resnet50", "layer3.5", 50, 5, weights="random", first_channel=7)
    assert [one.feature for one in smaller] == [one.feature for one in column[:50]]
    other = centre_column("resnet50", "layer3.5", 50, 6, weights="random")
    assert [one.feature for one in other] != [one.feature for one in smaller]


def test_a_column_has_no_more_units_than_the_layer_features() -> None:
    with pytest.raises(SimSettingsError, match="has 1 to 64 units, not 65"):
        centre_column("alexnet", "conv1", 65, 0, weights="random")
    with pytest.raises(SimSettingsError, match="no layer 'conv9' of a network 'alexnet'"):
        centre_column("alexnet", "conv9", 5, 0, weights="random")


def test_a_column_costs_one_pass() -> None:
    column = centre_column("alexnet", "conv4", 256, 0, weights="random")
    images = textures(2, np.random.default_rng(3))
    rates = NetworkNeurons(column).evoked_hz(images)
    assert rates.shape == (2, 256)
    some = NetworkNeurons(column[40:42]).evoked_hz(images)
    np.testing.assert_allclose(some, rates[:, 40:42], rtol=1e-5, atol=1e-3)
