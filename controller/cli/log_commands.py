"""`neuroloop inspect`, `recover` and `replay`: a log afterwards, and the session done again."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from controller import runtime
from controller.cli.config_commands import SetOption
from controller.cli.exits import Exit
from controller.cli.inspection import print_inspection
from controller.cli.output import say, say_json
from controller.cli.run import run_config
from controller.errors import ControlError
from controller.replay import Rerendered, first_difference, replay_config, rerender
from sessions.checks import run_checks
from sessions.reader import LogReader, open_log
from sessions.recover import complete_log, missing_from_log
from sessions.report import summary
from sessions.schema import FILE_NAME

LogArgument = Annotated[Path, typer.Argument(help="A session's log, or its folder.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file to `app`."""
    app.command("inspect", epilog="Example: neuroloop inspect runs/demo-20260101-120000")(inspect_)
    app.command(epilog="Example: neuroloop recover runs/demo-20260101-120000")(recover)
    app.command(
        epilog="Example: neuroloop replay LOG --set threads.0.optimizer.kind=genetic. "
        "The replay is a session of its own, with a log of its own."
    )(replay)


def inspect_(log: LogArgument, as_json: JsonOption = False) -> None:
    """Say what is in a log, generation by generation, and whether anything is wrong with it."""
    reader = open_log(log)
    findings = run_checks(reader)
    if as_json:
        say_json({"summary": asdict(summary(reader)), "findings": [asdict(f) for f in findings]})
    else:
        print_inspection(reader, findings)
        _say_what_is_missing(reader)
    if any(finding.severity == "error" for finding in findings):
        raise typer.Exit(Exit.PROBLEMS)


def recover(log: LogArgument) -> None:
    """Complete the log of a session whose daemon was killed, without going on with the session.

    The last generation may be in the session's journal alone. neuroloop run and neuroloop resume
    do this by themselves.
    """
    reader = open_log(log)
    if is_running(reader):
        raise ControlError("the session is still running, and completes its log by itself")
    n_generations = complete_log(reader.path.parent)
    if n_generations:
        say(f"Brought {n_generations} generation(s) from the journal into {reader.path}.")
    else:
        say(f"{reader.path} holds every committed generation.")


def _say_what_is_missing(reader: LogReader) -> None:
    folder = reader.path.parent
    # A session that runs is a moment ahead of its log.
    if missing_from_log(folder) and not is_running(reader):
        say(f"Its last generation is in the journal alone: neuroloop recover {folder}")


def is_running(reader: LogReader) -> bool:
    """Whether the session of a log is running now."""
    session_id = reader.start.session_id
    return any(session.session_id == session_id for session in runtime.running_sessions())


def replay(
    log: LogArgument,
    overrides: SetOption = None,
    images_only: Annotated[
        bool, typer.Option("--images-only", help="Only render the logged codes again.")
    ] = False,
    folder: Annotated[
        str | None, typer.Option(help="Where the replay's log goes; default: as in the config.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Render every logged code again, and run the session again in virtual time.

    Without overrides the replay of a virtual-time session should be identical; where it is not,
    the exit status is 6. A real-time session cannot be repeated spike by spike.
    """
    reader = open_log(log)
    rendered = rerender(reader)
    if as_json and images_only:
        say_json([{**asdict(row), "identical": row.identical} for row in rendered])
    elif not as_json:
        for row in rendered:
            say(rerendered_sentence(row))
    identical = all(row.identical for row in rendered)
    if not images_only:
        same = _run_again(reader, list(overrides or ()), folder, as_json=as_json)
        # With overrides another result is what was asked for, and real time never repeats itself.
        repeatable = not overrides and reader.start.time == "virtual"
        identical = identical and (same or not repeatable)
    if not identical:
        raise typer.Exit(Exit.PROBLEMS)


def rerendered_sentence(row: Rerendered) -> str:
    """Return what came of rendering a thread's codes again."""
    head = f"Thread {row.thread_id} ({row.generator}): {row.n_images} codes rendered again, "
    if row.identical:
        return head + "all images are the same pixels."
    weights = "" if row.same_weights else " (the generator's weights are others than logged)"
    first = ", ".join(map(str, row.differing_image_ids[:5]))
    return head + f"{len(row.differing_image_ids)} images differ{weights}, the first: {first}."


def _run_again(
    reader: LogReader, overrides: list[str], folder: str | None, *, as_json: bool
) -> bool:
    """Run the session again; return whether codes, pixels and scores came out the same."""
    config = replay_config(reader, overrides, folder)
    changes = "".join(f"# --set {override}\n" for override in overrides)
    toml = f"# Replay of {reader.start.session_id}\n{changes}{reader.start.config_toml}"
    place, status = run_config(config, toml, as_json=as_json)
    if status is not Exit.DONE:
        raise typer.Exit(status)
    difference = first_difference(reader, open_log(place / FILE_NAME))
    if as_json:
        return difference is None
    if difference is None:
        say("The replay is identical to the session: same codes, same pixels, same scores.")
    else:
        say(f"Compared with the session: {difference}.")
        if reader.start.time == "real":
            say("That was to be expected: in real time, spikes depend on when the screen flipped.")
    return difference is None
