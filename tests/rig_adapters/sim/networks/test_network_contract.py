"""Units of networks keep the contract of simulated neurons, with random weights.

VGG16 takes ten seconds to draw, and has no kind of step that AlexNet has not.
"""

from typing import Any, ClassVar

from rig_adapters.sim.neurons.networks.settings import NetworkSettings
from rig_adapters.testing.neuron_contract import NeuronContract


class TestUnitsOfAlexNet(NeuronContract):
    """One in a map, and a logit."""

    family = NetworkSettings
    table: ClassVar[dict[str, Any]] = {
        "kind": "alexnet",
        "layer": "conv5",
        "feature": 7,
        "weights": "random",
    }
    another: ClassVar[dict[str, Any]] = table | {"layer": "fc8"}


class TestUnitsOfResNet50(NeuronContract):
    """One behind a block, and one before it."""

    family = NetworkSettings
    table: ClassVar[dict[str, Any]] = TestUnitsOfAlexNet.table | {
        "kind": "resnet50",
        "layer": "layer1.0",
    }
    another: ClassVar[dict[str, Any]] = table | {"layer": "conv1"}
