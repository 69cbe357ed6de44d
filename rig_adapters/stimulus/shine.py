"""Tells what can be seen on the screen: to a simulated rig, and to a mirror if somebody looks.

Only what an eye and a photodiode would notice: pixels, places, moments. No ids, no trials.
"""

from collections.abc import Callable, Iterable, Sequence

from rig_adapters.light import Light, LightSource
from rig_adapters.mirror import MirrorSource
from rig_adapters.stimulus.schedule import Segment
from rig_adapters.wire.light import Change, ImagesForgotten, ImagesUploaded, LightChanged
from rig_adapters.wire.messages import Images


class Shine:
    """The light of one screen.

    `endpoint` is None where no rig watches it, `mirror_endpoint` where there is to be no mirror;
    `make_light` makes what shines at an endpoint.
    """

    def __init__(
        self,
        endpoint: str | None,
        mirror_endpoint: str | None = None,
        make_light: Callable[[str], Light] = LightSource,
    ) -> None:
        self._mirror = None if mirror_endpoint is None else MirrorSource(mirror_endpoint)
        self._endpoint = endpoint
        self._make_light = make_light
        self._source = None if endpoint is None else make_light(endpoint)

    def renew(self) -> None:
        """Shine for another watcher, who has seen nothing yet."""
        if self._source is not None:
            self._source.close()
        self._source = None if self._endpoint is None else self._make_light(self._endpoint)

    def uploaded(self, sha256s: Sequence[str], images: Images) -> None:
        """Hand over the pixels `(n, h, w, 3)` that may appear; waits for a watcher."""
        self._upload(ImagesUploaded(sha256s=tuple(sha256s), images=images))

    def forgotten(self, sha256s: Iterable[str]) -> None:
        """Tell that these pixels will not appear any more."""
        gone = tuple(sorted(set(sha256s)))
        if gone:
            self._upload(ImagesForgotten(sha256s=gone))

    def changed(self, before: Segment, after: Segment, sha256: str | None, time_s: float) -> None:
        """Tell what the flip from `before` to `after` changed; `sha256` is of the image after."""
        if before.on_screen is not None:
            self._tell("image_off", time_s)
        if before.scene.fixation and not after.scene.fixation:
            self._tell("fixation_off", time_s)
        if after.scene.fixation and not before.scene.fixation:
            self._tell("fixation_on", time_s)
        image = after.scene.image
        if image is not None:
            self._change(
                LightChanged(
                    what="image_on",
                    host_time_s=time_s,
                    image_sha256=sha256,
                    x_deg=image.x_deg,
                    y_deg=image.y_deg,
                    size_deg=image.size_deg,
                )
            )

    def patch(self, lit: bool, time_s: float) -> None:
        """Tell that the patch has become white (`lit`) or black."""
        self._tell("patch_lit" if lit else "patch_dark", time_s)

    def dark_until(self, time_s: float) -> None:
        """Tell that nothing changes before `time_s`."""
        self._tell("dark_until", time_s)

    def close(self) -> None:
        """Shine no more."""
        if self._source is not None:
            self._source.close()
        if self._mirror is not None:
            self._mirror.close()

    def _upload(self, message: ImagesUploaded | ImagesForgotten) -> None:
        if self._source is not None:
            self._source.upload(message)
        if self._mirror is not None:
            self._mirror.upload(message)

    def _tell(self, what: Change, time_s: float) -> None:
        self._change(LightChanged(what=what, host_time_s=time_s))

    def _change(self, change: LightChanged) -> None:
        if self._source is not None:
            self._source.change(change)
        if self._mirror is not None:
            self._mirror.change(change)
