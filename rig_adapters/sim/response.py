"""From rates to spike times: latency, a transient and a sustained part, and Poisson noise.

The time course is the same for all images and for how long they are shown; refractoriness is left
out, adaptation is in `adaptation`.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

Seconds = npt.NDArray[np.float64]

RESPONSE_S = 0.17
"""How long a response lasts after its latency; at the default of 50 ms, to 220 ms from onset."""
MEAN_OVER_S = 0.15
"""A rate is the mean over this long after the latency: from 50 to 200 ms at the default."""
USUAL_TRANSIENT = 1.5
"""By how many times its sustained part a response begins higher."""
_STEP_S = 0.0005
_RISE_S = 0.008
_TRANSIENT_DECAY_S = 0.03
_FALL_S = 0.02


@dataclass(frozen=True, eq=False)
class Course:
    """Times since the latency (t,) and the integral (t,) of the relative rate up to each."""

    times_s: Seconds
    integral_s: Seconds


@cache
def course(transient: float) -> Course:
    """Return the time course of a response that begins `1 + transient` times its sustained part."""
    times = np.arange(0.0, RESPONSE_S + _STEP_S / 2, _STEP_S)
    rise = 1.0 - np.exp(-times / _RISE_S)
    fall = np.clip((RESPONSE_S - times) / _FALL_S, 0.0, 1.0)
    relative = rise * fall * (1.0 + transient * np.exp(-times / _TRANSIENT_DECAY_S))
    integral = np.concatenate([[0.0], np.cumsum((relative[1:] + relative[:-1]) / 2) * _STEP_S])
    integral *= MEAN_OVER_S / np.interp(MEAN_OVER_S, times, integral)
    return Course(times, integral)


USUAL_COURSE = course(USUAL_TRANSIENT)


def evoked_spikes_s(
    rate_hz: float,
    latency_s: float,
    rng: np.random.Generator,
    shape: Course = USUAL_COURSE,
    *,
    evenly: bool = False,
) -> Seconds:
    """Draw spike times (k,) from onset, sorted, of one presentation at a mean rate of `rate_hz`.

    An inhomogeneous Poisson process by inverting its integral (Devroye 1986, ch. VI); `evenly`,
    spikes at equal steps of that integral from a random first one.
    """
    total_s = float(shape.integral_s[-1])
    if evenly:
        passed_s = (np.arange(np.ceil(rate_hz * total_s)) + rng.random()) / max(rate_hz, 1e-9)
        passed_s = passed_s[passed_s < total_s]
    else:
        passed_s = np.sort(rng.uniform(0.0, total_s, rng.poisson(rate_hz * total_s)))
    spikes: Seconds = latency_s + np.interp(passed_s, shape.integral_s, shape.times_s)
    return spikes


def spontaneous_spikes_s(rate_hz: float, duration_s: float, rng: np.random.Generator) -> Seconds:
    """Draw spike times (k,) in `[0, duration_s)`, sorted, of a homogeneous Poisson process."""
    return np.sort(rng.uniform(0.0, duration_s, rng.poisson(rate_hz * duration_s)))
