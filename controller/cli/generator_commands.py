"""`neuroloop generator`: which there are, what they paint, and making one of pictures or weights.

Left out: the geometry of a generator (`controller.cli.generator_geometry`).
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.table import Table

from controller.cli import generator_geometry
from controller.cli.exits import Exit
from controller.cli.output import complain, err, out, say, say_json
from controller.cli.progress_lines import ProgressLines
from controller.generator_tools.sources import HELP as SOURCE_HELP
from controller.generator_tools.sources import settings_of

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]
_USUAL_PICTURES = 16
_MOST_NAMED = 5


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file to `app`."""
    generator = typer.Typer(
        no_args_is_help=True,
        help="Generators: which there are, what they paint, and making one of your own files.",
        rich_markup_mode=None,
    )
    generator.command("list", epilog="Example: neuroloop generator list")(list_)
    generator.command(
        epilog="Example: neuroloop generator render gaussian:code_dim=256 --out pictures"
    )(render)
    generator.command(
        "import", epilog="Example: neuroloop generator import fc6.pt --copy-to weights"
    )(import_)
    generator.command(
        epilog="Example: neuroloop generator fit photographs --out photographs.npz --size 128"
    )(fit)
    generator_geometry.add_to(generator)
    app.add_typer(generator, name="generator")


def list_(as_json: JsonOption = False) -> None:
    """List the kinds of generator that a config can name, those of other packages included."""
    from controller.generator_tools.kinds import described_kinds
    from generators.registry import faults

    found = described_kinds()
    if as_json:
        say_json({"kinds": [vars(kind) for kind in found], "faults": faults()})
        return
    for fault in faults():
        complain(fault)
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("kind", "a code", "pixels", "needs", "what it is"):
        table.add_column(title, overflow="fold")
    for kind in found:
        table.add_row(
            kind.kind,
            _or_dash(kind.code_dim),
            _or_dash(kind.image_size_px),
            ", ".join(kind.needs) or "–",
            kind.about,
        )
    out.print(table)


def render(
    source: Annotated[str, typer.Argument(help=SOURCE_HELP)],
    into: Annotated[Path, typer.Option("--out", help="The folder to make.")],
    n: Annotated[
        int | None,
        typer.Option("--n", min=1, max=10_000, help="How many; 16, or all codes of the file."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of random codes.")] = 0,
    codes_file: Annotated[
        Path | None, typer.Option("--codes", help="Paint these codes of an .npy or .npz file.")
    ] = None,
) -> None:
    """Paint pictures of random codes, or of those in a file.

    The folder gets a PNG for each code, sheet.png with all of them, and codes.npy, which a session
    starts from with initial = ["FOLDER/codes.npy"].
    """
    from controller.code_files import read_codes
    from controller.generator_tools.pictures import CODES, SHEET, require_new_folder, write_pictures

    settings = settings_of(source)
    require_new_folder(into)
    with _interruptible():
        err.print(f"building {settings.kind}…", markup=False)
        generator = settings.build()
        if codes_file is None:
            rng = np.random.default_rng(seed)
            codes = generator.initial_codes(n or _USUAL_PICTURES, rng)
        else:
            codes = read_codes(codes_file, generator.code_dim)[:n]
        write_pictures(into, codes, generator.render(codes))
    say(f"{generator.name}: {generator.provenance}")
    say(f"Painted {len(codes)} pictures into {into}; {SHEET} shows all, {CODES} holds their codes.")


def import_(
    weights: Annotated[Path, typer.Argument(help="The weights file.")],
    copy_to: Annotated[
        Path | None, typer.Option(help="Copy a file that was found good into this folder.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Tell which generator a weights file is for, check all of it, and say what to write.

    Nothing in the file is executed. A copy has the same bytes, so that the hash in a session's log
    is that of the file as you got it.
    """
    from controller.generator_tools.weights_files import copied, examined

    with _interruptible():
        found = examined(weights)
        place = copied(found, copy_to) if copy_to is not None else weights
    if as_json:
        say_json({"file": str(place), "generators": [vars(one) for one in found]})
        return
    for one in found:
        say(f"{weights} is for {one.kind}: {one.n_parameters:,} numbers, all there and finite.")
        say(f"  code {one.code_dim}, images {one.image_size_px} pixels, norm {one.norm_hint:g}")
        say(f"  {one.provenance}")
        say(f"  sha256 {one.sha256}")
    if len(found) > 1:
        say("These have the same parameters: only where the file comes from tells them apart.")
    if copy_to is not None:
        say(f"Copied to {place}.")
    say(f"In a session:\n\n{_table(found[0], place)}")


def fit(
    folder: Annotated[Path, typer.Argument(help="Pictures of any size; folders in it count too.")],
    file: Annotated[Path, typer.Option("--out", help="The file to write, .npz.")],
    size: Annotated[
        int, typer.Option(min=8, max=1024, help="Height and width of its images, in pixels.")
    ],
    modes: Annotated[
        int | None,
        typer.Option(min=1, help="Length of a code. Default: what the pictures are enough for."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a linear-Gaussian generator of a folder of pictures, and say how far to trust it.

    A picture of its spectrum and of random images is drawn beside the file. Ctrl-C ends the fit and
    leaves nothing behind.
    """
    from controller.generator_tools.fit_figure import draw
    from controller.generator_tools.pictures import unfinished
    from generators.fitted_gaussian.fit import fit_folder

    figure = file.with_suffix(".png")
    _require_places(file, figure)
    with _interruptible():
        made = fit_folder(folder, size, modes, file.absolute().parent, ProgressLines())
        with unfinished(figure) as drawn:
            draw(made, drawn)
            made.ensemble.save(file)
    if as_json:
        say_json(_fit_as_json(made, file, figure))
        return
    for sentence in made.unreadable[:_MOST_NAMED]:
        err.print(f"left out: {sentence}", markup=False)
    if len(made.unreadable) > _MOST_NAMED:
        err.print(f"left out: {len(made.unreadable) - _MOST_NAMED} more", markup=False)
    _say_fit(made)
    say(f"Wrote {file} and {figure}. In a session:\n")
    say(f'[generators.mine]\nkind = "gaussian_fitted"\nweights = "{file}"')


def _table(found: Any, place: Path) -> str:
    keys = {"kind": found.kind, found.key: str(place), **found.keys}
    lines = [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
    lines += [f"# {key} = …  choose it: {meaning}" for key, meaning in found.to_choose.items()]
    return "\n".join(["[generators.mine]", *lines])


def _say_fit(made: Any) -> None:
    from generators.fitted_gaussian.consistency import ENOUGH_RATIO

    ensemble, trust = made.ensemble, made.trust
    left_out = f", {len(made.unreadable)} unreadable" if made.unreadable else ""
    left_out += f", {made.n_copies} copies" if made.n_copies else ""
    say(f"{ensemble.n_pictures} pictures{left_out}; {ensemble.n_modes} modes.")
    say(f"  variance in these modes          {trust.explained:8.1%} of what was measured")
    say(f"  of it in fresh pictures          {trust.kept:8.1%}")
    say(f"  effective number of modes        {trust.effective_modes:8.0f}")
    say(f"  kappa / noise at the last mode   {trust.noise_ratio:8.2f} (up to {ENOUGH_RATIO:g})")
    if trust.error:
        say(f"  largest error of a variance      {trust.error:8.1%} (too many to solve exactly)")
    say(f"{ensemble.n_pictures} pictures are enough for {trust.enough_modes} modes.")
    if not trust.enough:
        needed = f"{trust.enough_pictures}" if trust.enough_pictures else "many more"
        complain(
            f"these are too few pictures for {ensemble.n_modes} modes: the weakest of them are "
            f"mostly chance; take {needed} pictures, or --modes {trust.enough_modes}"
        )


def _fit_as_json(made: Any, file: Path, figure: Path) -> dict[str, Any]:
    return {
        "file": str(file),
        "figure": str(figure),
        "sha256": made.ensemble.sha256(),
        "n_pictures": made.ensemble.n_pictures,
        "n_modes": made.ensemble.n_modes,
        "n_copies": made.n_copies,
        "unreadable": list(made.unreadable),
        **vars(made.trust),
        "enough": made.trust.enough,
    }


@contextmanager
def _interruptible() -> Iterator[None]:
    """Say of a command that Ctrl-C has ended it that it has left nothing behind, as these do."""
    try:
        yield
    except KeyboardInterrupt:
        complain("interrupted; nothing was written")
        raise typer.Exit(Exit.ABORTED) from None


def _require_places(file: Path, figure: Path) -> None:
    """Check, before minutes of fitting, that both files can be written."""
    if file.suffix != ".npz":
        complain(f"{file} cannot be a fitted generator; end its name with .npz")
    elif not file.absolute().parent.is_dir():
        complain(f"there is no folder {file.parent}; make it first, or choose another path")
    elif file.exists() or figure.exists():
        complain(f"{file if file.exists() else figure} exists; choose another name, or remove it")
    else:
        return
    raise typer.Exit(Exit.USAGE)


def _or_dash(number: int | None) -> str:
    return "–" if number is None else str(number)
