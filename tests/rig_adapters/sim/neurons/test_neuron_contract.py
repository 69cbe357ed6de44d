"""Every family of simulated neurons keeps the contract."""

from collections.abc import Mapping
from typing import Any, ClassVar

from rig_adapters.sim.neurons.linear_nonlinear.settings import LinearNonlinearSettings
from rig_adapters.sim.neurons.shape.settings import ShapeSettings
from rig_adapters.sim.neurons.subspace.settings import SubspaceSettings
from rig_adapters.sim.neurons.v1_complex.settings import ComplexCellSettings
from rig_adapters.testing.neuron_contract import NeuronContract


class TestShape(NeuronContract):
    family = ShapeSettings
    table: ClassVar[Mapping[str, Any]] = {"seed": 1}
    another: ClassVar[Mapping[str, Any]] = {"kind": "shape", "seed": 2}


class TestSubspace(NeuronContract):
    family = SubspaceSettings
    table: ClassVar[Mapping[str, Any]] = {"kind": "subspace", "seed": 1}
    another: ClassVar[Mapping[str, Any]] = {"kind": "subspace", "seed": 2, "tuned_dims": 5}


class TestLinearNonlinear(NeuronContract):
    family = LinearNonlinearSettings
    table: ClassVar[Mapping[str, Any]] = {"kind": "linear_nonlinear", "seed": 1}
    another: ClassVar[Mapping[str, Any]] = {
        "kind": "linear_nonlinear",
        "seed": 2,
        "filter": "smooth",
    }


class TestComplexCell(NeuronContract):
    family = ComplexCellSettings
    table: ClassVar[Mapping[str, Any]] = {"kind": "v1_complex", "seed": 1}
    another: ClassVar[Mapping[str, Any]] = {"kind": "v1_complex", "seed": 3}
