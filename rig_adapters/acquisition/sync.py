"""Image onsets as a recorder sees them: on a digital line, or a photodiode on a continuous channel.

The settings are part of every adapter's table, `[rig.settings.sync]`; there is no default, since
only the rig's builder knows what is wired to where. Which onset is which presentation's is found
out by the daemon.
"""

from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

from rig_adapters.acquisition.source import Samples

RISE, FALL = 0.6, 0.4
"""Shares of the way from dark to lit at which a photodiode's edges are: noise between the two makes
none."""


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class TtlSync(_Settings):
    """A digital line of the recorder."""

    kind: Literal["ttl"] = Field(description="ttl: a digital line of the recorder")
    line: int = Field(ge=1, le=256, description="which line; the first one is 1")
    edges: Literal["rising", "falling", "both"] = Field(
        description="which edges are onsets: rising for neuroloop's own TTL, which rises at each"
    )


class PhotodiodeSync(_Settings):
    """A photodiode on a continuous channel, in front of the patch, which changes at each onset."""

    kind: Literal["photodiode"] = Field(description="photodiode: on a continuous channel")
    channel: str = Field(min_length=1, description="which channel, by its name in the recorder")
    dark: float = Field(description="level of a dark patch, in the channel's own unit")
    lit: float = Field(description="level of a lit patch")
    dead_time_s: float = Field(
        default=0.005,
        ge=0,
        le=0.1,
        description="after an edge there is no other for so long: a backlight may flicker",
    )

    @model_validator(mode="after")
    def _levels_differ(self) -> "PhotodiodeSync":
        if self.dark == self.lit:
            raise ValueError("dark and lit must differ: measure both with the test card")
        return self


class NoSync(_Settings):
    """Nothing marks onsets; they are as good as the clock map."""

    kind: Literal["none"] = Field(description="none: nothing marks onsets")


SyncSettings = Annotated[TtlSync | PhotodiodeSync | NoSync, Field(discriminator="kind")]


def is_onset(sync: TtlSync, line: int, state: bool) -> bool:
    """Whether a line (the first one is 1) that changed to `state` marks an onset."""
    return line == sync.line and (sync.edges == "both" or state == (sync.edges == "rising"))


class PhotodiodeEdges:
    """Finds the edges of one channel, chunk after chunk; both directions are onsets."""

    def __init__(self, sync: PhotodiodeSync, sample_rate_hz: float) -> None:
        self._sync = sync
        self._dead = round(sync.dead_time_s * sample_rate_hz)
        self._next = -1
        self._lit: bool | None = None
        """What the patch was at the end of the last chunk; None where that is not known."""
        self._quiet_until = 0

    def feed(self, first_sample: int, values: npt.NDArray[np.float32]) -> Samples:
        """Return the samples (m,) of the edges in a chunk (n,) that begins at `first_sample`.

        After a gap the first level that is clear is no edge: nobody saw it change.
        """
        if first_sample != self._next:
            self._lit, self._quiet_until = None, first_sample
        self._next = first_sample + values.size
        share = (values - self._sync.dark) / (self._sync.lit - self._sync.dark)
        clear = np.flatnonzero((share >= RISE) | (share <= FALL))
        at, lit = first_sample + clear, share[clear] >= RISE
        if self._lit is None and lit.size:
            self._lit = bool(lit[0])
        found: list[int] = []
        while (others := np.flatnonzero((lit != self._lit) & (at >= self._quiet_until))).size:
            edge = int(at[others[0]])
            self._lit, self._quiet_until = not self._lit, edge + max(1, self._dead)
            found.append(edge)
        return np.array(found, np.int64)
