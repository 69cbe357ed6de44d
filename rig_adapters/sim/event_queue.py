"""Events that are known before their time has come: spikes and sync edges."""

import numpy as np
import numpy.typing as npt

from rig_adapters.sim.clock import Samples

UnitIds = npt.NDArray[np.int32]


class EventQueue:
    """Keeps events by sample and unit until they are taken; events without a unit have unit 0.

    What is taken does not depend on the order in which it was put.
    """

    def __init__(self) -> None:
        self._samples: Samples = np.zeros(0, np.int64)
        self._unit_ids: UnitIds = np.zeros(0, np.int32)
        self._new: list[tuple[Samples, int]] = []

    def put(self, samples: Samples, unit_id: int) -> None:
        """Add events (k,) of one unit, in any order."""
        self._new.append((samples, unit_id))

    def take_before(self, sample: int) -> tuple[Samples, UnitIds]:
        """Remove and return all events (k,), (k,) before `sample`, sorted."""
        self._merge()
        n = int(np.searchsorted(self._samples, sample))
        taken = self._samples[:n], self._unit_ids[:n]
        self._samples, self._unit_ids = self._samples[n:], self._unit_ids[n:]
        return taken

    def drop_before(self, sample: int) -> None:
        """Forget all events before `sample`: it is too late to tell of them."""
        self.take_before(sample)

    def _merge(self) -> None:
        if not self._new:
            return
        samples = np.concatenate([self._samples, *(part for part, _ in self._new)])
        unit_ids = np.concatenate(
            [self._unit_ids, *(np.full(part.size, unit, np.int32) for part, unit in self._new)]
        )
        # Ties by unit, so that the order of arrival leaves no trace.
        order = np.lexsort((unit_ids, samples))
        self._samples, self._unit_ids = samples[order], unit_ids[order]
        self._new = []
