"""What the process at the folders has to know: the table `[rig.settings]` of such a session."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from rig_adapters.xdream.names import ImageFormat


class XdreamSettings(BaseModel):
    """Two folders that this machine and that of the rig share, and how long to wait."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    image_folder: Path = Field(description="where the rig looks for images; must be there")
    reply_folder: Path = Field(description="where it writes responses; may be the same one")
    image_format: ImageFormat = Field(
        default="png", description="png or bmp: what the rig can read; both are lossless"
    )
    channels: int = Field(
        ge=1, le=10_000, description="how many responses the rig reports for each image"
    )
    reply_deadline_s: float = Field(
        gt=0, le=86_400, description="how long a block may take from its images to its reply"
    )
    emulated: bool = Field(
        default=False,
        description="for rehearsals: the rig is neuroloop rig emulate xdream, and the log says so",
    )
    settled_s: float = Field(
        default=0.5, ge=0.05, le=60, description="a reply is read once it has not changed so long"
    )
