"""`neuroloop init`, `validate` and `schema`: making and checking a session's TOML file."""

from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from controller.cli.exits import Exit
from controller.cli.output import complain, say, say_json
from controller.config.load import config_schema, load_config
from controller.config.tables import SessionConfig
from controller.errors import ConfigError

SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override one key of the config, e.g. --set threads.0.optimizer.kind=genetic",
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file to `app`."""
    app.command(epilog="Example: neuroloop init session.toml")(init)
    app.command(epilog="Example: neuroloop validate session.toml")(validate)
    app.command(epilog="Example: neuroloop schema > session.schema.json")(schema)


def template() -> str:
    """Return the commented TOML file that `init` writes: the demo's session."""
    return (resources.files("controller.config") / "template.toml").read_text(encoding="utf-8")


def init(
    path: Annotated[Path, typer.Argument(help="The file to write.")],
    force: Annotated[bool, typer.Option(help="Overwrite a file that exists.")] = False,
) -> None:
    """Write a commented config of a session against a simulated neuron, to be edited."""
    if path.exists() and not force:
        complain(f"{path} exists; choose another name, or overwrite it with --force")
        raise typer.Exit(Exit.USAGE)
    if not path.parent.is_dir():
        complain(f"there is no folder {path.parent}; make it first, or choose another path")
        raise typer.Exit(Exit.USAGE)
    path.write_text(template(), encoding="utf-8")
    say(f"Wrote {path}. Edit it, then: neuroloop validate {path}")


def validate(
    path: Annotated[Path, typer.Argument(help="The session's TOML file.")],
    overrides: SetOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False,
) -> None:
    """Check a config without starting anything: one sentence for each problem."""
    try:
        config = load_config(path, overrides or ())
    except ConfigError as error:
        if as_json:
            say_json({"valid": False, "problems": list(error.problems)})
            raise typer.Exit(Exit.USAGE) from error
        raise
    if as_json:
        say_json({"valid": True, "problems": [], "config": config.model_dump(mode="json")})
    else:
        say(f"{path} is valid: {describe(config)}.")


def schema() -> None:
    """Print the JSON schema of the config, for editors and other programs."""
    say(config_schema().rstrip())


def describe(config: SessionConfig) -> str:
    """Return a config in half a sentence."""
    threads = ", ".join(f"{thread.optimizer.kind} on {thread.drivers}" for thread in config.threads)
    count = "1 thread" if len(config.threads) == 1 else f"{len(config.threads)} threads"
    stopping = config.stopping
    length = (
        f"{stopping.max_generations} generations"
        if stopping.max_generations is not None
        else f"{stopping.max_minutes:g} minutes"
    )
    return (
        f"{count} ({threads}) with {config.references.count} reference "
        f"images, {length}, rig {config.rig.adapter}, {config.session.time} time"
    )
