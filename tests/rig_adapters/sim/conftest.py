"""What the tests of the simulated rig share: pictures, and a session of light to look at."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from rig_adapters.sim.neurons.shape.neuron import ShapeNeuron
from rig_adapters.sim.neurons.shape.oriented_energy import early_response
from rig_adapters.sim.retina import Placement, patches
from rig_adapters.wire.light import Change, LightChanged

Rates = Callable[..., npt.NDArray[np.float64]]


@pytest.fixture(scope="session")
def rates_hz() -> Rates:
    """Return the total rates (n,) of a neuron for images (n, h, w, 3) at a place."""

    def rates(
        neuron: ShapeNeuron,
        images: npt.NDArray[np.uint8],
        place: Placement | None = None,
    ) -> npt.NDArray[np.float64]:
        where = place or Placement(0.0, 0.0, 3.0)
        early = early_response(patches(images, where, neuron.settings.field))
        return neuron.settings.spontaneous_hz + neuron.evoked_hz(early)

    return rates


@pytest.fixture(scope="session")
def trial_light() -> Callable[[float, list[str], float], list[LightChanged]]:
    """Return the light of one trial: 0.3 s of fixation, then each image 0.1 s on and 0.1 s off."""

    def light(begin_s: float, sha256s: list[str], dark_s: float = 0.5) -> list[LightChanged]:
        changes = [LightChanged(what="fixation_on", host_time_s=begin_s)]
        now_s = begin_s + 0.3
        for k, sha in enumerate(sha256s):
            patch: Change = "patch_dark" if k % 2 else "patch_lit"
            changes += [
                LightChanged(what=patch, host_time_s=now_s),
                LightChanged(what="image_on", host_time_s=now_s, image_sha256=sha, size_deg=3.0),
                LightChanged(what="image_off", host_time_s=now_s + 0.1),
            ]
            now_s += 0.2
        changes.append(LightChanged(what="fixation_off", host_time_s=now_s))
        changes.append(LightChanged(what="dark_until", host_time_s=now_s + dark_s))
        return changes

    return light
