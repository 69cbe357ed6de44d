"""`neuroloop replay exact`: whether everything in a log comes out again."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

import typer

from controller.cli.exits import Exit
from controller.cli.log_commands import JsonOption, LogArgument
from controller.cli.output import err, say, say_json
from controller.cli.progress_lines import ProgressLines
from controller.cli.replay_rehearse import FolderOption, run_quietly
from controller.errors import SessionRefused
from controller.replay.compare import first_difference
from controller.replay.configs import virtual_config
from controller.replay.exact import KINDS, BlockReplay, Difference, ExactReplay
from sessions.reader import LogReader, open_log
from sessions.recover import missing_from_log
from sessions.schema import FILE_NAME


@dataclass
class Result:
    """What an exact replay has come to so far."""

    generations: int = 0
    images: int = 0
    presentations: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    first: Difference | None = None
    first_of_kind: dict[str, Difference] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    stopped: bool = False
    rerun: str | None = None
    """Where a second run differs from the session; "" where nowhere; None without one."""

    @property
    def identical(self) -> bool:
        """Whether everything that was looked at came out again."""
        return not self.counts and not self.rerun

    def add(self, block: BlockReplay) -> None:
        """Take in one block."""
        self.generations += 1
        self.images += block.n_images
        self.presentations += block.n_presentations
        self.notes += block.notes
        for difference in block.differences:
            self.add_difference(difference)

    def add_difference(self, difference: Difference) -> None:
        """Take in one difference."""
        self.first = self.first or difference
        self.first_of_kind.setdefault(difference.kind, difference)
        self.counts[difference.kind] += 1


def exact(
    log: LogArgument,
    without_pixels: Annotated[
        bool, typer.Option("--without-pixels", help="Do not render the codes again.")
    ] = False,
    rerun: Annotated[
        bool,
        typer.Option(
            "--rerun", help="Also run the whole session again; it must be one in virtual time."
        ),
    ] = False,
    folder: FolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compute everything in a log again from the rest of it, and name the first difference.

    Codes from config, seed and scores; pixels from codes; counts from spikes; scores from counts.
    No rig is started, so a session in real time can be replayed too. Exit status 6 where anything
    differs.
    """
    reader = open_log(log)
    if rerun and reader.start.time == "real":
        raise SessionRefused(
            "a session in real time cannot be run again spike by spike; leave out --rerun, or see "
            "neuroloop replay rehearse"
        )
    result = _replayed(reader, pixels=not without_pixels)
    if rerun and not result.stopped:
        result.rerun = _run_again(reader, folder, as_json=as_json)
    if as_json:
        say_json(_as_json(result))
    else:
        _tell(result, reader, pixels=not without_pixels)
    if result.stopped:
        raise typer.Exit(Exit.ABORTED)
    if not result.identical:
        raise typer.Exit(Exit.PROBLEMS)


def _replayed(reader: LogReader, *, pixels: bool) -> Result:
    result, progress = Result(), ProgressLines()
    try:
        replay = ExactReplay(reader, pixels=pixels)
        result.notes += replay.notes
        for difference in replay.reference_differences():
            result.add_difference(difference)
        for block in replay.blocks():
            result.add(block)
            progress("replaying generations", result.generations, reader.generations_committed)
    except KeyboardInterrupt:
        result.stopped = True
    return result


def _run_again(reader: LogReader, folder: str | None, *, as_json: bool) -> str:
    config = virtual_config(reader, (), "rerun", folder)
    toml = f"# {reader.start.session_id} run again\n{reader.start.config_toml}"
    place, _ = run_quietly(config, toml, quiet=as_json)
    return first_difference(reader, open_log(place / FILE_NAME)) or ""


def _tell(result: Result, reader: LogReader, *, pixels: bool) -> None:
    for note in result.notes:
        say(f"Note: {note}")
    if result.stopped:
        err.print(
            f"Stopped after {result.generations} of {reader.generations_committed} generations.",
            markup=False,
        )
    if missing_from_log(reader.path.parent):
        say("The last generation is in the journal alone, and was not looked at.")
    rendered = f"{result.images} codes and their pixels" if pixels else f"{result.images} codes"
    say(
        f"Replayed {result.generations} generations: {rendered}, {result.presentations} "
        "presentations."
    )
    if result.first is None:
        say("No differences: everything comes out again to the last bit.")
    else:
        counts = (f"{result.counts[kind]} {kind}" for kind in KINDS if result.counts[kind])
        say(f"First difference: {result.first.sentence}.")
        say(f"Differences: {', '.join(counts)}.")
    if result.rerun is not None:
        say(
            f"Run again, it differs: {result.rerun}."
            if result.rerun
            else "Run again, it is the same session: every presentation with its spikes."
        )


def _as_json(result: Result) -> dict[str, Any]:
    def told(difference: Difference | None) -> dict[str, Any] | None:
        if difference is None:
            return None
        return {**asdict(difference), "sentence": difference.sentence}

    return {
        "identical": result.identical and not result.stopped,
        "stopped": result.stopped,
        "generations": result.generations,
        "images": result.images,
        "presentations": result.presentations,
        "differences": {kind: result.counts[kind] for kind in KINDS},
        "first": told(result.first),
        "first_of_kind": {kind: told(found) for kind, found in result.first_of_kind.items()},
        "notes": result.notes,
        "rerun": result.rerun,
    }
