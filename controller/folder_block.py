"""Presents the parts of a block through folders: another program shows them, counts, and replies.

Each part is one block of files. What was shown, and when, is that program's word: there are no
flips, no onsets and no spikes, and an image is known to belong to a response by its name alone.
Which images are shown again is decided in `controller.presenting`; how a reply is kept and read is
in `controller.replies`.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from controller.clock import wall_time
from controller.config.tables import SessionConfig
from controller.control.messages import PartStatus
from controller.experiments.blocks import Planned
from controller.presenting import Answer, OnFact, Presenter, ReplyFile, Shown
from controller.replies import ReplyStore
from rig_adapters.clocks import ClockMap
from rig_adapters.errors import WrongImage
from rig_adapters.link import Link
from rig_adapters.wire import folders as f
from rig_adapters.wire.messages import TrialEnded
from rig_adapters.xdream.names import image_names
from sessions.records import NO_THREAD
from sessions.xdream import Responses, UnreadableReply, WrongReply

NAN = float("nan")
WRITING_S = 120.0
"""How long a block of images may take to be written, on a slow file server too."""
SLACK_S = 30.0
"""Beyond the deadline of a reply, how long the process at the folders may take to say so."""


@dataclass(frozen=True, eq=False)
class _Heard:
    """The reply to a part, or why there is none."""

    reply: ReplyFile | None
    responses: Responses | None
    why: str


class FolderPresenter(Presenter):
    """Presents blocks through the process at the folders.

    sha256_of: returns the hash of the pixels that were sent for an image. drivers: the columns of
    the units that drive each thread, by its id.
    """

    def __init__(
        self,
        config: SessionConfig,
        link: Link,
        sha256_of: Callable[[int], str],
        store: ReplyStore,
        drivers: Mapping[int, Sequence[int]],
        on_progress: Callable[[int, int, PartStatus], None],
    ) -> None:
        super().__init__(config, on_progress)
        self._link = link
        self._sha256_of = sha256_of
        self._store = store
        self._drivers = drivers
        self._format = config.rig.settings.get("image_format", "png")
        self._channels = int(config.rig.settings["channels"])
        self._deadline_s = float(config.rig.settings["reply_deadline_s"])

    @property
    def clock(self) -> ClockMap | None:
        """There is none."""
        return None

    @property
    def window_span_s(self) -> tuple[float, float]:
        """There is no window."""
        return 0.0, 0.0

    async def _present_part(
        self,
        block: int,  # noqa: ARG002 - the folders count parts
        part: int,
        planned: list[Planned],
        on_fact: OnFact,  # noqa: ARG002 - nothing is known before the reply
        before: Counter[str],
    ) -> tuple[list[Shown], Sequence[TrialEnded]]:
        folder_block = self._counters.parts - 1
        ids = [_image_name(row) for row in planned]
        names = [str(name) for name in image_names(folder_block, ids, self._format)]
        image_ids = np.array([row.image.image_id for row in planned], np.int64)
        self._tell(part, planned, before)
        await self._link.send(
            f.WriteBlock(folder_block=folder_block, image_ids=image_ids, names=tuple(names))
        )
        written = await self._link.expect_due(f.BlockWritten, WRITING_S)
        images = {image.name: image for image in written.images}
        for row, name in zip(planned, names, strict=True):
            if images[name].image_sha256 != self._sha256_of(row.image.image_id):
                raise WrongImage(
                    f"{name} holds other pixels than were sent for image {row.image.image_id}: a "
                    "fault in the process at the folders; nothing of this block is scored"
                )
        self._tell(part, planned, before, f"the reply to block{folder_block:03d}")
        heard = await self._reply(folder_block, names)
        await self._link.send(f.CloseBlock())
        await self._link.expect_due(f.BlockClosed, SLACK_S)
        shown = [
            self._shown(row, part, images[name], n, heard)
            for n, (row, name) in enumerate(zip(planned, names, strict=True))
        ]
        return shown, ()

    async def _reply(self, folder_block: int, names: Sequence[str]) -> _Heard:
        """Wait until a reply came that can be read, or will not come any more."""
        why = ""
        while True:
            message = await self._link.receive_due(self._deadline_s + SLACK_S)
            if isinstance(message, f.ReplyLate):
                return _Heard(None, None, f"{message.why}{why}")
            if not isinstance(message, f.ReplyArrived):
                continue
            path = await self._store.keep(message)
            try:
                responses = await self._store.read(path, message.format, names, self._channels)
            except UnreadableReply as error:
                # It may still be being written, however long it had not changed.
                why = f" ({error})"
                self._store.drop(path)
                continue
            except WrongReply as error:
                self._store.drop(path)
                return _Heard(None, None, str(error))
            reply = ReplyFile(
                folder_block=folder_block,
                file=message.name,
                sha256=message.sha256,
                n_bytes=len(message.data),
                modified_ns=message.modified_ns,
                arrived_wall=wall_time(),
            )
            return _Heard(reply, responses, "")

    def _shown(
        self, planned: Planned, part: int, image: f.WrittenImage, row: int, heard: _Heard
    ) -> Shown:
        answer, why = None, heard.why
        if heard.responses is not None and heard.reply is not None:
            rates = heard.responses.values[row]
            answer = Answer(image.name, image.sha256, image.image_sha256, rates, heard.reply)
            why = self._why_unheard(planned, rates, bool(heard.responses.answered[row]))
        return Shown(
            planned=planned,
            part=part,
            on_frames=self._config.display.on_frames,
            off_frames=self._config.display.off_frames,
            report=None,
            onset_rig_s=NAN,
            onset_uncertainty_s=NAN,
            sync="none",
            heard=not why,
            outcome="not_heard" if why else "completed",
            reason=why,
            answer=answer,
        )

    def _why_unheard(self, planned: Planned, rates: npt.NDArray[np.float64], answered: bool) -> str:
        """Return why a presentation has no response of the units that matter; "" where it has."""
        if not answered:
            return "the reply does not name this image"
        thread_id = planned.image.thread_id
        threads = self._drivers if thread_id == NO_THREAD else (thread_id,)
        columns = sorted({column for each in threads for column in self._drivers[each]})
        if np.isnan(rates[columns]).any():
            return "the reply has no response of a driver unit to this image"
        return ""

    def _tell(
        self, part: int, planned: list[Planned], before: Counter[str], waiting_for: str = ""
    ) -> None:
        status = PartStatus(
            part=part,
            images=len({row.image.image_id for row in planned}),
            image_id=None,
            attempt=planned[-1].attempt + 1,
            max_attempts=self._config.scoring.attempts,
            late=0,
            fixations_broken=0,
            earlier_outcomes=dict(before),
            waiting_for=waiting_for,
        )
        self._on_progress(len(planned) if waiting_for else 0, len(planned), status)


def _image_name(planned: Planned) -> str:
    """Name an image for the people at the rig; that of the presentation makes it unique."""
    image = planned.image
    kind = "ref" if image.thread_id == NO_THREAD else f"thread{image.thread_id:02d}"
    return f"{kind}_{image.image_id:06d}_p{planned.presentation_id:07d}"
