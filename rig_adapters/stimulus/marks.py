"""Marks image onsets for the recording system: by a patch of light, a TTL line, both, or not.

The patch is drawn by the display as a part of every scene; what is decided here is when it changes.
"""

from dataclasses import replace

from rig_adapters.stimulus.base import Scene
from rig_adapters.wire.messages import MarkedBy, PhotodiodePatch


class OnsetMarks:
    """The marks of one stimulus process; the patch goes on from block to block as it was."""

    def __init__(self, patch: PhotodiodePatch | None) -> None:
        self.patch = patch
        self.lit = False
        """Whether the patch is white."""

    @property
    def marked_by(self) -> MarkedBy:
        """What marks every onset."""
        return "photodiode" if self.patch is not None else "none"

    def scene(self, planned: Scene, *, onset: bool) -> Scene:
        """Return `planned` with the patch as it has to be; an onset changes it."""
        if onset and self.patch is not None:
            self.lit = not self.lit
        return replace(planned, patch_lit=self.lit)
