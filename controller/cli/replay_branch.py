"""`neuroloop replay branch`: a session of its own that goes on from a generation of another one."""

from pathlib import Path
from typing import Annotated

import typer

from controller.branching import lineage_of
from controller.cli.config_commands import SetOption
from controller.cli.log_commands import JsonOption, LogArgument, is_running
from controller.cli.replay_rehearse import FolderOption
from controller.cli.run import run_config
from controller.config.load import apply_overrides, validate_config
from controller.config.tables import SessionConfig
from controller.errors import ControlError, SessionRefused
from controller.replay.configs import logged_tables, rename
from sessions.reader import LogReader, open_log
from sessions.recover import missing_from_log


def branch(
    log: LogArgument,
    from_generation: Annotated[
        int, typer.Option(min=1, help="The generation to go on from: the first of the branch.")
    ],
    overrides: SetOption = None,
    folder: FolderOption = None,
    detach: Annotated[
        bool, typer.Option(help="Return once it runs; see neuroloop status.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Go on from a generation of a session that is over, with changed settings, in a new session.

    On the rig that the session ran on, simulated or real. The log of the session stays as it is;
    that of the branch holds what the optimizers had been told. stopping.max_generations counts the
    generations of the branch.
    """
    reader = open_log(log)
    if is_running(reader):
        raise ControlError("the session is still running; stop it first, or wait for its end")
    if missing_from_log(reader.path.parent):
        raise SessionRefused(
            f"its last generation is in the journal alone; first: neuroloop recover "
            f"{reader.path.parent}"
        )
    config = branch_config(reader, list(overrides or ()), folder)
    # What cannot be is refused here, before any process is started.
    lineage_of(reader, from_generation, config)
    head = f"# Branch of {reader.start.session_id} from generation {from_generation}\n"
    changes = "".join(f"# --set {override}\n" for override in overrides or ())
    _, status = run_config(
        config,
        f"{head}{changes}{reader.start.config_toml}",
        detach=detach,
        as_json=as_json,
        branch=(Path(reader.path).resolve(), from_generation),
    )
    raise typer.Exit(status)


def branch_config(reader: LogReader, overrides: list[str], folder: str | None) -> SessionConfig:
    """Return the config of a branch: that of its session, under another name, and changed."""
    tables = logged_tables(reader)
    rename(tables, "branch", folder)
    apply_overrides(tables, overrides)
    return validate_config(tables)
