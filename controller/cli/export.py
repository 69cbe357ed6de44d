"""`neuroloop export nwb`: a session's log as a file of Neurodata Without Borders.

What is in the file is decided in `sessions.nwb`, which needs the extra `nwb` and is loaded late.
"""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer

from controller.cli.exits import Exit
from controller.cli.log_commands import JsonOption, LogArgument, is_running
from controller.cli.output import complain, say, say_json
from controller.cli.progress_lines import ProgressLines
from controller.clock import wall_time
from controller.config.sharing import load_metadata
from controller.errors import ControllerError
from sessions.nwb.metadata import (
    Metadata,
    file_name,
    is_demanded,
    metadata_of,
    missing_for_dandi,
)
from sessions.reader import LogReader, open_log
from sessions.recover import missing_from_log


class MissingExtra(ControllerError):
    """A package that only some need is not installed."""


def add_to(app: typer.Typer) -> None:
    """Add the group of this file to `app`."""
    export = typer.Typer(
        help="Write a session's log as a file of another format.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    export.command(
        "nwb",
        epilog="Example: neuroloop export nwb runs/demo-20260101-120000 --metadata lab.toml",
    )(nwb)
    app.add_typer(export, name="export")


def nwb(
    log: LogArgument,
    out: Annotated[
        Path | None,
        typer.Option(help="The file to write. Default: sub-…_ses-….nwb beside the log."),
    ] = None,
    metadata: Annotated[
        Path | None,
        typer.Option(help="TOML with [subject], [lab], [electrodes]: fills or corrects the log's."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a log as a file of Neurodata Without Borders (NWB 2), as the DANDI archive takes it.

    Holds images, presentations, spikes, codes, scores, the optimizers' numbers, events and the
    config, matched by id. Says what DANDI wants to know that nobody has told. Needs the extra nwb.
    """
    writing = _writing()
    reader = open_log(log)
    corrections = load_metadata(metadata, reader.start.subject_id) if metadata else {}
    known = metadata_of(reader, corrections)
    path = out or reader.path.parent / file_name(known, reader.start.session_id)
    try:
        written = writing.export_nwb(
            reader,
            path,
            known,
            created_at=datetime.fromisoformat(wall_time()),
            force=force,
            progress=ProgressLines(),
        )
    except KeyboardInterrupt:
        complain("interrupted; nothing was written")
        raise typer.Exit(Exit.ABORTED) from None
    left_out = _left_out(reader)
    missing = _missing(reader, known)
    if as_json:
        told = {**asdict(written), "path": str(written.path), "not_in_it": left_out}
        wanted = [{"key": key, "demanded": is_demanded(key)} for key in missing]
        say_json({**told, "missing_for_dandi": wanted})
        return
    images = f"{written.n_images} images"
    if written.n_images_without_pixels:
        images += f" ({written.n_images_without_pixels} of them by hash alone)"
    say(
        f"Wrote {written.path}: {reader.generations_committed} blocks, "
        f"{written.n_presentations} presentations, {images}, {written.n_spikes} spikes, "
        f"{written.n_bytes / 1e6:.1f} MB."
    )
    for sentence in left_out:
        say(sentence)
    _say_missing(missing)


def _writing() -> ModuleType:
    try:
        from sessions.nwb import writing
    except ModuleNotFoundError as error:
        if error.name not in ("pynwb", "hdmf"):
            raise
        raise MissingExtra(
            f"export nwb needs the package {error.name}: pip install 'neuroloop[nwb]'"
        ) from error
    return writing


def _left_out(reader: LogReader) -> list[str]:
    """Return, in words, what of the session is not in the file."""
    if is_running(reader):
        return ["The session is still running: what comes after this is not in the file."]
    folder = reader.path.parent
    found = missing_from_log(folder)
    if found:
        return [
            f"The last generation is in the session's journal alone, and not in this file: "
            f"neuroloop recover {folder}, then export again with --force."
        ]
    return [] if reader.end else ["The session was cut off: the file ends with its last block."]


def _missing(reader: LogReader, known: Metadata) -> tuple[str, ...]:
    # Simulated neurons were recorded with no electrode.
    return missing_for_dandi(known, has_channels=not reader.start.rig_simulated)


def _say_missing(missing: tuple[str, ...]) -> None:
    demanded = [key for key in missing if is_demanded(key)]
    wished = [key for key in missing if not is_demanded(key)]
    if demanded:
        say(f"DANDI will refuse it without: {', '.join(demanded)}.")
    if wished:
        say(f"DANDI would like to know: {', '.join(wished)}.")
    if missing:
        say("Give them in a TOML file, by these names: --metadata FILE.toml, and --force.")
