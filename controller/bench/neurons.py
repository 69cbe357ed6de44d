"""Simulated neurons: a code goes in, a noise-free firing rate comes out.

A neuron sees the picture that its space renders from the code. It fires at `baseline_hz` where its
drive is 0 and at `preferred_hz` where the drive is that of its preferred picture; a picture of
higher contrast can drive it further. With 5 sp/s to begin with, 150 ms hold about one spike.
What is left out: noise, which is `controller.bench.responses`, and time.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np

from controller.bench.code_space import CodeSpace, MetricQuality, SpaceSpec, space_of
from controller.bench.drives import DRIVES, Drive
from controller.optimizers.base import Codes, Floats

Metric: TypeAlias = tuple[Floats, Floats]


@dataclass(frozen=True)
class NeuronSpec:
    """What identifies a neuron.

    family: one of `controller.bench.drives.DRIVES`.
    seed: of what the neuron prefers.
    space: of its pictures.
    spread: how much of what it prefers lies in directions of low variance, 0 … 1.
    baseline_hz: rate without drive; preferred_hz: rate at the preferred picture.
    """

    family: str
    seed: int
    space: SpaceSpec
    spread: float = 0.3
    baseline_hz: float = 5.0
    preferred_hz: float = 80.0

    @property
    def name(self) -> str:
        """Return family and seed, which no two neurons of a set share."""
        return f"{self.family}-{self.seed}"


class Neuron:
    """A neuron that `spec` describes; it has no state."""

    def __init__(self, spec: NeuronSpec) -> None:
        self.spec = spec
        self.space: CodeSpace = space_of(spec.space)
        rng = np.random.default_rng([spec.seed, 100])
        self._drive: Drive = DRIVES[spec.family](rng, self.space, spec.spread)

    @property
    def code_dim(self) -> int:
        """Length of a code."""
        return self.spec.space.code_dim

    def rate(self, codes: Codes) -> Floats:
        """Noise-free rates (n,) in spikes/s for codes (n, code_dim)."""
        drive = self._drive(self.space.render(codes)).astype(np.float64)
        span_hz = self.spec.preferred_hz - self.spec.baseline_hz
        rate: Floats = self.spec.baseline_hz + span_hz * np.maximum(drive, 0.0)
        return rate

    def metric(self, quality: MetricQuality) -> Metric:
        """Return what is known of the space's metric; see `CodeSpace.metric`."""
        return self.space.metric(quality)


@lru_cache(maxsize=64)
def neuron_of(spec: NeuronSpec) -> Neuron:
    """Return the neuron that `spec` describes; it is built once in a process."""
    return Neuron(spec)
