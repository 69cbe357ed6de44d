"""The process at the folders: writes blocks of images, waits for replies, and hands them over.

It obeys the daemon and touches files, in `outbox` and `replies`. What is in a reply it does not
look at, since nothing at the rig loads HDF5.
"""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from rig_adapters.acquisition.process import read_settings
from rig_adapters.errors import DisplayError, RemoteProtocolError
from rig_adapters.listener import Listener
from rig_adapters.sent_images import image_sha256, require_as_sent
from rig_adapters.units import unit_id_of
from rig_adapters.wire import folders as f
from rig_adapters.wire import messages as m
from rig_adapters.xdream.names import FolderError, ImageName, read_image_name
from rig_adapters.xdream.outbox import Outbox, encoded
from rig_adapters.xdream.replies import ReplyLate, ReplyWatch
from rig_adapters.xdream.settings import XdreamSettings

NAME = "xdream"
LOOK_S = 0.05
"""How often the folder of replies is looked at."""
_IDLE_S = 0.25


def run(listener: Listener) -> None:
    """Serve one daemon until it asks for the end."""
    command: m.Message | None = None
    while command is None:
        command = listener.receive(_IDLE_S)
    if isinstance(command, f.OpenFolders):
        process = FolderProcess(listener, command)
        try:
            process.run()
        finally:
            process.close()
    if listener.conversation.state == "closing":
        listener.send(m.ShutDown())


class FolderProcess:
    """Serves one daemon."""

    def __init__(self, listener: Listener, command: f.OpenFolders) -> None:
        self._listener = listener
        self._settings = settings = read_settings(XdreamSettings, NAME, command.settings)
        self._outbox = Outbox(settings.image_folder)
        self._outbox.check(settings.reply_folder, command.first_block)
        self._images: dict[int, npt.NDArray[np.uint8]] = {}
        self._kept: set[int] = set()
        self._shown = False
        """Whether the images that are not kept belong to a block that was written."""
        self._open: tuple[int, list[str]] | None = None
        self._writer = ThreadPoolExecutor(1, "outbox")
        self._writing: Future[f.BlockWritten] | None = None
        self._watch: ReplyWatch | None = None
        self._deadline_s = 0.0

    def run(self) -> None:
        """Obey, and look for replies, until the daemon asks for the end."""
        self._listener.send(
            m.RigConfigured(
                adapter=NAME,
                simulated=self._settings.emulated,
                sample_rate_hz=0.0,
                units=tuple(
                    m.UnitDescription(
                        unit_id=unit_id_of(channel, 0), channel_id=channel, label="as reported"
                    )
                    for channel in range(1, self._settings.channels + 1)
                ),
                capabilities=frozenset(),
                versions={},
            )
        )
        while True:
            command = self._listener.receive(LOOK_S if self._open else _IDLE_S)
            if isinstance(command, m.Shutdown):
                return
            if command is not None:
                self._obey(command)
            if self._writing is not None and self._writing.done():
                written, self._writing = self._writing.result(), None
                self._deadline_s = time.monotonic() + self._settings.reply_deadline_s
                self._listener.send(written)
            elif self._writing is None and self._watch is not None:
                self._look(self._watch)

    def clear(self) -> None:
        """Take away what was written and is not answered; raises FolderError where that fails."""
        self._watch, opened, self._open = None, self._open, None
        writing, self._writing = self._writing, None
        if writing is not None:
            # What could not be written is not there to be taken away.
            writing.exception()
        if opened is not None:
            self._outbox.take_away(*opened)

    def close(self) -> None:
        """Leave nothing behind."""
        try:
            self.clear()
        finally:
            self._writer.shutdown()

    def _obey(self, command: m.Message) -> None:
        match command:
            case m.LoadImages():
                self._load(command)
            case f.WriteBlock():
                self._write(command)
            case f.CloseBlock():
                self.clear()
                self._listener.send(f.BlockClosed())
            case m.AbortBlock():
                self.clear()
                self._listener.send(m.BlockAborted(presented=0))
            case _:
                raise RemoteProtocolError(f"no folder knows {command.wire_name}")

    def _load(self, command: m.LoadImages) -> None:
        require_as_sent(command)
        if self._shown and not command.keep:
            self._images = {i: self._images[i] for i in self._kept}
            self._shown = False
        for image_id, image in zip(command.image_ids.tolist(), command.images, strict=True):
            self._images[image_id] = image
            if command.keep:
                self._kept.add(image_id)
        self._listener.send(m.ImagesLoaded(image_ids=command.image_ids))

    def _write(self, command: f.WriteBlock) -> None:
        block, ids = command.folder_block, command.image_ids.tolist()
        unknown = [image_id for image_id in ids if image_id not in self._images]
        if unknown:
            raise DisplayError(f"image {unknown[0]} is to be written and was never loaded")
        names = _names(command.names, block, len(ids))
        # Before the images are there: what lies there now is no reply to them.
        watch = ReplyWatch(self._settings.reply_folder, block, self._settings.settled_s)
        images = {name: self._images[i] for name, i in zip(names, ids, strict=True)}
        self._open, self._watch, self._shown = (block, list(command.names)), watch, True
        # A file server may take its time, and the daemon wants signs of life meanwhile.
        self._writing = self._writer.submit(self._written, block, images)

    def _written(
        self, block: int, images: Mapping[ImageName, npt.NDArray[np.uint8]]
    ) -> f.BlockWritten:
        files = {name: encoded(image, name) for name, image in images.items()}
        written = {each.name: each.sha256 for each in self._outbox.write(block, files)}
        return f.BlockWritten(
            images=tuple(
                f.WrittenImage(
                    name=str(name), sha256=written[str(name)], image_sha256=image_sha256(image)
                )
                for name, image in images.items()
            )
        )

    def _look(self, watch: ReplyWatch) -> None:
        try:
            reply = watch.look(time.monotonic(), self._deadline_s)
        except ReplyLate as late:
            self._watch = None
            self._listener.send(f.ReplyLate(why=str(late)))
            return
        if reply is None:
            return
        # It is told once. A daemon that cannot open it waits for the next one, or for the deadline.
        watch.handed_over()
        self._listener.send(
            f.ReplyArrived(
                name=reply.name,
                format=reply.format,
                sha256=reply.sha256,
                modified_ns=reply.mtime_ns,
                data=np.frombuffer(reply.data, np.uint8),
            )
        )


def _names(names: Sequence[str], block: int, n: int) -> list[ImageName]:
    found = [read_image_name(name) for name in names]
    good = [name for name in found if name is not None and name.block == block]
    if len(good) < len(names) or len(names) != n or len(set(names)) < len(names):
        raise FolderError(f"the names of block {block} are none, or not one for each image")
    return good
