"""The HTTP server of Open Ephys: what it is doing, and what it is asked to do.

Every reply is verified: a mode that cannot be reached is answered with the one that is. Each
request has a short deadline, and none is made while spikes are awaited.
"""

import http.client
import json
import logging
from typing import Any, Literal

from rig_adapters.acquisition.source import RecorderError
from rig_adapters.open_ephys.settings import ControlSettings

logger = logging.getLogger(__name__)

Mode = Literal["IDLE", "ACQUIRE", "RECORD"]
MODES: tuple[Mode, ...] = ("IDLE", "ACQUIRE", "RECORD")
DEADLINE_S = 2.0
LARGEST_REPLY = 4 * 2**20


class Control:
    """Talks with one Open Ephys."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port

    def mode(self) -> Mode:
        """Return what it is doing."""
        return self._mode_of(self._request("GET", "/api/status"))

    def set_mode(self, mode: Mode) -> None:
        """Have it do something else. Raises RecorderError where it does not."""
        reached = self._mode_of(self._request("PUT", "/api/status", {"mode": mode}))
        if reached == mode:
            return
        if mode == "RECORD":
            advice = "put a Record Node into its signal chain, whose folder it can write to"
        else:
            advice = "see what it says in its message bar, and whether its source is connected"
        raise RecorderError(f"Open Ephys was asked to {mode} but is in {reached}: {advice}")

    def say(self, text: str) -> None:
        """Have a message written into its recording."""
        self._request("PUT", "/api/message", {"text": text})

    def _mode_of(self, reply: dict[str, Any]) -> Mode:
        for mode in MODES:
            if reply.get("mode") == mode:
                return mode
        raise self._strange(f"mode {str(reply.get('mode'))[:40]!r}")

    def _request(self, verb: str, path: str, body: dict[str, str] | None = None) -> dict[str, Any]:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=DEADLINE_S)
        try:
            connection.request(
                verb,
                path,
                None if body is None else json.dumps(body),
                {"Content-Type": "application/json", "Connection": "close"},
            )
            response = connection.getresponse()
            text = response.read(LARGEST_REPLY)
        except TimeoutError as error:
            raise RecorderError(
                f"the HTTP server of Open Ephys at {self._host}:{self._port} has not answered "
                f"{verb} {path} within {DEADLINE_S:g} s: close any dialog that it has open"
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise RecorderError(
                f"nobody answers as the HTTP server of Open Ephys at {self._host}:{self._port} "
                f"({error}): start Open Ephys, and see in its File menu that the HTTP server is on"
            ) from error
        finally:
            connection.close()
        if response.status != http.client.OK:
            raise self._strange(f"status {response.status} for {verb} {path}")
        try:
            reply = json.loads(text)
        except (ValueError, RecursionError):
            reply = None
        if not isinstance(reply, dict):
            raise self._strange(f"no table for {verb} {path}")
        return reply

    def _strange(self, what: str) -> RecorderError:
        return RecorderError(
            f"what answers at {self._host}:{self._port} is not the HTTP server of Open Ephys: it "
            f"said {what}; correct rig.settings.control.port"
        )


class Operator:
    """Starts what the settings ask for, and ends what it has started itself."""

    def __init__(self, host: str, settings: ControlSettings | None) -> None:
        self._settings = settings
        self._control = Control(host, settings.port if settings is not None else 0)
        self._acquires = self._records = False

    def start_acquisition(self) -> None:
        """Have it acquire, where that was asked for and it does not."""
        if self._settings is None or self._settings.start == "nothing":
            return
        if self._control.mode() == "IDLE":
            self._control.set_mode("ACQUIRE")
            self._acquires = True

    def begin(self) -> None:
        """Have it record, where that was asked for, and write where the session begins."""
        self.start_acquisition()
        wanted = self._settings is not None and self._settings.start == "recording"
        if wanted and self._control.mode() != "RECORD":
            self._control.set_mode("RECORD")
            self._records = True
        self._mark("neuroloop: a recording begins")

    def end(self) -> None:
        """Write where the session ends, and end the recording that was begun for it."""
        self._mark("neuroloop: a recording ends")
        if self._records:
            self._records = False
            self._control.set_mode("ACQUIRE")

    def close(self) -> None:
        """Leave it as it was found; never raises."""
        if self._acquires or self._records:
            mode: Mode = "IDLE" if self._acquires else "ACQUIRE"
            self._acquires = self._records = False
            try:
                self._control.set_mode(mode)
            except RecorderError as error:
                logger.warning("%s", error)

    def _mark(self, text: str) -> None:
        if self._settings is not None and self._settings.markers:
            self._control.say(text)
