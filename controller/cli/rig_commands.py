"""`neuroloop rig scan`, `rig test`, `rig emulate`: the recording system, before the animal comes.

Looking for systems is the business of `rig_adapters.scanning`, trying one that of
`controller.preflight.rig_trial`, and emulating one that of `rig_adapters.emulators`.
"""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from controller.cli.config_commands import SetOption
from controller.cli.exits import Exit
from controller.cli.output import complain, err, out, say, say_json
from controller.cli.preflight import print_report, until_interrupted
from controller.clock import wall_time
from controller.config.load import load_config
from controller.config.tables import SessionConfig

if TYPE_CHECKING:
    from controller.preflight.rig_trial import RigTrial

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]
TRIAL_S = 120.0


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file to `app`."""
    rig = typer.Typer(
        no_args_is_help=True,
        help="The recording system: what is there, whether it works, and emulated ones.",
        rich_markup_mode=None,
    )
    rig.command(epilog="Example: neuroloop rig scan. It disturbs nothing that runs.")(scan)
    rig.command(
        "test", epilog="Example: neuroloop rig test session.toml --seconds 30. Ctrl-C ends it."
    )(try_out)
    rig.command(
        epilog="Example: neuroloop rig emulate relay --file relay.toml --light tcp://127.0.0.1:5600"
    )(emulate)
    app.add_typer(rig, name="rig")


def scan(as_json: JsonOption = False) -> None:
    """List the recording systems that answer on this machine."""
    from rig_adapters.scanning import scan as look

    looked = []
    for each in look():
        err.print(f"looked for {each.records}", markup=False)
        looked.append(each)
    answers = [answer for each in looked for answer in each.answers]
    if as_json:
        say_json(
            {
                "looked_at": wall_time(),
                "answers": [vars(answer) for answer in answers],
                "failed": {each.adapter: each.failed for each in looked if each.failed},
            }
        )
        return
    for each in looked:
        if each.failed:
            complain(f"could not look for {each.records}: {each.failed}")
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("rig.adapter", "where", "what it says"):
        table.add_column(title, overflow="fold")
    for answer in answers:
        table.add_row(answer.adapter, answer.where, answer.tells)
    if answers:
        out.print(table)
    else:
        say("No recording system answers on this machine.")


def try_out(
    path: Annotated[Path, typer.Argument(help="The session's TOML file.")],
    overrides: SetOption = None,
    seconds: Annotated[float, typer.Option(min=1, help="For how long to listen.")] = TRIAL_S,
    as_json: JsonOption = False,
) -> None:
    """Show a grey image again and again, and measure what the recording system makes of it."""
    config = load_config(path, overrides or ())
    try:
        tried = asyncio.run(_try(config, seconds))
    except asyncio.CancelledError:
        complain("interrupted; the screen and the rig were closed")
        raise typer.Exit(Exit.ABORTED) from None
    if as_json:
        units = [vars(unit) for unit in tried.units]
        say_json(
            {
                "tried_at": wall_time(),
                "adapter": tried.adapter,
                "recorded_s": tried.recorded_s,
                **tried.found.as_json(),
                "units": units,
            }
        )
    else:
        _print_units(tried)
        print_report(tried.found)
    raise typer.Exit(Exit.PROBLEMS if tried.found.worst == "refuse" else Exit.DONE)


def emulate(
    kind: Annotated[str, typer.Argument(help="Which recording system, e.g. relay.")],
    file: Annotated[
        Path | None, typer.Option(help="TOML file of what it shall be; see the how-to.")
    ] = None,
    light: Annotated[
        str | None,
        typer.Option(help="Where it watches the screen of a session: what rig.light says."),
    ] = None,
    truth: Annotated[
        Path | None, typer.Option(help="Write there what it really sent, one JSON in a line.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of its random numbers.")] = 1,
) -> None:
    """Emulate a recording system on this machine until Ctrl-C, to rehearse a whole rig with."""
    from rig_adapters.emulators.process import EMULATORS, read_file, run

    if kind not in EMULATORS:
        complain(f"there is no emulator {kind!r}; there are {', '.join(sorted(EMULATORS))}")
        raise typer.Exit(Exit.USAGE)
    run(kind, read_file(file), light, truth, seed)


async def _try(config: SessionConfig, seconds: float) -> "RigTrial":
    # It loads zmq, which validating and help need not.
    from controller.preflight import rig_trial

    return await until_interrupted(
        rig_trial.try_rig(config, seconds, lambda doing: err.print(f"{doing}…", markup=False))
    )


def _print_units(tried: "RigTrial") -> None:
    say(f"{tried.adapter}: recorded {tried.recorded_s:.1f} s")
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("unit", "channel", "spikes", "per second", "label"):
        table.add_column(title, justify="left" if title == "label" else "right")
    for unit in tried.units:
        rate = f"{unit.rate_hz:.1f}"
        table.add_row(str(unit.unit_id), str(unit.channel_id), str(unit.spikes), rate, unit.label)
    out.print(table)
