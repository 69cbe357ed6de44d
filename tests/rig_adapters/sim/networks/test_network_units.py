"""Units of networks as simulated neurons: settings, activations, rates, and their labels."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from rig_adapters.sim.neurons.networks.network import Network, prepared
from rig_adapters.sim.neurons.networks.neurons import NetworkNeurons
from rig_adapters.sim.neurons.networks.settings import NetworkSettings
from rig_adapters.sim.neurons.networks.sources import by_source, weights_of
from rig_adapters.sim.neurons.registry import build_neurons
from rig_adapters.sim.neurons.shape.patterns import textures
from rig_adapters.sim.neurons.shape.settings import ShapeSettings
from rig_adapters.sim.retina import Placement
from rig_adapters.sim.settings import SimRigSettings

LAYERS = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8")
TEXTURES = textures(24, np.random.default_rng(8))


def unit(channel: int, layer: str, feature: int = 3, **more: object) -> NetworkSettings:
    table = {"kind": "alexnet", "weights": "random", "channel": channel, "layer": layer}
    return NetworkSettings.model_validate(table | {"feature": feature} | more)


@pytest.fixture(scope="module")
def neurons() -> NetworkNeurons:
    """Take two units from each layer of AlexNet, in no order of layers or features."""
    layers = ("fc8", "conv2", "conv1", "fc6", "conv5", "conv3", "fc7", "conv4")
    units = [unit(10 * k + f, layer, f) for k, layer in enumerate(layers) for f in (7, 2)]
    return NetworkNeurons(units)


def test_one_pass_gives_every_unit_its_own_activation(neurons: NetworkNeurons) -> None:
    (source,) = by_source([unit(0, "fc8")])
    with torch.inference_mode():
        weights = weights_of(source, "fc8").tensors
        network = Network(source.architecture.layers, weights)
        x = prepared(torch.from_numpy(TEXTURES), 227)
        made = {layer.name: values for layer, values in network.activations(x)}
    centres = {"conv1": (28, 28), "conv2": (13, 13)} | dict.fromkeys(LAYERS[2:5], (6, 6))

    found = neurons.activations(TEXTURES)

    assert found.dtype == np.float64
    for k, layer in enumerate(("fc8", "conv2", "conv1", "fc6", "conv5", "conv3", "fc7", "conv4")):
        for column, feature in ((2 * k, 7), (2 * k + 1, 2)):
            wanted = made[layer][(slice(None), feature, *centres.get(layer, ()))]
            np.testing.assert_allclose(found[:, column], wanted, rtol=1e-4, atol=1e-4)


def test_random_units_are_alive_choosy_and_in_a_plausible_range(neurons: NetworkNeurons) -> None:
    rates = neurons.evoked_hz(TEXTURES)

    assert 12 < rates.mean() < 30
    assert (rates.max(axis=0) > 25).all()
    assert (rates.std(axis=0) > 5).all()
    assert (rates >= 0).all()
    assert (rates < 195).all()


def test_rates_rise_with_activations_and_are_zero_only_where_these_are(
    neurons: NetworkNeurons,
) -> None:
    activations, rates = neurons.activations(TEXTURES), neurons.evoked_hz(TEXTURES)
    for a, rate in zip(activations.T, rates.T, strict=True):
        order = np.argsort(a)
        assert (np.diff(rate[order])[np.diff(a[order]) > 1e-6] > 0).all()
    logits, rectified = slice(0, 2), slice(2, None)
    assert activations[:, logits].min() < 0 < rates[:, logits].min()
    assert activations[:, rectified].min() == 0.0
    np.testing.assert_array_equal(rates[:, rectified] == 0, activations[:, rectified] == 0)


def test_who_else_is_there_changes_nothing(neurons: NetworkNeurons) -> None:
    alone = NetworkNeurons([unit(1, "conv5", 2)])
    np.testing.assert_allclose(
        alone.evoked_hz(TEXTURES)[:, 0], neurons.evoked_hz(TEXTURES)[:, 9], rtol=1e-5, atol=1e-5
    )
    one_by_one = np.concatenate([neurons.evoked_hz(picture[None]) for picture in TEXTURES[:3]])
    np.testing.assert_allclose(one_by_one, neurons.evoked_hz(TEXTURES)[:3], rtol=1e-5, atol=1e-4)


def test_seeds_are_different_networks_and_the_label_says_that_they_are_random() -> None:
    units = [unit(k, "conv2", weights_seed=seed) for k, seed in enumerate((0, 1, 0))]
    neurons = NetworkNeurons(units)
    rates = neurons.evoked_hz(TEXTURES)
    np.testing.assert_array_equal(rates[:, 0], rates[:, 2])
    assert np.abs(rates[:, 0] - rates[:, 1]).max() > 20
    assert [truth.about for truth in neurons.truths[:2]] == [
        f"feature 3 of AlexNet conv2 at (13, 13), UNTRAINED random weights (seed {seed})"
        for seed in (0, 1)
    ]
    assert neurons.truths[0].preferred is neurons.truths[0].best_hz is None


def test_a_unit_sees_what_falls_into_its_field_on_the_grey_of_the_screen() -> None:
    here = {"rf_center_deg": (2.0, 1.0), "rf_size_deg": 4.0}
    neurons = NetworkNeurons([unit(1, "conv3", **here), unit(2, "conv3", rf_size_deg=1.0)])
    grey = neurons.evoked_hz(np.full((1, 8, 8, 3), 128, np.uint8))[0]
    filled = neurons.evoked_hz(TEXTURES)

    # Where both fields are filled, the whole image is the published way for the first one alone.
    np.testing.assert_array_equal(
        neurons.evoked_hz(TEXTURES, Placement(2.0, 1.0, 4.0))[:, 0], filled[:, 0]
    )
    np.testing.assert_allclose(
        neurons.evoked_hz(TEXTURES[:2], Placement(40.0, 0.0, 4.0)), [grey, grey], rtol=1e-4
    )
    almost = neurons.evoked_hz(TEXTURES, Placement(2.001, 1.001, 4.0))[:, 0]
    assert np.corrcoef(almost, filled[:, 0])[0, 1] > 0.98
    large = np.kron(TEXTURES, np.ones((1, 4, 4, 1), np.uint8))
    # The middle quarter of a picture at four times the size of a field.
    middle = large[:, 144:240, 144:240]
    seen = neurons.evoked_hz(large, Placement(0.0, 0.0, 4.0))[:, 1]
    assert np.corrcoef(seen, neurons.evoked_hz(middle)[:, 1])[0, 1] > 0.98


def test_units_of_networks_stand_beside_others_and_in_a_config() -> None:
    table = {
        "units": [
            {"channel": 5, "seed": 3},
            {"kind": "alexnet", "channel": 6, "layer": "conv2", "feature": 0, "weights": "random"},
        ]
    }
    settings = SimRigSettings.model_validate(table)
    assert [type(one) for one in settings.units] == [ShapeSettings, NetworkSettings]
    neurons = build_neurons(settings.units)
    assert neurons.unit_ids == (501, 601)
    assert neurons.evoked_hz(TEXTURES[:2]).shape == (2, 2)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"layer": "conv6"}, "AlexNet has no layer 'conv6': it has conv1, conv2"),
        ({"feature": 256}, "conv5 of AlexNet has features 0 to 255, not 256"),
        ({"position": (13, 0)}, "maps of conv5 have 13 rows and columns"),
        ({"layer": "fc6", "position": (0, 0)}, "units of fc6 have no position"),
        ({"input_px": 256}, "Input should be 227 or 224"),
        ({"weights": None}, "Input should be a valid string"),
    ],
)
def test_units_that_no_network_has_are_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        unit(1, **{"layer": "conv5"} | change)
    assert said in str(caught.value)


def test_weights_have_no_default() -> None:
    with pytest.raises(ValidationError, match=r"weights\n.*Field required"):
        NetworkSettings.model_validate(
            {"kind": "vgg16", "layer": "fc8", "feature": 0, "channel": 1}
        )


def test_a_read_only_image_is_as_good_as_any() -> None:
    images = TEXTURES[:1].copy()
    images.flags.writeable = False
    neurons = NetworkNeurons([unit(1, "conv1")])
    np.testing.assert_array_equal(neurons.evoked_hz(images), neurons.evoked_hz(TEXTURES[:1]))
