"""What SpikeGLX is asked before a recording: its run, the stream's rate, channels and voltages.

A run that the adapter has started it also stops; one that others started is left as it is.
"""

import logging
import time

import numpy as np

from rig_adapters.acquisition.source import RecorderError
from rig_adapters.spikeglx.connection import NotDone, Questioner
from rig_adapters.spikeglx.layout import Layout
from rig_adapters.spikeglx.settings import SpikeGlxSettings
from rig_adapters.spikeglx.wire import TOO_LATE, Bits, Block, Refused, fetch

PATIENCE_S = 20.0
"""Probes take a while to start."""
NOISE_S = 1.0
"""Over how long the noise is measured, where a threshold is a multiple of it."""
LEVELS_S = 0.3
"""Over how long all else is."""
_LOOK_S = 0.05
_MOST_S = 0.1

logger = logging.getLogger(__name__)


class Operator:
    """Starts and ends what the settings ask for; each time on a connection of its own."""

    def __init__(self, settings: SpikeGlxSettings) -> None:
        self._settings = settings
        self._runs = self._records = False

    def questioner(self) -> Questioner:
        """Return a new connection."""
        return Questioner(self._settings.host, self._settings.port)

    def start_run(self, questioner: Questioner) -> None:
        """Have it run, or see that it does, and wait until there are samples."""
        js, ip = self._settings.js_ip()
        if not questioner.number("ISRUNNING"):
            if self._settings.run == "operator":
                raise RecorderError(
                    "SpikeGLX does not run: press Run in its dialog Configure Acquisition"
                )
            questioner.ask("STARTRUN")
            self._runs = True
        deadline_s = time.monotonic() + PATIENCE_S
        while not questioner.number(f"GETSTREAMSAMPLECOUNT {js} {ip}"):
            if time.monotonic() > deadline_s:
                raise RecorderError(
                    f"SpikeGLX has acquired nothing on {self._settings.stream} within "
                    f"{PATIENCE_S:.0f} s: see what it says in its console"
                )
            time.sleep(_LOOK_S)

    def begin(self, questioner: Questioner) -> None:
        """Have the run written to disk, where that was asked for and it is not."""
        if self._settings.run == "record" and not questioner.number("ISSAVING"):
            questioner.ask("SETRECORDENAB 1")
            self._records = True

    def end(self) -> None:
        """End the writing that was begun."""
        if self._records:
            self._records = False
            self._tell("SETRECORDENAB 0")

    def close(self) -> None:
        """Leave it as it was found; never raises."""
        self.end()
        if self._runs:
            self._runs = False
            self._tell("STOPRUN")

    def _tell(self, command: str) -> None:
        try:
            questioner = self.questioner()
            try:
                questioner.ask(command)
            finally:
                questioner.close()
        except RecorderError as error:
            logger.warning("%s", error)


def sample_rate_hz(questioner: Questioner, js: int, ip: int) -> float:
    """Return the rate of a stream."""
    rate_hz = questioner.number(f"GETSTREAMSAMPLERATE {js} {ip}")
    if not 100.0 <= rate_hz <= 1e6:
        raise RecorderError(f"SpikeGLX says that its stream has {rate_hz} samples in a second")
    return rate_hz


def layout(questioner: Questioner, js: int, ip: int) -> Layout:
    """Return which channels a stream has."""
    return Layout.read(js, questioner.numbers(f"GETSTREAMACQCHANS {js} {ip}"))


def v_per_bit(questioner: Questioner, js: int, ip: int, channel: int) -> float:
    """Return the voltage of one step of the converter on a channel."""
    try:
        volts = questioner.number(f"GETSTREAMI16TOVOLTS {js} {ip} {channel}")
    except NotDone as error:
        raise RecorderError(
            f"{error}; an older SpikeGLX does not say what one step of its converter is: update "
            "it, or give rig.settings.uv_per_bit"
        ) from error
    if not 0 < volts < 1:
        raise RecorderError(f"SpikeGLX says that one step of its converter is {volts} V")
    return volts


def fetch_for_a_while(questioner: Questioner, settings: SpikeGlxSettings, rate_hz: float) -> Bits:
    """Return samples (n, c) of the channels with spikes, from now on and as many as needed.

    They are of one stretch: where SpikeGLX no longer has the next one, it is begun anew.
    """
    (js, ip), channels = settings.js_ip(), tuple(settings.detected())
    noisy = any(each.threshold_noise is not None for each in settings.detect)
    wanted, came = round((NOISE_S if noisy else LEVELS_S) * rate_hz), 0
    parts: list[Bits] = []
    position: int | None = None
    deadline_s = time.monotonic() + PATIENCE_S
    while came < wanted:
        if time.monotonic() > deadline_s:
            raise RecorderError(
                "SpikeGLX runs but acquires hardly anything: see what it says in its console"
            )
        if position is None:
            parts, came = [], 0
            position = int(questioner.number(f"GETSTREAMSAMPLECOUNT {js} {ip}"))
        reply = questioner.reply(fetch(js, ip, position, round(_MOST_S * rate_hz), channels))
        if isinstance(reply, Refused) and TOO_LATE in reply.why:
            position = None
            continue
        if not isinstance(reply, Block):
            why = reply.why if isinstance(reply, Refused) else "it answers something else"
            raise RecorderError(
                f"SpikeGLX hands over no samples: {why} Is its run going on, and are its filtered "
                "streams enabled in Configure Acquisition, if filtered = true?"
            )
        parts.append(reply.values)
        came, position = came + len(reply.values), reply.first_sample + len(reply.values)
        time.sleep(_LOOK_S)
    return np.concatenate(parts)
