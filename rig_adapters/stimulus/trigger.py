"""TTL lines of the stimulus process: none, a serial port's, a parallel port's.

One marks image onsets: it rises right after the flip that shows an image, and falls at the next
flip. Another opens the reward's valve. Setting a line takes microseconds and waits for nobody. A
new kind of line implements `TriggerLine` and passes `rig_adapters.testing.trigger_contract`.
"""

import logging
import os
from collections.abc import Callable
from typing import Any, Protocol

from rig_adapters.errors import DisplayError
from rig_adapters.wire.messages import ParallelTtl, SerialTtl, TtlLine

logger = logging.getLogger(__name__)

# linux/ppdev.h
_CLAIM, _RELEASE, _WRITE_DATA = 0x708B, 0x708C, 0x40017086


NOT_LOWERED = "the line of %s could not be set low at its end (%s): it may be high still"


class TriggerLine(Protocol):
    """A digital output; low when it is opened."""

    def set_high(self, high: bool) -> None:
        """Set the output; OSError where it cannot be."""
        ...

    def close(self) -> None:
        """Let go of it, low; also where it was closed before, or its device is gone."""
        ...


class NoTrigger:
    """Implements `TriggerLine` where there is none."""

    def set_high(self, high: bool) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class SerialTrigger:
    """Implements `TriggerLine` with the RTS or DTR line of a serial port."""

    def __init__(self, settings: SerialTtl) -> None:
        try:
            import serial
        except ImportError as error:
            raise DisplayError(
                f"pyserial cannot be imported ({error}); run scripts/setup"
            ) from error
        self._line = settings.line
        self._port: Any = serial.serial_for_url(settings.device, do_not_open=True)
        # Before it opens, or opening would raise both lines for a moment.
        self._port.rts = self._port.dtr = False
        self._port.open()

    def set_high(self, high: bool) -> None:
        """Set the line."""
        setattr(self._port, self._line, high)

    def close(self) -> None:
        """Lower the line and close the port."""
        if self._port.is_open:
            try:
                self.set_high(False)
            except OSError as error:
                logger.warning(NOT_LOWERED, self._port.name, error)
            finally:
                self._port.close()


Ioctl = Callable[[int, int, bytes], Any]


class ParallelTrigger:
    """Implements `TriggerLine` with a data pin of a Linux parallel port; the others stay low."""

    def __init__(self, settings: ParallelTtl, ioctl: Ioctl | None = None) -> None:
        self._mask = 1 << (settings.pin - 2)
        self._device = settings.device
        self._ioctl = ioctl or _system_ioctl()
        self._port: int | None = os.open(settings.device, os.O_RDWR)
        try:
            self._ioctl(self._port, _CLAIM, b"")
            self.set_high(False)
        except OSError:
            os.close(self._port)
            raise

    def set_high(self, high: bool) -> None:
        """Set the pin."""
        if self._port is None:
            raise OSError("the parallel port is closed")
        self._ioctl(self._port, _WRITE_DATA, bytes([self._mask if high else 0]))

    def close(self) -> None:
        """Lower the pin and release the port."""
        if self._port is None:
            return
        try:
            self.set_high(False)
            self._ioctl(self._port, _RELEASE, b"")
        except OSError as error:
            logger.warning(NOT_LOWERED, self._device, error)
        finally:
            os.close(self._port)
            self._port = None


def _system_ioctl() -> Ioctl:
    try:
        from fcntl import ioctl
    except ImportError as error:
        raise DisplayError(
            "parallel ports are for Linux here; use a serial one, or write a TriggerLine"
        ) from error
    return ioctl


def open_line(settings: TtlLine) -> TriggerLine:
    """Return the line that is configured, low; OSError where it cannot be opened."""
    if isinstance(settings, SerialTtl):
        return SerialTrigger(settings)
    return ParallelTrigger(settings)


def open_trigger(settings: TtlLine | None) -> TriggerLine:
    """Return the line that marks onsets, low; DisplayError where it cannot be opened."""
    if settings is None:
        return NoTrigger()
    try:
        return open_line(settings)
    except OSError as error:
        raise DisplayError(
            f"the TTL line cannot be opened ({error}): see whether {settings.device} is there and "
            "yours to use, or correct display.ttl"
        ) from error
