"""`neuroloop run`: start a session's daemon, show how it goes, and say what came of it.

The daemon is a process of its own: closing this terminal does not end the session, Ctrl-C does.
"""

import json
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from controller import runtime
from controller.cli.config_commands import SetOption, describe
from controller.cli.exits import Exit
from controller.cli.follow import POLL_S, follow
from controller.cli.output import complain, err, say, say_json
from controller.clock import wall_stamp
from controller.config.load import load_config
from controller.config.tables import SessionConfig
from controller.control.client import ControlClient
from controller.control.messages import SessionStatus
from controller.errors import ControlError, SessionRefused
from controller.processes import child_environment
from controller.replay.configs import logged_config
from sessions.errors import SessionLogError
from sessions.reader import open_log
from sessions.recover import complete_log
from sessions.schema import FILE_NAME

DEAF_S = 15.0
"""How long a daemon that starts may take until it hears that it is to end."""
INTERRUPTS = (signal.SIGINT, signal.SIGTERM)
EXIT_OF = {"success": Exit.DONE, "abort": Exit.ABORTED, "fail": Exit.FAULTED}


def add_to(app: typer.Typer) -> None:
    """Add the command of this file to `app`."""
    app.command(
        epilog="Example: neuroloop run session.toml --set stopping.max_generations=20. "
        "Ctrl-C ends the session at once and closes its log."
    )(run)


def run(
    path: Annotated[Path, typer.Argument(help="The session's TOML file.")],
    overrides: SetOption = None,
    control: Annotated[
        str | None, typer.Option(help="none, or shuffled: tell the optimizer shuffled scores.")
    ] = None,
    detach: Annotated[
        bool, typer.Option(help="Return once it runs; see neuroloop status.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Run one session, show its progress, and end with a summary and a picture."""
    chosen = [*(overrides or ()), *([f'session.control="{control}"'] if control else [])]
    config = load_config(path, chosen)
    toml = path.read_text(encoding="utf-8")
    _, status = run_config(config, toml, detach=detach, as_json=as_json)
    raise typer.Exit(status)


def run_config(
    config: SessionConfig,
    toml: str,
    *,
    detach: bool = False,
    as_json: bool = False,
    branch: tuple[Path, int] | None = None,
) -> tuple[Path, Exit]:
    """Run a session in a new folder; return the folder and the exit status.

    `toml` is the config as the user wrote it, for the log. `branch`: the log of a session, and its
    generation to go on from.
    """
    session_id, folder = new_session_folder(config)
    (folder / "session.toml").write_text(toml, encoding="utf-8")
    if not as_json:
        say(f"Session {session_id}: {describe(config)}.")
    with Daemon(config, session_id, folder, branch=branch) as daemon:
        return see_through(daemon, folder, detach=detach, as_json=as_json)


def see_through(
    daemon: "Daemon", folder: Path, *, detach: bool, as_json: bool
) -> tuple[Path, Exit]:
    """Show a started session to its end; return its folder and the exit status."""
    if detach:
        daemon.wait_until_reachable()
        say("It runs in the background: neuroloop status, neuroloop stop.")
        return folder, Exit.DONE
    daemon.watch(quiet=as_json)
    return folder, conclude(daemon.outcome(), folder, as_json=as_json)


def resume_session(log: Path, *, detach: bool, as_json: bool) -> tuple[Path, Exit]:
    """Go on with a session that was cut off, aborted, or ended by a fault."""
    reader = open_log(log)
    folder = reader.path.parent.resolve()
    session_id = reader.start.session_id
    if any(session.session_id == session_id for session in runtime.running_sessions()):
        raise ControlError(
            f"{session_id} is still running; to go on after a pause: neuroloop resume"
        )
    if reader.end is not None and reader.end.exit_status == "success":
        raise SessionRefused(f"{session_id} ended well, so there is nothing to go on with")
    config = logged_config(reader)
    if not as_json:
        say(f"Going on with {session_id} after {reader.generations_committed} generations.")
    with Daemon(config, session_id, folder, resume=True) as daemon:
        return see_through(daemon, folder, detach=detach, as_json=as_json)


def new_session_folder(config: SessionConfig) -> tuple[str, Path]:
    """Make the folder of a new session and return its id and path."""
    stem = f"{config.session.name}-{wall_stamp()}"
    number = 1
    while True:
        session_id = stem if number == 1 else f"{stem}-{number}"
        folder = (config.session.folder / session_id).resolve()
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            number += 1
            continue
        return session_id, folder


class Daemon:
    """The daemon of one session, as the terminal sees it; it gets Ctrl-C and SIGTERM passed on."""

    def __init__(
        self,
        config: SessionConfig,
        session_id: str,
        folder: Path,
        *,
        resume: bool = False,
        branch: tuple[Path, int] | None = None,
    ) -> None:
        self.session_id = session_id
        self._folder = folder
        resolved = folder / "config.json"
        resolved.write_text(config.model_dump_json(indent=2), encoding="utf-8")
        command = [sys.executable, "-m", "controller.daemon", "--config", str(resolved)]
        command += ["--toml", str(folder / "session.toml")]
        command += ["--session-id", session_id, "--folder", str(folder)]
        command += ["--resume"] if resume else []
        if branch is not None:
            command += ["--branch-of", str(branch[0]), "--from-generation", str(branch[1])]
        self._interrupts = 0
        self._unheard: list[int] | None = []
        # From here on an interrupt is the daemon's, which ends the session in order.
        self._handlers = {n: signal.signal(n, self._interrupt) for n in INTERRUPTS}
        try:
            self._process = self._start(command)
        except BaseException:
            self._restore_handlers()
            raise
        unheard, self._unheard = self._unheard, None
        for number in unheard:
            self._process.send_signal(number)

    def __enter__(self) -> "Daemon":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._restore_handlers()
        # Whoever started the session and failed to say so must not leave it running.
        if kind is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(DEAF_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _start(self, command: list[str]) -> subprocess.Popen[bytes]:
        # The daemon is born deaf to interrupts, and hears those that came as soon as it can end in
        # order: an exception that is thrown into the middle of an import may be lost.
        signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTS)
        try:
            with (self._folder / "daemon.log").open("ab") as log:
                # In a session of its own, so that Ctrl-C reaches it once and through us.
                return subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env=child_environment(),
                    start_new_session=True,
                )
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPTS)

    def _restore_handlers(self) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def wait_until_reachable(self) -> None:
        """Return when the daemon answers; ControlError when it ends before that."""
        while self._status() is None:
            if self._process.poll() is not None:
                raise ControlError(f"the session ended at once; see {self._folder}/daemon.log")
            time.sleep(POLL_S)

    def watch(self, *, quiet: bool) -> None:
        """Show how the session goes until its daemon has ended."""
        follow(lambda: self._process.poll() is None, self._status, quiet=quiet)

    def outcome(self) -> dict[str, str]:
        """Return `exit_status` and `reason` of the ended session."""
        code = self._process.wait()
        last = self._process.stdout.read().decode() if self._process.stdout else ""
        try:
            told = json.loads(last.strip().splitlines()[-1])
            return {"exit_status": told["exit_status"], "reason": told["reason"]}
        except (IndexError, ValueError, KeyError, TypeError):
            runtime.sweep()
            _complete(self._folder)
            if self._interrupts:
                return {"exit_status": "abort", "reason": "interrupted before the session began"}
            cause = f"was killed by {signal.Signals(-code).name}" if code < 0 else "broke down"
            return {
                "exit_status": "fail",
                "reason": f"the daemon {cause}; see {self._folder}/daemon.log",
            }

    def _interrupt(self, number: int, _frame: FrameType | None) -> None:
        self._interrupts += 1
        if self._interrupts == 1:
            err.print("ending the session and closing its log…", markup=False)
        if self._unheard is not None:
            self._unheard.append(number)
        elif self._process.poll() is None:
            # Who insists three times has a daemon that does not hear.
            self._process.send_signal(number if self._interrupts < 3 else signal.SIGKILL)

    def _status(self) -> SessionStatus | None:
        try:
            found = runtime.find_session(self.session_id)
            with ControlClient(found.control_endpoint, deadline_s=2.0) as client:
                return client.status()
        except ControlError:
            return None


def conclude(outcome: dict[str, str], folder: Path, *, as_json: bool) -> Exit:
    """Say what happened, draw the picture, and return the exit status."""
    log = folder / FILE_NAME
    picture = _draw(log) if log.exists() else None
    audit, alarms = _audited(log) if log.exists() else ("", 0)
    if as_json:
        paths = {"log": log if log.exists() else None, "picture": picture, "folder": folder}
        told = {name: path and str(path) for name, path in paths.items()}
        say_json({**outcome, **told, "audit": audit, "audit_alarms": alarms})
    else:
        _tell(outcome, log, picture)
    status = EXIT_OF[outcome["exit_status"]]
    return Exit.PROBLEMS if alarms and status is Exit.DONE else status


def _complete(folder: Path) -> None:
    """Write to the log what a daemon that was killed had only journalled."""
    if (folder / FILE_NAME).exists():
        with suppress(SessionLogError, OSError):
            complete_log(folder)


def _draw(log: Path) -> Path | None:
    # matplotlib takes a second to import, which no other command should pay for.
    from sessions.report import draw_summary

    reader = open_log(log)
    if not reader.generations_committed:
        return None
    picture = log.parent / "summary.png"
    draw_summary(reader, picture)
    return picture


def _audited(log: Path) -> tuple[str, int]:
    """Return what the audit came to, and how many differences it found."""
    from sessions.report import summary

    found = summary(open_log(log))
    return found.audit, found.alarms


def _tell(outcome: dict[str, str], log: Path, picture: Path | None) -> None:
    if outcome["exit_status"] == "fail":
        complain(f"the session ended by a fault: {outcome['reason']}")
    if log.exists():
        from sessions.report import summary, summary_sentences

        for sentence in summary_sentences(summary(open_log(log))):
            say(sentence)
        say(f"Log: {shortest(log)}")
        if outcome["exit_status"] != "success":
            say(f"To go on with it: {program()} resume {shortest(log.parent)}")
    if picture is not None:
        say(f"Picture: {shortest(picture)}")
        say(f"Next: {program()} inspect {shortest(log.parent)}")


def shortest(path: Path) -> Path:
    """Return `path` as it is best typed from here."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def program() -> str:
    """Return what to type for this program: its name, or its path where it is not on the PATH."""
    this = Path(sys.argv[0]).absolute()
    found = shutil.which(this.name)
    return this.name if found and Path(found).absolute() == this else str(shortest(this))
