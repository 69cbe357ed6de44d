"""The adapter's table of the config, `[rig.settings]`; needs no pylsl to be checked."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from rig_adapters.acquisition.sync import PhotodiodeSync, SyncSettings, TtlSync

_PLAIN = r"^[^'\"&<>\x00-\x1f]*$"
"""A name becomes part of a query, in which these would mean something."""


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class StreamSettings(_Settings):
    """Which stream: exactly one must be found that agrees with all that is said."""

    name: str = Field(default="", max_length=200, pattern=_PLAIN, description="its name")
    type: str = Field(default="", max_length=200, pattern=_PLAIN, description="its content type")
    source_id: str = Field(
        default="", max_length=200, pattern=_PLAIN, description="its source id, which is the surest"
    )
    without_counter: Literal["refused", "accepted"] = Field(
        default="refused",
        description="what of a stream without a counter, whose losses cannot be noticed",
    )

    @model_validator(mode="after")
    def _says_which(self) -> "StreamSettings":
        if not (self.name or self.type or self.source_id):
            raise ValueError("say which stream by name, type or source_id; none is taken by chance")
        return self

    def __str__(self) -> str:
        said = {"name": self.name, "type": self.type, "source_id": self.source_id}
        return "stream with " + ", ".join(f"{k} {v!r}" for k, v in said.items() if v)


class EventSettings(StreamSettings):
    """Each spike is a sample, and has a time of its own."""

    kind: Literal["events"] = Field(description="events: a sample for each spike")


class CountSettings(StreamSettings):
    """Each sample has the counts of all units in one bin of time."""

    kind: Literal["counts"] = Field(description="counts: spikes of each unit in bins of time")
    widest_bin_s: float = Field(
        gt=0,
        le=0.1,
        description="how wide bins may be: a window is wrong by up to half a bin at each end",
    )


class LslSettings(_Settings):
    """The table [rig.settings] of a session with this adapter."""

    network: Literal["this_machine", "lab"] = Field(
        default="this_machine",
        description="where streams are looked for: here only, or wherever lsl_api.cfg says (by "
        "default the whole site); LSL neither authenticates nor encrypts",
    )
    spikes: Annotated[EventSettings | CountSettings, Field(discriminator="kind")] = Field(
        description="the stream of spikes"
    )
    onsets: StreamSettings | None = Field(
        default=None,
        description="another stream that has the onsets, from the same machine; without it they "
        "are in the stream of spikes",
    )
    sync: SyncSettings = Field(description="what marks image onsets")
    markers_name: str = Field(
        default="",
        max_length=200,
        pattern=_PLAIN,
        description="the name of a stream of our own that tells when recording begins and ends; "
        "empty: there is none",
    )

    @model_validator(mode="after")
    def _onsets_are_somewhere(self) -> "LslSettings":
        if isinstance(self.sync, PhotodiodeSync) and self.onsets is None:
            raise ValueError("a photodiode needs the table onsets: which stream its channel is in")
        if isinstance(self.sync, TtlSync) and self.onsets is None and self.spikes.kind == "counts":
            raise ValueError("counts have no lines: say in the table onsets which stream has them")
        if self.sync.kind == "none" and self.onsets is not None:
            raise ValueError('sync.kind = "none" has no use for the table onsets: leave one out')
        return self
