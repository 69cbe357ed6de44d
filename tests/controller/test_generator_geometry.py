"""`neuroloop generator describe` and `invert`: from the command line to a session's optimizer."""

import json
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from typer.testing import CliRunner, Result

from controller.assembly import build_optimizer
from controller.cli import generator_geometry
from controller.cli.app import app
from controller.cli.exits import Exit
from controller.code_files import read_codes
from controller.config.optimizers import OPTIMIZER_TABLES
from controller.generator_tools.inversion_search import cma_search
from controller.initial_codes import first_codes
from generators.base import Generator
from generators.gaussian import GaussianGenerator
from generators.geometry import inversion
from generators.geometry.decoder import Decoder
from generators.geometry.distances import PixelDistance
from generators.geometry.inversion import Recipe, invert
from generators.geometry.service import measure
from generators.procedural import natural_references
from generators.settings import GeneratorSettings

SOURCE = "gaussian:code_dim=8,image_size_px=72"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty folder, which is also the current one and holds what is kept."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["generator", *arguments])


def kept(folder: Path) -> Path:
    (file,) = (folder / "cache" / "neuroloop" / "geometry").iterdir()
    return file


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    """Give what a description has printed, and the folder in which it was made."""
    folder = tmp_path_factory.mktemp("described")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        return run("describe", SOURCE, "--codes", "2", "--distance", "pixel"), folder


def test_a_generator_is_described_in_words_and_in_a_picture(
    described: tuple[Result, Path],
) -> None:
    done, folder = described

    assert done.exit_code == 0, done.output
    assert "all axes of 8, at 2 codes, by its Jacobian" in done.stdout
    assert "homogeneity: log 1.000, linear 1.000" in done.stdout
    assert f'metric = "{kept(folder)}"' in done.stdout
    with Image.open(folder / "gaussian-8-pixel.png") as file:
        drawn = np.asarray(file.convert("RGB"))
    # Spectrum above, walks below, neither empty.
    assert drawn.shape[0] > 500
    assert (drawn[: drawn.shape[0] // 3] < 200).any()
    assert len(np.unique(drawn[drawn.shape[0] // 2 :].reshape(-1, 3), axis=0)) > 1000


def test_a_damaged_metric_is_computed_again_and_a_program_can_read_what_is_told(
    described: tuple[Result, Path], folder: Path
) -> None:
    file = kept(described[1])
    place = folder / "kept" / file.name
    place.parent.mkdir()
    place.write_bytes(file.read_bytes()[:-1])
    more = ("--distance", "pixel", "--json", "--keep", "kept")
    done = run("describe", SOURCE, "--codes", "2", *more)
    found = json.loads(done.stdout)

    assert "it is computed again" in done.stderr
    assert place.read_bytes() == file.read_bytes()
    gaussian = GaussianGenerator(8, image_size_px=72)
    unit = np.eye(8, dtype=np.float32)
    slopes = 0.5 * (gaussian.pixels(unit).astype(float) - gaussian.pixels(0 * unit))
    squares = 2.0 * np.square(slopes.reshape(8, -1)).mean(axis=1)
    np.testing.assert_allclose(found["eigenvalues"], np.sort(squares)[::-1], rtol=1e-3)
    assert found["dims"]["0.9"] <= found["dims"]["0.99"] <= 8
    assert found["walks"][0]["rank"] == 1
    ahead = found["walks"][0]["ahead"]
    np.testing.assert_allclose(ahead["distances"], ahead["targets"], rtol=0.01)


@pytest.mark.parametrize(
    "table",
    [
        {"kind": "hessian_cma", "metric": "FILE", "n_axes": 6, "unit_lengths": True},
        {"kind": "posterior_ascent", "metric": "FILE"},
        {"kind": "subspace", "basis": "FILE", "n_dims": 5, "inner": {"kind": "cholesky_cma"}},
    ],
    ids=lambda table: table["kind"],
)
def test_the_kept_metric_serves_optimizers(
    described: tuple[Result, Path], table: dict[str, object]
) -> None:
    file = str(kept(described[1]))
    written = {key: file if value == "FILE" else value for key, value in table.items()}
    generator = GaussianGenerator(8, image_size_px=72)
    rng = np.random.default_rng(0)
    options = OPTIMIZER_TABLES[str(table["kind"])].model_validate(written)
    optimizer = build_optimizer(options, generator.initial_codes(8, rng), "maximise")
    for first_id in (0, 100):
        asked = optimizer.ask(rng, first_id)
        heard = np.ones(len(asked.ids), np.int64)
        optimizer.tell(asked.ids, asked.codes, rng.standard_normal(len(heard)), heard)

    assert optimizer.ask(rng, 200).codes.shape[1] == 8


def test_ctrl_c_leaves_nothing_behind(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(_self: object, told: str) -> None:
        if "code 2" in told:
            raise KeyboardInterrupt

    monkeypatch.setattr(generator_geometry.ProgressLine, "__call__", stop)
    done = run("describe", SOURCE, "--codes", "2")

    assert done.exit_code == Exit.ABORTED
    assert "nothing was written" in done.stderr
    assert [path for path in folder.rglob("*") if path.is_file()] == []


def picture_files(folder: Path) -> list[str]:
    names = []
    for index, image in enumerate(natural_references(2, 96, np.random.default_rng(5))):
        names.append(f"picture{index}.png")
        Image.fromarray(image).save(folder / names[-1])
    return names


def test_codes_of_pictures_are_written_for_a_session_to_start_from(folder: Path) -> None:
    names = picture_files(folder)
    done = run("invert", *names, "--generator", SOURCE, "--out", "start.npz")

    assert done.exit_code == 0, done.output
    assert "picture0.png:" in done.stdout
    assert "its exact inverse" in done.stdout
    assert 'initial = ["start.npz"]' in done.stdout
    gaussian = GaussianGenerator(8, image_size_px=72)
    codes = first_codes([str(folder / "start.npz")], 8, gaussian, np.random.default_rng(0))
    by_pictures = first_codes(
        [f"picture:{folder / name}" for name in names], 8, gaussian, np.random.default_rng(0)
    )
    np.testing.assert_array_equal(codes, by_pictures)
    with np.load(folder / "start.npz", allow_pickle=False) as file:
        assert file["pictures"].tolist() == names
        assert (file["distances"] > 0).all()
        assert str(file["generator"]) == "gaussian-8"
    with Image.open(folder / "start-images.png") as file:
        assert file.size[0] > 300


class Curves(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(2)
            self.first, self.second = nn.Linear(8, 32), nn.Linear(32, 3 * 64)

    def forward(self, codes: Tensor) -> Tensor:
        wide = self.second(torch.tanh(2.0 * self.first(codes))).view(-1, 3, 8, 8)
        return nn.functional.interpolate(wide, scale_factor=4.0, mode="bilinear").sigmoid()


class CurvesSettings(GeneratorSettings):
    """A generator of another package: no exact inverse."""

    kind: Literal["curves"] = "curves"

    def known_code_dim(self) -> int:
        return 8

    def build(self) -> Generator:
        return Decoder(Curves(), 8, 8**0.5, "curves")


@pytest.fixture
def curves(monkeypatch: pytest.MonkeyPatch) -> Generator:
    """Give a small network, which the command line finds under any name."""
    monkeypatch.setattr(generator_geometry, "settings_of", lambda _: CurvesSettings())
    return CurvesSettings().build()


def test_a_network_is_inverted_by_search_and_descent(
    folder: Path, curves: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inversion, "RECIPES", {"refined": Recipe(1, 10, 150)})
    code = curves.initial_codes(1, np.random.default_rng(77))
    Image.fromarray(curves.render(code)[0]).save(folder / "mine.png")
    done = run("invert", "mine.png", "--out", "mine.npz", "--generator", "curves", "--json")

    assert done.exit_code == 0, done.output
    (found,) = json.loads(done.stdout)["pictures"]
    assert found["distance"] < 0.25 * found["start_distance"]
    assert not found["exact"]
    image = curves.render(read_codes(folder / "mine.npz", 8))[0].astype(float)
    off = np.abs(image - curves.render(code)[0]).mean() / 255
    assert found["mean_absolute"] == pytest.approx(off, rel=1e-3)
    assert kept(folder).exists()


def test_cma_finds_a_better_place_to_begin(curves: Generator) -> None:
    picture = curves.render(curves.initial_codes(1, np.random.default_rng(77)))[0]
    starts = np.zeros((1, 8), np.float32)
    codes = curves.initial_codes(2, np.random.default_rng(1))
    axes = measure(curves, PixelDistance(), codes).axes
    for each in (axes, None):
        search = cma_search(curves, starts, each, np.random.default_rng(0))
        found = invert(curves, picture, PixelDistance(), starts, each, Recipe(15, 0, 0), search)
        assert found.distance < 0.7 * found.start_distance


def lpips_files(folder: Path, last: float) -> None:
    """Write AlexNet and weightings as LPIPS has them; what is seen is multiplied by `last`."""
    rng = torch.Generator().manual_seed(0)
    layers = {
        0: (64, 3, 11),
        3: (192, 64, 5),
        6: (384, 192, 3),
        8: (256, 384, 3),
        10: (256, 256, 3),
    }
    network = {}
    for index, (n_out, n_in, size) in layers.items():
        drawn = torch.randn((n_out, n_in, size, size), generator=rng)
        network[f"features.{index}.weight"] = drawn * (2.0 / (n_in * size**2)) ** 0.5
        network[f"features.{index}.bias"] = torch.zeros(n_out)
    weightings = [n_out for n_out, _, _ in layers.values()]
    torch.save(network, folder / "alexnet.pth")
    torch.save(
        {f"lin{i}.model.1.weight": last * torch.ones(1, n, 1, 1) for i, n in enumerate(weightings)},
        folder / "alex.pth",
    )


@pytest.mark.parametrize(("last", "told"), [(0.1, "lpips-alex-"), (0.0, "all the same")])
def test_lpips_is_taken_from_files_of_ones_own(folder: Path, last: float, told: str) -> None:
    lpips_files(folder, last)
    files = ("--distance", "lpips", "--alexnet", "alexnet.pth", "--lpips", "alex.pth")
    done = run("describe", "gaussian:code_dim=2,image_size_px=72", "--codes", "2", *files)

    assert told in f"{done.stdout}{done.exception}"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("describe", SOURCE, "--distance", "other"), "there is no distance 'other'"),
        (("describe", SOURCE, "--distance", "lpips"), "give your own files"),
        (("describe", SOURCE, "--picture", "x.txt"), "end its name with .png"),
        (("describe", SOURCE, "--picture", "no/x.png"), "there is no folder"),
        (("describe", SOURCE, "--axes", "9"), "9 axes were asked for"),
        (("invert", "p.png", "--generator", SOURCE, "--out", "x.npy"), "end its name with .npz"),
        (("invert", "p.png", "--generator", SOURCE, "--out", "x.npz"), "no picture file p.png"),
        (("invert", "p.png", "--generator", SOURCE, "--out", "there.npz"), "there.npz exists"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_computed(
    folder: Path, arguments: tuple[str, ...], told: str
) -> None:
    (folder / "there.npz").write_bytes(b"")
    done = run(*arguments)

    assert done.exception is not None
    assert told in str(done.exception)
    assert [path.name for path in folder.rglob("*") if path.is_file()] == ["there.npz"]


def test_a_recipe_that_there_is_not_is_refused(folder: Path) -> None:
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(folder / "p.png")
    done = run("invert", "p.png", "--generator", SOURCE, "--out", "x.npz", "--recipe", "soup")

    assert "there is no recipe 'soup'; write one of descend" in str(done.exception)
    assert not (folder / "cache").exists()
