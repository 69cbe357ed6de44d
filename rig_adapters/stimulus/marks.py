"""Marks image onsets for the recording system: by a patch of light, a TTL line, both, or not.

The patch is drawn by the display as a part of every scene; what is decided here is when it changes,
and when the line rises and falls.
"""

from dataclasses import replace

from rig_adapters.errors import DisplayError
from rig_adapters.stimulus.base import Scene
from rig_adapters.stimulus.trigger import TriggerLine
from rig_adapters.wire.messages import MarkedBy, PhotodiodePatch


class OnsetMarks:
    """The marks of one stimulus process; the patch goes on from block to block as it was.

    `line` is None where there is no TTL.
    """

    def __init__(self, patch: PhotodiodePatch | None, line: TriggerLine | None) -> None:
        self.patch = patch
        self.lit = False
        """Whether the patch is white."""
        self._line = line
        self._high = False

    @property
    def marked_by(self) -> MarkedBy:
        """What marks every onset."""
        if self.patch is None:
            return "none" if self._line is None else "ttl"
        return "photodiode" if self._line is None else "photodiode+ttl"

    def scene(self, planned: Scene, *, onset: bool) -> Scene:
        """Return `planned` with the patch as it has to be; an onset changes it."""
        if onset and self.patch is not None:
            self.lit = not self.lit
        return planned if planned.patch_lit == self.lit else replace(planned, patch_lit=self.lit)

    def flipped(self, *, onset: bool) -> None:
        """Set the line right after a flip, which was an onset or not.

        Raises DisplayError where the line does not take it.
        """
        if self._line is None or onset is self._high:
            return
        try:
            self._line.set_high(onset)
        except OSError as error:
            raise DisplayError(
                f"the TTL line does not answer ({error}): see whether its port is plugged in, then "
                "neuroloop resume"
            ) from error
        self._high = onset
