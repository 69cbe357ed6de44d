"""Sessions of a screen and a recorder whose clocks and pulses err in every way that is known.

What is true is known here and to nobody else: `Block.true_rig_s`. One generator draws the flips and
edges of a session's blocks; how onsets are found in them is left to the tests.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rig_adapters.clocks import NORMAL_95, ClockMap
from rig_adapters.stamps import Stamps

Seconds = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Errors:
    """What goes wrong; shares are of all presentations.

    drift: of the recorder's clock, drawn where it is None; wander: by how much it changes to both
    sides within `WANDER_S`, as that of a crystal that warms up and cools down.
    flip_sd_s, edge_sd_s: jitter of every stamp and of every pulse; sample_s: the recorder's period.
    kinds_apart_s: how much later every other pulse is, as with a screen that darkens slowly.
    pulse_jitter_s: standard deviation of `pulse_jitter_share` of the pulses.
    pulse_late_s: by how much `pulse_late_share` of the pulses are late.
    stamp_late_s: by how much `stamp_late_share` of the flips are stamped late, the pulse with them
    where `line` is true: a line is set by the program that stamps.
    frame_late_share: of the images appear a frame later than their flips say.
    missed, spurious: shares of pulses.
    blind: blocks without any edge; all of them where it is None.
    lag_s: from a flip to its light, always.
    waits_s: how long it takes an animal to begin a trial, at least and at most.
    stamp_uncertainty_s: 95 % half-width of what the adapter's own readings are off by, all alike.
    """

    drift: float | None = 100e-6
    wander: float = 0.0
    flip_sd_s: float = 5e-5
    edge_sd_s: float = 5e-5
    sample_s: float = 1 / 30_000
    kinds_apart_s: float = 0.0
    pulse_jitter_share: float = 0.02
    pulse_jitter_s: float = 5e-3
    pulse_late_share: float = 0.0
    pulse_late_s: float = 5e-3
    stamp_late_share: float = 0.0
    stamp_late_s: float = 5e-3
    line: bool = False
    frame_late_share: float = 0.0
    missed: float = 0.01
    spurious: float = 0.01
    blind: frozenset[int] | None = frozenset()
    stamp_uncertainty_s: float = 1e-3
    refresh_hz: float = 59.94
    host_zero_s: float = 5e4
    rig_zero_s: float = 1e3
    lag_s: float = 0.004
    waits_s: tuple[float, float] = (0.4, 1.5)


WANDER_S = 1200.0


@dataclass(frozen=True)
class _Truth:
    """How the clocks are related in truth."""

    host_zero_s: float
    rig_zero_s: float
    drift: float
    wander: float

    def to_rig(self, host_s: npt.ArrayLike) -> Seconds:
        """Turn host times (...) into times on the rig's clock (...)."""
        passed_s = np.asarray(host_s, np.float64) - self.host_zero_s
        swing_s = self.wander * WANDER_S / (2 * np.pi)
        wandered_s = swing_s * np.sin(2 * np.pi * passed_s / WANDER_S)
        return np.asarray(self.rig_zero_s + (1 + self.drift) * passed_s + wandered_s, np.float64)


@dataclass(frozen=True, eq=False)
class Block:
    """What was seen of one block, and the truth: columns (p,), edges (m,).

    own_edge_rig_s: the pulse of each presentation, NaN where it was missed.
    frame_late: whether the light came a frame after its flip.
    """

    ids: npt.NDArray[np.int64]
    flips_host_s: Seconds
    edges_rig_s: Seconds
    stamped: ClockMap
    true_rig_s: Seconds
    own_edge_rig_s: Seconds
    frame_late: npt.NDArray[np.bool_]


def blocks(errors: Errors, n_blocks: int, n: int, rng: np.random.Generator) -> Iterator[Block]:
    """Yield blocks of `n` presentations, five to a trial, that an animal begins when it likes."""
    drift = rng.normal(0.0, 2e-4) if errors.drift is None else errors.drift
    truth = _Truth(errors.host_zero_s, errors.rig_zero_s, drift, errors.wander)
    stamp_error_s = rng.normal(0.0, errors.stamp_uncertainty_s / NORMAL_95)
    stamps, frame, period_s = Stamps(), 0, 1 / errors.refresh_hz
    for number in range(n_blocks):
        frame += round(2.0 / period_s)
        frames = np.zeros(n, np.int64)
        for row in range(n):
            if row % 5 == 0:
                frame += round(rng.uniform(*errors.waits_s) / period_s)
            frames[row], frame = frame, frame + 9
        shown_s = np.asarray(errors.host_zero_s + frames * period_s, np.float64)
        for host_s in np.arange(shown_s[0] - 1.0, shown_s[-1] + 1.0, 0.5).tolist():
            rig_s = float(truth.to_rig(host_s)) + stamp_error_s
            stamps.add(host_s, rig_s, errors.stamp_uncertainty_s)
        stamped = stamps.clock()
        assert stamped is not None
        blind = errors.blind is None or number in errors.blind
        yield _block(errors, number * n, shown_s, truth, stamped, blind, rng)


def _block(
    errors: Errors,
    first_id: int,
    shown_s: Seconds,
    truth: _Truth,
    stamped: ClockMap,
    blind: bool,
    rng: np.random.Generator,
) -> Block:
    def some(share: float) -> npt.NDArray[np.bool_]:
        return rng.random(shown_s.size) < share

    late_s = errors.stamp_late_s * some(errors.stamp_late_share)
    flips = shown_s + late_s + rng.normal(0, errors.flip_sd_s, shown_s.size)
    frame_late = some(errors.frame_late_share)
    light_s = shown_s + errors.lag_s + frame_late / errors.refresh_hz
    true_rig_s = truth.to_rig(light_s)
    pulses = light_s + rng.normal(0, errors.edge_sd_s, shown_s.size) + errors.line * late_s
    pulses += errors.kinds_apart_s * (np.arange(shown_s.size) % 2 - 0.5)
    pulses += some(errors.pulse_late_share) * errors.pulse_late_s
    pulses += some(errors.pulse_jitter_share) * rng.normal(0, errors.pulse_jitter_s, shown_s.size)
    own = np.round(truth.to_rig(pulses) / errors.sample_s) * errors.sample_s
    own[some(errors.missed) | blind] = np.nan
    n_spurious = 0 if blind else rng.binomial(shown_s.size, errors.spurious)
    spurious = rng.uniform(true_rig_s[0] - 1, true_rig_s[-1] + 1, n_spurious)
    edges = np.sort(np.concatenate([own[np.isfinite(own)], spurious]))
    ids = np.arange(first_id, first_id + shown_s.size)
    return Block(ids, flips, edges, stamped, true_rig_s, own, frame_late)
