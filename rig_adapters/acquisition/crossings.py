"""Threshold crossings on many channels at once; the rule is that of `detection`. Pure."""

import numpy as np
import numpy.typing as npt

from rig_adapters.acquisition.source import Samples


class ManyCrossings:
    """Finds where each of many channels goes beyond its threshold, chunk after chunk.

    thresholds (c,): below 0, a crossing goes downwards. Both they and the values are in µV, or both
    in another unit of each channel's. dead_times (c,): in samples.
    """

    def __init__(self, thresholds: npt.NDArray[np.float32], dead_times: Samples) -> None:
        self._signs = np.where(thresholds < 0, -1, 1).astype(np.float32)
        self._thresholds = np.abs(thresholds)
        self._dead = np.maximum(1, dead_times)
        self._next = -1
        self._beyond = np.ones(thresholds.shape, np.bool_)
        self._quiet_until = np.zeros(thresholds.shape, np.int64)

    def feed(
        self, first_sample: int, values: npt.NDArray[np.float32]
    ) -> tuple[Samples, npt.NDArray[np.int64]]:
        """Return samples (m,) and channels (m,) of the crossings in a chunk (n, c).

        After a gap a signal that is beyond already has not been seen to cross.
        """
        if first_sample != self._next:
            self._beyond[:] = True
            self._quiet_until[:] = first_sample
        self._next = first_sample + len(values)
        if not len(values):
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        beyond = values * self._signs >= self._thresholds
        before = np.concatenate([self._beyond[None], beyond[:-1]])
        self._beyond = beyond[-1].copy()
        rows, channels = np.nonzero(beyond & ~before)
        samples = first_sample + rows.astype(np.int64)
        kept = self._after_dead_times(samples, channels)
        return samples[kept], channels[kept].astype(np.int64)

    def _after_dead_times(
        self, samples: Samples, channels: npt.NDArray[np.intp]
    ) -> npt.NDArray[np.int64]:
        kept = []
        pairs = zip(samples.tolist(), channels.tolist(), strict=True)
        for index, (sample, channel) in enumerate(pairs):
            if sample >= self._quiet_until[channel]:
                self._quiet_until[channel] = sample + self._dead[channel]
                kept.append(index)
        return np.array(kept, np.int64)
