"""Settings of the relay adapter: where relays connect."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class RelaySettings(BaseModel):
    """The table `[rig.settings]` of the relay adapter."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    listen_at: str = Field(
        description='where the relay connects to, for example "tcp://127.0.0.1:5570"; an address '
        "that other machines can reach needs keys"
    )
    relay_keys: Path | None = Field(
        default=None,
        description="folder of keys (neuroloop keys new); only relays whose keys are in its folder "
        "allowed can connect",
    )
    counts_window_s: tuple[float, float] | None = Field(
        default=None,
        description="for a relay that tells of counts and not of spikes: the window after each "
        "onset in which it counts, which must be scoring.response_window_s",
    )
    patience_s: float = Field(
        default=20.0, gt=0, le=50, description="how long to wait for the relay to connect"
    )
