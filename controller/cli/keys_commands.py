"""`neuroloop keys new` and `keys list`: by which a rig adapter on another machine is reached.

Both machines have a folder of the same form; what is in it and when it is refused is the business
of `rig_adapters.keys`.
"""

import os
from pathlib import Path
from typing import Annotated

import typer

from controller.cli.output import say
from rig_adapters.keys import ALLOWED, PUBLIC, Keys, make_keys, read_keys

FolderOption = Annotated[
    Path | None,
    typer.Option(help="Folder of keys. Default: neuroloop/keys in the user's configuration."),
]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file to `app`."""
    keys = typer.Typer(
        no_args_is_help=True,
        help="Keys for a rig adapter that runs on another machine.",
        rich_markup_mode=None,
    )
    keys.command(epilog="Example: neuroloop keys new stimulus-pc")(new)
    keys.command("list", epilog="Example: neuroloop keys list")(list_keys)
    app.add_typer(keys, name="keys")


def default_folder() -> Path:
    """Return where this user's keys are kept unless said otherwise."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "neuroloop" / "keys"


def new(
    name: Annotated[str, typer.Argument(help="What this machine is called, e.g. stimulus-pc.")],
    folder: FolderOption = None,
) -> None:
    """Make the pair of keys of this machine, and say what to copy where."""
    public = make_keys(folder or default_folder(), name)
    keys = read_keys(public.parent)
    say(f"Made the keys of {name} in {keys.folder}.")
    say(f"Copy {public} to the folder {ALLOWED} of the other machine's keys,")
    say(f"and that machine's file NAME{PUBLIC} to {keys.folder / ALLOWED}.")
    say(f"The adapter is started with --keys '{keys.folder}';")
    say(f'a session that connects to one says rig.keys = "{keys.folder}".')
    say("The secret stays here: never copy or mail the other file.")


def list_keys(folder: FolderOption = None) -> None:
    """Show whose keys are in a folder, and which machines they talk with."""
    keys = read_keys(folder or default_folder())
    for line in _lines(keys):
        say(line)


def _lines(keys: Keys) -> list[str]:
    lines = [f"{keys.name}: {keys.public.decode()} (this machine, in {keys.folder})"]
    lines += [f"{name}: {key.decode()} (allowed)" for name, key in keys.allowed.items()]
    if not keys.allowed:
        lines.append(f"Nobody is allowed yet: copy other machines' keys to {keys.folder / ALLOWED}")
    return lines
