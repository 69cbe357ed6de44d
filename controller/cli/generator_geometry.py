"""`neuroloop generator describe` and `invert`: how its pictures change with codes, and back.

What is left out: computing either (`generators.geometry`, `controller.generator_tools`).
"""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from controller.cli.exits import Exit
from controller.cli.output import complain, err, say, say_json
from controller.errors import ControllerError
from controller.generator_tools.sources import HELP as SOURCE_HELP
from controller.generator_tools.sources import settings_of

if TYPE_CHECKING:
    from generators.base import Generator
    from generators.geometry.distances import Distance
    from generators.geometry.inversion import Inverted, Recipe
    from generators.geometry.service import Geometry

_LINE_EVERY_S = 5.0
_DISTANCES = ("pyramid", "steerable", "pixel", "lpips")
_FORMATS = (".png", ".pdf", ".svg")

SourceArgument = Annotated[str, typer.Argument(help=SOURCE_HELP)]
SourceOption = Annotated[str, typer.Option("--generator", help=SOURCE_HELP)]
DistanceOption = Annotated[
    str, typer.Option(help=f"Between pictures: {', '.join(_DISTANCES)}.", metavar="NAME")
]
AlexnetOption = Annotated[
    Path | None, typer.Option(help="For lpips: AlexNet's state dict, as torchvision names it.")
]
LpipsOption = Annotated[
    Path | None, typer.Option(help="For lpips: the weightings of LPIPS 0.1, alex.pth.")
]
CodesOption = Annotated[int, typer.Option(min=1, max=1000, help="Random codes to measure at.")]
SeedOption = Annotated[int, typer.Option(min=0, help="Of random codes.")]
AxesOption = Annotated[
    int | None, typer.Option(min=1, help="Strongest axes. Default: all, of long codes 200.")
]
KeepOption = Annotated[
    Path | None,
    typer.Option(help="Folder in which metrics are kept. Default: ~/.cache/neuroloop/geometry."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]


class UnusableRequest(ControllerError):
    """What was asked for cannot be done; nothing was computed."""


def add_to(generator: typer.Typer) -> None:
    """Add the commands of this file to the group `neuroloop generator`."""
    generator.command(
        epilog="Example: neuroloop generator describe gaussian:code_dim=64 --codes 2"
    )(describe)
    generator.command(
        epilog="Example: neuroloop generator invert face.png --generator session.toml#fc6 "
        "--out face.npz"
    )(invert)


def describe(
    source: SourceArgument,
    distance: DistanceOption = "pyramid",
    codes: CodesOption = 10,
    seed: SeedOption = 0,
    axes: AxesOption = None,
    picture: Annotated[
        Path | None, typer.Option(help="Where to draw. Default: NAME-DISTANCE.png.")
    ] = None,
    alexnet: AlexnetOption = None,
    lpips: LpipsOption = None,
    keep: KeepOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure how a generator's pictures change with its codes, and draw what its axes do.

    Prints how many directions hold most of the change, and how alike it is from code to code. The
    metric is kept, and the file serves optimizers as metric or basis.
    """
    from controller.generator_tools.description import describe as described
    from controller.generator_tools.geometry_figure import draw

    between = _distance(distance, alexnet, lpips)
    generator = _built(source)
    place = picture or Path(f"{generator.name}-{between.name}.png")
    _require_picture(place)
    try:
        geometry, file = _geometry(generator, between, codes, seed, axes, keep)
        found = described(generator, between, geometry, ProgressLine())
    except KeyboardInterrupt:
        complain("interrupted; nothing was written")
        raise typer.Exit(Exit.ABORTED) from None
    draw(found, generator, place)
    if as_json:
        say_json({**found.plain(), "file": str(file), "picture": str(place)})
        return
    for sentence in found.sentences():
        say(sentence)
    say(f"Drew {place}. The metric is in {file}; for an optimizer:")
    say(f'metric = "{file}"')


def invert(
    pictures: Annotated[list[Path], typer.Argument(metavar="PICTURE…", help="Picture files.")],
    source: SourceOption,
    into: Annotated[Path, typer.Option("--out", help="The file of codes to write, .npz.")],
    distance: DistanceOption = "pyramid",
    recipe: Annotated[
        str,
        typer.Option(help="descend, refined, search or basin: how much of CMA-ES and of descent."),
    ] = "refined",
    codes: CodesOption = 4,
    seed: SeedOption = 0,
    axes: AxesOption = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="Descend in the genes, without the metric.")
    ] = False,
    alexnet: AlexnetOption = None,
    lpips: LpipsOption = None,
    keep: KeepOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find the codes of pictures, for a session to start from: initial = ["FILE"].

    Pictures are cut to a square. Each is drawn beside the image of its code.
    """
    from controller.code_files import write_codes
    from controller.generator_tools.geometry_figure import draw_inversions
    from generators.base import ExactlyInvertible
    from generators.images import load_image

    between = _distance(distance, alexnet, lpips)
    figure = into.with_name(f"{into.stem}-images.png")
    _require_codes_file(into, figure)
    how = _recipe(recipe)
    generator = _built(source)
    size_px = generator.image_shape[0]
    targets = np.stack([load_image(path, size_px) for path in pictures])
    try:
        use_metric = not plain and not isinstance(generator, ExactlyInvertible)
        geometry = _geometry(generator, between, codes, seed, axes, keep)[0] if use_metric else None
        found = [_inverted(generator, target, between, geometry, how, seed) for target in targets]
    except KeyboardInterrupt:
        complain("interrupted; nothing was written")
        raise typer.Exit(Exit.ABORTED) from None
    names = [path.name for path in pictures]
    write_codes(
        into,
        np.stack([each.code for each in found]),
        pictures=names,
        distances=[each.distance for each in found],
        distance_name=between.name,
        generator=generator.name,
        weights_sha256=generator.weights_sha256,
    )
    draw_inversions(names, targets, found, generator, figure)
    _say_inversions(names, found, into, figure, as_json=as_json)


class ProgressLine:
    """Prints what it is told, to standard error, but only every few seconds."""

    def __init__(self) -> None:
        self._begin_s = self._told_s = time.monotonic()

    def __call__(self, told: str) -> None:
        """Print a line if one is due."""
        now_s = time.monotonic()
        is_important = "again" in told
        if is_important or now_s - self._told_s >= _LINE_EVERY_S:
            self._told_s = now_s
            err.print(f"{told} ({now_s - self._begin_s:.0f} s)", markup=False)


def _geometry(
    generator: "Generator",
    distance: "Distance",
    n_codes: int,
    seed: int,
    n_axes: int | None,
    keep: Path | None,
) -> "tuple[Geometry, Path]":
    from generators.geometry.cache import geometry_of

    codes = generator.initial_codes(n_codes, np.random.default_rng(seed))
    folder = keep or _kept_in()
    return geometry_of(generator, distance, codes, folder, n_axes, ProgressLine())


def _inverted(
    generator: "Generator",
    target: Any,
    distance: "Distance",
    geometry: "Geometry | None",
    how: "Recipe",
    seed: int,
) -> "Inverted":
    from controller.generator_tools.inversion_search import cma_search
    from generators.geometry.inversion import invert as inverted

    rng = np.random.default_rng(seed)
    starts = generator.initial_codes(16, rng)
    starts[0] = 0.0
    axes = None if geometry is None else geometry.axes
    search = cma_search(generator, starts, axes, rng) if how.rounds else None
    return inverted(generator, target, distance, starts, axes, how, search, ProgressLine())


def _say_inversions(
    names: list[str], found: "list[Inverted]", into: Path, figure: Path, *, as_json: bool
) -> None:
    if as_json:
        rows = [
            {
                "picture": name,
                "distance": each.distance,
                "mean_absolute": each.mean_absolute,
                "start_distance": each.start_distance,
                "norm": float(np.linalg.norm(each.code)),
                "exact": each.exact,
            }
            for name, each in zip(names, found, strict=True)
        ]
        say_json({"codes": str(into), "figure": str(figure), "pictures": rows})
        return
    for name, each in zip(names, found, strict=True):
        how = "its exact inverse" if each.exact else f"{each.start_distance:.4f} at first"
        say(
            f"{name}: {each.distance:.4f} away ({how}), {each.mean_absolute:.4f} in the mean over "
            f"pixels; norm {np.linalg.norm(each.code):.4g}"
        )
    say(f"Wrote {into} and {figure}. In a session:")
    say(f'initial = ["{into}"]')


def _built(source: str) -> "Generator":
    settings = settings_of(source)
    err.print(f"building {settings.kind}…", markup=False)
    return settings.build()


def _distance(name: str, alexnet: Path | None, lpips: Path | None) -> "Distance":
    from generators.geometry.distances import PixelDistance, PyramidDistance
    from generators.geometry.lpips import read_lpips
    from generators.geometry.steerable import SteerableDistance

    if name not in _DISTANCES:
        raise UnusableRequest(
            f"there is no distance {name!r}; write one of {', '.join(_DISTANCES)}"
        )
    if name == "lpips":
        if alexnet is None or lpips is None:
            raise UnusableRequest(
                "the distance lpips has weights that do not come with neuroloop; give your own "
                "files with --alexnet and --lpips"
            )
        return read_lpips(alexnet, lpips)
    weightless = (PyramidDistance(), SteerableDistance(), PixelDistance())
    return {distance.name: distance for distance in weightless}[name]


def _recipe(name: str) -> "Recipe":
    from generators.geometry.inversion import RECIPES

    if name not in RECIPES:
        raise UnusableRequest(f"there is no recipe {name!r}; write one of {', '.join(RECIPES)}")
    return RECIPES[name]


def _kept_in() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "neuroloop" / "geometry"


def _require_picture(path: Path) -> None:
    if path.suffix not in _FORMATS:
        raise UnusableRequest(f"{path} cannot be drawn; end its name with .png, .pdf or .svg")
    _require_folder(path)


def _require_codes_file(into: Path, figure: Path) -> None:
    if into.suffix != ".npz":
        raise UnusableRequest(f"{into} cannot hold codes; end its name with .npz")
    _require_folder(into)
    for path in (into, figure):
        if path.exists():
            raise UnusableRequest(f"{path} exists; choose another name, or remove it")


def _require_folder(path: Path) -> None:
    if not path.absolute().parent.is_dir():
        raise UnusableRequest(f"there is no folder {path.absolute().parent}; make it first")
